"""Finds studies that compare the same runs, whose comparisons are corrected together."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from assay.core.plans import PlanData

__all__ = ["Questions", "questions", "related"]


class Questions(NamedTuple):
    """The comparisons of a study.

    Attributes:
        study: its name in the store, with the scale.
        pairs: the trial ids of each comparison.
        runs: trial id -> its runs, for all compared trials.
    """

    study: str
    pairs: frozenset[frozenset[str]]
    runs: dict[str, frozenset[str]]


def questions(plan: PlanData) -> Questions:
    """Return the comparisons of a plan."""
    pairs = frozenset(
        frozenset((str(row["a"]), str(row["b"]))) for row in plan.get("comparisons") or ()
    )
    compared = frozenset[str]().union(*pairs)
    runs = {t["trial_id"]: frozenset(t["runs"]) for t in plan["trials"]}
    return Questions(str(plan["study"]), pairs, {k: v for k, v in runs.items() if k in compared})


def related(study: Questions, others: Iterable[Questions]) -> list[str]:
    """Return the other studies that compare some of the same runs, directly or through further
    studies.

    Two studies are related when they compare the same two trials and have runs of both in common.
    Sharing a single trial, such as a baseline, does not relate two studies, because no comparison
    is made twice. The scales of a study count as one study.
    """
    found: list[str] = []
    left, near = [o for o in others if o.study != study.study], [study]
    while near:
        one = near.pop()
        mine = [other for other in left if _share(one, other)]
        left = [other for other in left if other not in mine]
        near += mine
        found += [other.study for other in mine]
    return sorted(found)


def _share(a: Questions, b: Questions) -> bool:
    if a.study.partition("@")[0] == b.study.partition("@")[0]:
        return False
    same = a.pairs & b.pairs
    return any(all(a.runs[t] & b.runs[t] for t in pair) for pair in same)
