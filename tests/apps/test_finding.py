"""What a name means in a store is the same for every command."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from assay.apps.finding import find_stored
from assay.core.errors import StoreError
from assay.core.records import Record
from assay.core.store import Store


def record(trial: str, seed: int) -> Record:
    return Record(f"{trial}-{seed}", trial, seed, "finished", {}, {"step": np.arange(2)}, {})


def plan(study: str, **trials: str) -> dict[str, object]:
    made = [
        {"label": label, "trial_id": trial, "config": {}, "levels": {}, "runs": [f"{trial}-0"]}
        for label, trial in trials.items()
    ]
    return {"study": study, "trials": made}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "store") as opened:
        for trial in ("aaaa1111", "bbbb2222"):
            opened.add(record(trial, 0))
        opened.save_plan(plan("depth", shallow="aaaa1111", deep="bbbb2222"))
        opened.save_plan(plan("width@quick", narrow="cccc3333", deep="dddd4444"))
        for scale in ("quick", "smoke"):
            opened.save_plan(plan(f"both@{scale}"))
        yield opened


@pytest.mark.parametrize("name", ["width", "width@quick"])
def test_a_study_is_found_without_its_scale(store: Store, name: str):
    found = find_stored(store, name)
    assert (found.plan["study"], found.trial, found.run) == ("width@quick", None, "")
    assert found.runs == ["cccc3333-0", "dddd4444-0"]


def test_a_trial_is_found_without_its_scale(store: Store):
    found = find_stored(store, "width:narrow", trials=True)
    assert found.trial is not None
    assert (found.plan["study"], found.trial["label"]) == ("width@quick", "narrow")


@pytest.mark.parametrize("name", ["shallow", "depth:shallow", "aaaa"])
def test_a_trial_has_three_names(store: Store, name: str):
    found = find_stored(store, name, trials=True)
    assert found.trial is not None
    assert (found.trial["label"], found.runs) == ("shallow", ["aaaa1111-0"])


def test_an_exact_name_in_one_study_is_no_short_one_of_another(store: Store):
    store.save_plan(plan("flat", **{"kind = deep": "eeee5555", "kind = other": "ffff6666"}))
    found = find_stored(store, "kind:other", trials=True)
    assert found.trial is not None
    assert found.trial["trial_id"] == "ffff6666"
    with pytest.raises(StoreError, match="'deep' can mean 2 trials: depth:deep, width@quick:deep"):
        find_stored(store, "deep", trials=True)


def test_a_run_is_found_by_its_start(store: Store):
    assert find_stored(store, "bbbb").run == "bbbb2222-0"
    assert find_stored(store, "bbbb2222-0", trials=True).runs == ["bbbb2222-0"]


@pytest.mark.parametrize(
    ("name", "trials", "said"),
    [
        ("deep", True, "'deep' can mean 2 trials: depth:deep, width@quick:deep"),
        ("deep", False, "no study or run 'deep'.*did you mean 'depth'"),
        ("dept", True, "no study, trial or run 'dept'.*did you mean 'depth'"),
        (
            "depth:shalow",
            True,
            r"study depth 'shalow'; did you mean 'shallow'\? \(known: deep, shallow\)",
        ),
        ("", False, "no study or run ''"),
        ("both", False, "study 'both' is in the store .* name one: both@quick, both@smoke"),
        ("both:a", True, "study 'both' is in the store .* name one: both@quick, both@smoke"),
    ],
)
def test_what_cannot_be_meant_is_told(store: Store, name: str, trials: bool, said: str):
    with pytest.raises(StoreError, match=said):
        find_stored(store, name, trials=trials)
