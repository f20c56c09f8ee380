"""`assay reproduce`: trains some stored runs again and compares the results."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from assay.apps.cli import console
from assay.apps.cli.options import Json, Places

if TYPE_CHECKING:
    from assay.apps.reproducing import Reproduced
    from assay.core.store import Store

__all__ = ["reproduce"]

DIFFERS = 1


def reproduce(
    name: str,
    /,
    *,
    runs: Annotated[int, Parameter(negative="")] = 3,
    device: str = "auto",
    json: Json = False,
    places: Places | None = None,
) -> int:
    """Train some stored runs again and check that the results are the same.

    Each run ends as "equal" (bit for bit), "equal within rounding" (another processor or library
    rounds differently, and training amplifies that) or "different". What has changed since the run
    was stored is listed: the code, its commit, the processor, libraries. Nothing in the store
    changes. The exit status is 0 when no run is different, 1 otherwise.

    Args:
        name: A study of the store, or the start of a run's name.
        runs: How many runs of a study, one trial after the other.
        device: Where to train: auto, cpu, cuda, ...
        json: Print JSON.
    """
    from dataclasses import asdict

    from assay.apps.reproducing import DIFFERENT, FAILED, chosen
    from assay.apps.reproducing import reproduce as again
    from assay.core.errors import ConfigError
    from assay.core.store import Store

    if runs < 1:
        raise ConfigError(f"--runs {runs}: expected a whole number >= 1")
    where = places or Places()
    with Store(where.store_path, create=False, read_only=True) as store:
        records = chosen(store, name, runs)
        titles = _titles(store, [record.run_id for record in records])
        weights = store.weights_folder
    found = []
    for one in again(records, titles, where.data_path, device, console.progress(), weights):
        found.append(one)
        if not json:
            console.remark(f"{one.title}: {one.verdict}")
    if json:
        console.json([asdict(one) for one in found])
    else:
        _show(found)
    return DIFFERS if any(one.verdict in (DIFFERENT, FAILED) for one in found) else 0


def _titles(store: Store, runs: Sequence[str]) -> dict[str, str]:
    """Return titles of runs: study, trial, start of the name, and seed."""
    from assay.core.plans import runs_by_label

    trials: dict[str, str] = {}
    for plan in store.plans():
        for label, members in runs_by_label(plan):
            trials |= {run: f"{plan['study']}: {label}" for run in members if run in runs}
    seeds = {record.run_id: record.seed for record in store.records(runs, arrays=False)}
    return {run: f"{trials.get(run, 'run')} ({run[:8]}, seed {seeds[run]})" for run in runs}


def _show(found: Sequence[Reproduced]) -> None:
    names = [name for one in found[:1] for name, _, _ in one.metrics if "loss" not in name]
    rows = []
    for one in found:
        values = {name: f"{was:.6g} / {now:.6g}" for name, was, now in one.metrics}
        first = "" if one.verdict == "not trained" else f"{one.first:.1g}"
        rows.append((one.title, one.verdict, first, *(values.get(n, "") for n in names[:2])))
    headings = [f"{name}, stored / now" for name in names[:2]]
    console.table(("run", "verdict", ">first loss, relative", *headings), rows)
    changed = dict.fromkeys(change for one in found for change in one.changed)
    if changed:
        console.say()
        console.say("what changed since they were stored:")
        console.points([f"{name}: {was or 'not said'} -> {now}" for name, was, now in changed])
    for one in found:
        if one.message:
            console.say(f"{one.title}: {one.message}")
