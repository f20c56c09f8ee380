"""A search as tables and sentences: its trials, the best ones, and the cost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from assay.core.plans import PlanData
from assay.reports.flat import Row, plain
from assay.reports.protocol import searched_note
from assay.reports.results import mean_text
from assay.reports.tables import Column, Table
from assay.reports.texts import duration
from assay.statistics import (
    SearchTrial,
    different_trials,
    estimate,
    finished_trials,
    metric_of,
    metric_title,
    with_unit,
)

__all__ = ["ranked", "search_sentences", "search_table", "search_title", "space_table"]

SHOWN = 10
"""Maximum number of printed rows of the table of the best trials; its data has all."""


def search_title(plan: PlanData) -> str:
    """Return the name of the sampler: "hyperband (random)", "tpe"."""
    search = plan["search"]
    halving = search.get("halving")
    return f"{halving['name']} ({search['sampler']})" if halving else str(search["sampler"])


def ranked(plan: PlanData, trials: Sequence[SearchTrial]) -> list[SearchTrial]:
    """Return the different trials, the best first: those with the complete budget, then stopped
    ones by their progress."""
    sign = -1 if plan["search"]["higher_is_better"] else 1

    def key(trial: SearchTrial) -> tuple[Any, ...]:
        epochs = trial.steps[-1].epochs or 0 if trial.steps else 0
        order = {"complete": 0, "stopped": 1}.get(trial.state, 2)
        value = trial.value if np.isfinite(trial.value) else np.inf * sign
        return (order, -epochs if order == 1 else 0, sign * value, trial.number)

    return sorted(different_trials(trials), key=key)


def search_table(plan: PlanData, trials: Sequence[SearchTrial], limit: int | None = SHOWN) -> Table:
    """Return one row for each different trial, the best first.

    Args:
        limit: maximum number of rows; None for all.
    """
    objective, chosen = plan["search"]["objective"], set(plan["search"]["chosen"])
    names = [p["name"] for p in plan["search"]["space"]]
    rows: list[dict[str, Any]] = []
    for trial in ranked(plan, trials)[:limit]:
        last = trial.steps[-1] if trial.steps else None
        found = last.estimate if last and trial.state in ("complete", "stopped") else estimate([])
        rows.append(
            {
                "trial": trial.label,
                "state": trial.state,
                "best": trial.number in chosen,
                **{name: plain(trial.values.get(name)) for name in names},
                "shown": trial.shown,
                "n": found.n,
                objective: found,
                "epochs": last.epochs if last else None,
                "seconds": sum(step.seconds for step in trial.steps),
            }
        )
    columns = (
        Column("trial", lambda r: r["trial"], "left"),
        *(Column(short, _value(name), "left") for name, short in short_names(names).items()),
        Column(with_unit(objective), lambda r: mean_text(r[objective], objective)),
        Column("n", lambda r: str(r["n"])),
        Column("epochs", lambda r: "-" if r["epochs"] is None else str(r["epochs"])),
        Column("state", lambda r: "chosen" if r["best"] else r["state"], "left"),
    )
    notes = [searched_note(plan)]
    if any(row["best"] for row in rows):
        notes.append("chosen: one of the best, which the study trains again.")
    if any(row["n"] > 1 for row in rows):
        told = "± is half of the 95 % t-interval of the mean over n repeats"
        if plan["search"].get("folds"):
            told += " and folds, as if they were independent; folds share training images, so it "
            told += "is rather too short"
        notes.append(f"{told}.")
    name = str(plan["study"])
    return Table(
        f"Best trials of the search of {name}",
        columns,
        tuple(rows),
        f"assay search {name}",
        tuple(notes),
    )


def short_names(names: Sequence[str]) -> dict[str, str]:
    """Return the shortest distinguishing endings of dotted names; numbers keep their parent."""
    found = {}
    for name in names:
        parts = name.split(".")
        if len(parts) > 1 and parts[-1] in ("units", "filters"):
            parts = parts[:-1]
        size = 1
        while size < len(parts) and (
            parts[-size].isdigit() or _clashes(".".join(parts[-size:]), name, names)
        ):
            size += 1
        found[name] = ".".join(parts[-size:])
    return found


def _clashes(ending: str, name: str, names: Sequence[str]) -> bool:
    return any(other != name and f".{other}".endswith(f".{ending}") for other in names)


def _value(name: str) -> Any:
    return lambda row: row["shown"].get(name, "")


def search_sentences(plan: PlanData, trials: Sequence[SearchTrial]) -> list[str]:
    """Describe the trials, the best ones and the cost in sentences."""
    search = plan["search"]
    states = Counter(trial.state for trial in trials)
    planned = search["planned"]
    parts = [f"{len(trials)} of {planned} trials were proposed by {search_title(plan)}"]
    for state, words in (
        ("stopped", "stopped at a rung"),
        ("diverged", "diverged"),
        ("failed", "failed"),
        ("missing", "are not trained yet"),
    ):
        if states[state]:
            parts.append(f"{states[state]} {words}")
    doubled = sum(trial.same_as is not None for trial in trials)
    if doubled:
        parts.append(f"{doubled} were proposed before")
    points = search.get("points")
    if points:
        parts.append(f"the space has {points:,} points")
    said = [", ".join(parts) + "."]
    best = ranked(plan, trials)[:1]
    if best and np.isfinite(best[0].value):
        title, metric = metric_title(search["objective"]), metric_of(search["objective"])
        shown = ", ".join(f"{k} {v}" for k, v in _shown(best[0]).items())
        among = _among(plan, trials, best[0])
        value, whose = metric.value(best[0].value), f"{best[0].label} ({shown})"
        said.append(f"The best {title}{among} is {value}, of {whose}.")
    images = sum(step.images for trial in trials for step in trial.steps)
    seconds = sum(step.seconds for trial in trials for step in trial.steps)
    if images:
        said.append(
            f"The search saw {images:,.0f} training images in {duration(seconds)} of training, "
            f"added up over its runs; {len(finished_trials(trials))} trials had their whole budget."
        )
    again = search.get("retrain")
    if again:
        settings = ", ".join(f"{name} = {value}" for name, value in again.items())
        said.append(f"The best are trained again with {settings}.")
    return said


def _among(plan: PlanData, trials: Sequence[SearchTrial], best: SearchTrial) -> str:
    """Say among which trials the best one is, if one that was stopped had a better value."""
    sign = 1 if plan["search"]["higher_is_better"] else -1
    values = [sign * trial.value for trial in trials if np.isfinite(trial.value)]
    if max(values) <= sign * best.value:
        return ""
    whole = best.state == "complete"
    return " of the trials with the whole budget" if whole else " of those that trained longest"


def _shown(trial: SearchTrial) -> dict[str, str]:
    short = short_names(list(trial.shown))
    return {short[name]: text for name, text in trial.shown.items()}


def space_table(plan: PlanData) -> Table:
    """Return one row for each parameter of the space."""
    rows = tuple(plan["search"]["space"])
    name = str(plan["study"])
    columns = (
        Column("parameter", lambda r: r["name"], "left"),
        Column("kind", lambda r: r["kind"], "left"),
        Column("values", values_text, "left"),
        Column("step", lambda r: f"{r['step']:g}" if r.get("step") and not r.get("log") else ""),
        Column("when", lambda r: r.get("when", ""), "left"),
    )
    notes = [f"Constraint: {text}." for text in plan["search"]["constraints"]]
    return Table(f"Space of {name}", columns, rows, f"assay search {name} --summary", tuple(notes))


def values_text(row: Row) -> str:
    """Describe the values of a parameter: "relu, tanh", "16 to 512", "0.0001 to 0.1, log"."""
    if row["kind"] == "choice":
        return ", ".join(row["levels"])
    return f"{row['low']:g} to {row['high']:g}{', log' * row['log']}"
