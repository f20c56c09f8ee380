"""Studies that compare the same runs are one family."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_runs import runs

from assay.core.families import Questions, related
from assay.statistics import (
    effects,
    family_sentences,
)


def two_studies():
    """Two studies of overlapping runs: A asks one question, B the same and two more."""
    names = ["base", "tanh", "elu", "he"]
    rng = np.random.default_rng(4)
    records = {
        name: runs(name, 0.9 + mean + 0.002 * rng.standard_normal(5))
        for name, mean in zip(names, (0.0, 0.006, 0.0, -0.001), strict=True)
    }

    def study(name, levels, swapped=False):
        trials = [{"label": k, "trial_id": k, "levels": {"f": k}} for k in levels]
        for trial in trials:
            trial["runs"] = [r.run_id for r in records[trial["label"]]]
        rows = [
            {"factor": "f", "level": k, "against": "base", "a": k, "b": "base"} for k in levels[1:]
        ]
        if swapped:
            rows = [
                {**r, "level": "base", "against": r["level"], "a": "base", "b": r["a"]}
                for r in rows
            ]
        plan = {"study": name, "factors": {"f": levels}, "trials": trials, "comparisons": rows}
        return plan, [r for k in levels for r in records[k]]

    return study("one", ["base", "tanh"], swapped=True), study("two", ["base", "tanh", "elu", "he"])


def test_what_two_studies_ask_of_the_same_runs_has_one_p_and_one_verdict():
    one, two = two_studies()
    (alone,) = effects(*one)
    assert alone.verdict == "worse"
    (mine,) = effects({**one[0], "related": [two]}, one[1])
    theirs = effects({**two[0], "related": [one]}, two[1])
    assert [e.p_adjusted for e in theirs] == [e.p_adjusted for e in effects(*two)]
    assert mine.p_adjusted == theirs[0].p_adjusted > alone.p_adjusted
    assert {e.family for e in (mine, *theirs)} == {3}
    assert mine.verdict == theirs[0].verdict == "no significant difference"
    assert mine.comparison.low == pytest.approx(-theirs[0].comparison.high)
    (told,) = family_sentences({**one[0], "related": [two]}, [mine])
    assert told.startswith(
        "two compares some of the same runs: the 3 different comparisons of both"
    )
    assert family_sentences(one[0], [alone]) == []
    (told,) = family_sentences({**one[0], "related": [two]}, [replace(mine, family=1)])
    assert "the comparison of both counts once, so that" in told


@given(st.lists(st.floats(0.1, 0.9), min_size=12, max_size=12), st.sets(st.integers(0, 19)))
def test_a_family_decides_alike_in_all_of_its_reports(values, lost):
    one, two = two_studies()
    changed = {}
    for number, record in enumerate({r.run_id: r for r in (*one[1], *two[1])}.values()):
        value = values[number % len(values)]
        status = "diverged" if number in lost else "finished"
        changed[record.run_id] = replace(record, metrics={"test_accuracy": value}, status=status)
    one, two = ((plan, [changed[r.run_id] for r in mine]) for plan, mine in (one, two))
    (mine,) = effects({**one[0], "related": [two]}, one[1])
    theirs = effects({**two[0], "related": [one]}, two[1])[0]
    assert mine.p_adjusted == pytest.approx(theirs.p_adjusted, nan_ok=True)
    opposite = {"better": "worse", "worse": "better"}
    assert mine.verdict == opposite.get(theirs.verdict, theirs.verdict)


def test_studies_are_related_by_a_comparison_of_which_both_sides_share_runs():
    def one(study, *pairs, seeds="01"):
        names = {t for pair in pairs for t in pair}
        return Questions(
            study,
            frozenset(frozenset(pair) for pair in pairs),
            {t: frozenset(t + seed for seed in seeds) for t in names},
        )

    a, b = one("a", "xy"), one("b", "yx", "yz", seeds="012")
    c, d = one("c", "zy", "xw"), one("d", "xw", seeds="34")
    assert related(a, [a, b, c, d]) == ["b", "c"]  # c by what it shares with b
    assert related(c, [a, b, c, d]) == ["a", "b"]
    assert related(d, [a, b, c, d]) == []  # other seeds are other runs
    assert related(one("e", "xz"), [a, b, c, d]) == []  # a trial alone relates nothing
    assert related(one("a@quick", "xy"), [a]) == []
