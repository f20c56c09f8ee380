"""Imported runs without seeds: they are no pairs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.stats import ttest_ind

from assay.apps.importing import import_runs, read_runs
from assay.core.store import Store
from assay.statistics import Effect, effects

A, B = [0.900, 0.905, 0.911, 0.916, 0.923], [0.902, 0.908, 0.913, 0.919, 0.925]


def found(folder: Path, header: str, rows: list[str]) -> list[Effect]:
    """The comparisons of a file of these rows."""
    folder.mkdir(exist_ok=True)
    (folder / "runs.csv").write_text("\n".join([header, *rows, ""]), encoding="utf-8")
    plan = import_runs(folder / "store", "mine", read_runs(folder / "runs.csv"))
    with Store(folder / "store", read_only=True, create=False) as store:
        records = store.records([r for t in plan["trials"] for r in t["runs"]])
    return effects(plan, records, "test_accuracy")


def test_the_order_of_rows_without_seeds_says_nothing(tmp_path: Path):
    rows = [*(f"a,{x}" for x in A), *(f"b,{x}" for x in B)]
    (sorted_file,) = found(tmp_path / "one", "how,accuracy", rows)
    mixed = [rows[i] for i in (3, 9, 0, 2, 7, 5, 1, 4, 6, 8)]
    (mixed_file,) = found(tmp_path / "two", "how,accuracy", mixed)
    expected = ttest_ind(B, A, equal_var=False).pvalue
    for effect in (sorted_file, mixed_file):
        assert (effect.comparison.paired, effect.comparison.test) == (False, "Welch")
        assert abs(effect.comparison.p) == pytest.approx(expected)
        assert effect.verdict == "no significant difference"  # as pairs, p would be 0.0007


def test_seeds_of_a_file_that_has_some_are_not_given_to_others(tmp_path: Path):
    rows = ["a,0,0.90", "a,1,0.91", "a,2,0.92", "b,0,0.93", "b,1,0.94", "b,2,0.96"]
    (effect,) = found(tmp_path / "seeds", "how,seed,accuracy", rows)
    assert (effect.comparison.paired, effect.comparison.n) == (True, 3)


def test_a_level_without_seeds_is_still_compared_over_all_combinations(tmp_path: Path):
    rows = [
        f"{how},{size},{x + shift}"
        for how, values in (("a", A), ("b", B))
        for size, shift in (("small", 0.0), ("large", 0.05))
        for x in values
    ]
    pooled = [e for e in found(tmp_path, "how,size,accuracy", rows) if e.pooled > 1]
    assert [(e.level, e.comparison.n, e.comparison.paired) for e in pooled] == [
        ("b", 5, False), ("large", 5, False)
    ]  # fmt: skip
    assert pooled[0].comparison.difference == pytest.approx(np.mean(B) - np.mean(A))
    assert pooled[1].comparison.difference == pytest.approx(0.05)
