"""What `assay run` prints when its runs have ended, and its exit status."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from assay.apps.cli import console
from assay.apps.cli.progress import duration

if TYPE_CHECKING:
    from assay.apps.results import Results
    from assay.core.records import Record
    from assay.execution.execute import Summary

__all__ = ["account", "tell_fonts", "verdict"]

DONE, NO_RESULT = 0, 1
NAMED = 5
"""Maximum number of trials to name."""


def account(summary: Summary) -> str:
    """Summarise what this command did, in one line."""
    if not summary.trained and not summary.failed and not summary.elsewhere:
        return f"all {summary.runs} runs were already in the store"
    parts = [f"trained {summary.trained} of {summary.runs} runs in {duration(summary.seconds)}"]
    parts.append(f"{summary.images_per_second:,.0f} images/s")
    for number, what in (
        (summary.present, "already in the store"),
        (summary.elsewhere, "trained by another command"),
        (len(summary.diverged), "diverged"),
        (len(summary.failed), "failed"),
    ):
        if number:
            parts.append(f"{number} {what}")
    return ", ".join(parts)


def tell_fonts(report: Path) -> None:
    """Say once that this machine has no font for some characters of a report."""
    from assay.reports.fonts import unshown

    missing = unshown(report.read_text(encoding="utf-8"))
    if missing:
        some = missing[:10] + ("..." if len(missing) > 10 else "")
        console.remark(
            f"no font on this machine has {some}: a browser here shows boxes in the report instead"
        )


def verdict(results: Results, runs: Collection[str]) -> int:
    """Name the runs without a result on standard error; return the exit status.

    A diverged run is a result: its settings do not train. It is named, and the status stays 0
    unless every run diverged. A failed run is not a result.

    Args:
        runs: the planned runs; for a search that found no best trial, the runs that it tried.
    """
    tried = results.tried()
    found = [r for r in results.records(arrays=False) if r.run_id in runs] or tried
    records = {r.run_id: r for r in [*tried, *found]}
    lost = {s: [r for r in found if r.status == s] for s in ("diverged", "failed")}
    failed = [r for r in records.values() if r.status == "failed"]
    for reason, count in Counter(r.message for r in failed).items():
        named = _names(results, [r for r in failed if r.message == reason])
        console.error(f"{_runs(count)} failed ({named}): {reason}")
    number = len(found)
    if found and len(lost["diverged"]) == number:
        console.error(
            f"{'the only run' if number == 1 else f'all {number} runs'} diverged, so there is no "
            "result; a smaller training.learning_rate may help"
        )
    elif lost["diverged"]:
        named = _names(results, lost["diverged"])
        console.remark(f"{len(lost['diverged'])} of {_runs(number)} diverged: {named}")
    nothing = len(lost["diverged"]) + len(lost["failed"]) == number
    return NO_RESULT if failed or (found and nothing) else DONE


def _runs(number: int) -> str:
    return "1 run" if number == 1 else f"{number} runs"


def _names(results: Results, records: Sequence[Record]) -> str:
    """Trials with the seeds of these runs: "rate = 0.1 with seeds 0, 1; ..."."""
    from assay.core.plans import runs_by_label

    labels = {run: label for label, runs in runs_by_label(results.plan) for run in runs}
    seeds: dict[str, list[int]] = {}
    for record in records:
        label = labels.get(record.run_id) or record.trial_id
        seeds.setdefault(label, []).append(record.seed)
    told = [
        f"{label} with seed{'' if len(own) == 1 else 's'} {', '.join(map(str, sorted(own)))}"
        for label, own in seeds.items()
    ]
    more = [f"{len(told) - NAMED} more trials"] if len(told) > NAMED else []
    return "; ".join([*told[:NAMED], *more])
