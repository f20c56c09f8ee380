"""Content of the pages as JSON data: tables and series of `assay.reports`, always complete."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from assay.apps.web.editing import STUDIES, editable
from assay.apps.web.run_view import metric_columns
from assay.apps.web.shelf import Shelf
from assay.core.errors import AssayError, StoreError, unknown_name
from assay.core.plans import PlanData, PlannedTrial, own_metrics, runs_by_label, tried_runs
from assay.core.records import Record

if TYPE_CHECKING:
    from assay.reports.flat import Row
    from assay.reports.tables import Table
    from assay.statistics import SearchTrial
    from assay.statistics.importances import Importance

__all__ = [
    "best",
    "chosen_trials",
    "curves",
    "effects",
    "importances",
    "library",
    "runs",
    "runs_csv",
    "search",
    "studies",
    "study",
    "table_json",
]

FIRST_TRIALS = 10
"""Number of trials whose curves are drawn by default."""


def studies(shelf: Shelf) -> list[dict[str, object]]:
    """Return a row for each study, stored or built in."""
    stored = shelf.read(lambda store: store.studies()) if shelf.exists else []
    rows: dict[str, dict[str, object]] = {
        row["study"]: {**row, "built_in": False, "stored": True} for row in stored
    }
    for entry in library():
        nothing = {"present": 0, "failed": 0, "runs": 0, "updated": "", "problem": ""}
        row = rows.setdefault(entry["study"], {**entry, **nothing, "stored": False})
        row["built_in"] = True
    return list(rows.values())


def library() -> list[dict[str, str]]:
    """Return name and question of every built-in study."""
    from assay.studies.library import names

    return [{"study": name, "question": _question(name)} for name in names()]


@cache
def _question(name: str) -> str:
    from assay.studies.library import built_in

    return built_in(name).question


def best(shelf: Shelf, name: str) -> dict[str, object]:
    """Return the best trial by validation, with its interval and what its choice is worth; one on
    each data. "value" is "" without runs."""
    from assay.reports.names import trial_names
    from assay.reports.protocol import refit_note, tuned_note
    from assay.reports.results import mean_text
    from assay.reports.views import best_by_data
    from assay.statistics import metric_of, primary_metric, with_unit

    plan, records = _of(shelf, name)
    found = best_by_data(plan, records) if records else []
    if not found or metric_of(primary_metric(plan, records)).higher_is_better is None:
        return {"value": "", "trial": "", "metric": ""}
    metric, names = f"test_{found[0].metric}", trial_names(plan)
    said = "; ".join(mean_text(one.test, metric) for one in found)
    trial = "; ".join(names[one.trial["trial_id"]] for one in found)
    shown = {"value": said, "trial": trial, "metric": with_unit(metric)}
    return {**shown, "note": tuned_note(plan) or refit_note(plan, chosen=True)}


def study(shelf: Shelf, name: str) -> dict[str, object]:
    """Return a study with its trials and their state, without curves and comparisons."""
    from assay.reports import results
    from assay.reports.context import when
    from assay.reports.names import named
    from assay.reports.views import counts

    plan, records = _of(shelf, name)
    plan = named(plan)
    search = plan.get("search")
    return {
        "study": plan["study"],
        "question": plan.get("question", ""),
        "scale": plan.get("scale", "full"),
        "design": plan.get("design", ""),
        "command": plan.get("command", ""),
        "edits": editable(str(plan["study"]), shelf.path / STUDIES),
        "factors": {k: [str(v) for v in vs] for k, vs in (plan.get("factors") or {}).items()},
        "trials": [_trial(t) for t in plan["trials"]],
        "counts": counts(plan, records),
        "when": when(records),
        "table": table_json(results(plan, records)),
        "search": bool(search),
        "tried": len(search["trials"]) if search else 0,
    }


def _trial(trial: PlannedTrial) -> dict[str, Any]:
    levels = {k: str(v) for k, v in (trial.get("levels") or {}).items()}
    return {"id": trial["trial_id"], "name": str(trial["label"]), "levels": levels}


def effects(shelf: Shelf, name: str) -> dict[str, object]:
    """Return the answer in sentences, and every comparison with interval and corrected test."""
    from assay.reports import answers, effects_table, levels_table, published_table
    from assay.reports.names import named
    from assay.statistics import effects, metric_title, primary_metric

    plan, records = _of(shelf, name)
    plan = named(plan)
    metric = f"test_{primary_metric(plan, records)}"
    found = effects(plan, records, metric)
    several = any(len(levels) > 1 for levels in (plan.get("factors") or {}).values())
    return {
        "metric": metric_title(metric),
        "answers": answers(plan, records, found),
        "effects": table_json(effects_table(plan, records, metric, found)) if found else None,
        "levels": table_json(levels_table(plan, records, metric)) if several else None,
        "published": table_json(published_table(plan, records)) if plan.get("published") else None,
    }


def curves(
    shelf: Shelf,
    name: str,
    chosen: Sequence[str],
    training: Mapping[str, Mapping[str, list[float | None]]],
) -> dict[str, object]:
    """Return learning curves of some trials: the mean of all their runs, with its interval, in the
    units of the tables; "titles" says how each is called, in the order in which they are drawn,
    and "decimals" how many of a number are shown.

    Args:
        chosen: trial ids; empty for the first FIRST_TRIALS.
        training: the curves so far of runs in training, which are included.
    """
    from assay.reports.names import named
    from assay.reports.views import curves
    from assay.statistics import metric_of, with_unit

    plan = named(shelf.plan(name))
    trials = chosen_trials(plan, chosen)
    part: PlanData = {**plan, "trials": trials}
    wanted = [run for trial in trials for run in trial["runs"]]
    records = shelf.records(wanted, arrays=True)
    stored = {record.run_id for record in records}
    going = list(_unfinished(trials, training, stored))
    found = curves(part, [*records, *going], alone=True)
    partly = {trial["trial_id"]: 0 for trial in trials}
    for record in going:
        partly[record.trial_id] += 1
    for entry in found:
        entry["training"] = partly[entry["trial_id"]]
        entry["runs"] -= entry["training"]
        for metric, band in entry["series"].items():
            band.update({k: metric_of(metric).scale * band[k] for k in ("mean", "low", "high")})
    bases = {n.removeprefix("val_").removeprefix("test_") for e in found for n in e["series"]}
    ranked = sorted(bases, key=lambda name: (metric_of(name).rank, name))
    names = [n for m in ranked for n in (f"val_{m}", m, f"test_{m}")]
    return {
        "titles": {n: with_unit(n) for n in names},
        "decimals": {n: metric_of(n).decimals for n in names},
        "curves": found,
        "chosen": [trial["trial_id"] for trial in trials],
    }


def chosen_trials(plan: PlanData, chosen: Sequence[str]) -> list[PlannedTrial]:
    """Return the trials of these ids, or the first ones; StoreError for an unknown id."""
    known = {trial["trial_id"]: trial for trial in plan["trials"]}
    for trial in chosen:
        if trial not in known:
            raise StoreError(unknown_name("trial", trial, known))
    return [known[t] for t in chosen] or list(plan["trials"])[:FIRST_TRIALS]


def _unfinished(
    trials: Iterable[PlannedTrial],
    training: Mapping[str, Mapping[str, list[float | None]]],
    stored: set[str],
) -> Iterable[Record]:
    """Return runs in training as records that hold only the curves so far."""
    import numpy as np

    for trial in trials:
        for run in trial["runs"]:
            if run in stored or not training.get(run):
                continue
            arrays = {k: np.array(v, np.float64) for k, v in training[run].items()}
            if len({len(a) for a in arrays.values()}) == 1:
                yield Record(run, trial["trial_id"], 0, "finished", trial["config"], arrays, {})


def runs(shelf: Shelf, name: str) -> dict[str, Any]:
    """Return a row for each run of a study and its search; runs without a record are "missing"."""
    from assay.reports.names import named

    plan = named(shelf.plan(name))
    labels = {run: label for label, mine in runs_by_label(plan) for run in mine}
    levels = {run: t.get("levels") or {} for t in plan["trials"] for run in t["runs"]}
    tried = {run for _, mine in tried_runs(plan) for run in mine}
    records = {record.run_id: record for record in own_metrics(plan, shelf.records(labels))}
    measured = dict.fromkeys(m for r in records.values() for m in r.metrics)
    order = sorted(measured, key=lambda m: (not m.startswith("test_"), not m.startswith("val_")))
    factors = list(plan.get("factors") or {})
    columns = metric_columns({m: [r.metrics.get(m) for r in records.values()] for m in order})
    rows = []
    for run, label in labels.items():
        record = records.get(run)
        timing = record.timing if record else {}
        rows.append(
            {
                "run": run,
                "trial": label,
                "searching": run in tried,
                "levels": [str(levels.get(run, {}).get(f, "")) for f in factors],
                "seed": record.seed if record else None,
                "status": record.status if record else "missing",
                "message": record.message if record else "",
                "values": [record.metrics.get(m) if record else None for m in order],
                "seconds": sum(timing.get(k, 0) for k in ("train", "evaluate")) if timing else None,
            }
        )
    return {"factors": factors, "columns": columns, "rows": rows}


def runs_csv(found: Mapping[str, Any]) -> str:
    """Return the rows of `runs` as CSV; text that looks like a formula gets an apostrophe."""
    from assay.reports.tables import Table

    rows = tuple(
        {
            "run": row["run"],
            "trial": row["trial"],
            **dict(zip(found["factors"], row["levels"], strict=True)),
            "seed": row["seed"],
            "status": row["status"],
            **dict(zip((c["name"] for c in found["columns"]), row["values"], strict=True)),
            "seconds": row["seconds"],
        }
        for row in found["rows"]
    )
    return Table("runs", (), rows).format("csv")


def search(shelf: Shelf, name: str) -> dict[str, object]:
    """Return the trials of a search: table, progress, importances, parallel coordinates."""
    import numpy as np

    from assay.reports.search_sections import bracket_rows, parameter_axes
    from assay.reports.search_views import search_sentences, search_table, search_title, space_table
    from assay.statistics import metric_of, metric_title, searches

    plan, tried = _tried(shelf, name)
    trials = searches.search_trials(plan, tried)
    objective, higher = plan["search"]["objective"], bool(plan["search"]["higher_is_better"])
    valued = [t for t in searches.different_trials(trials) if np.isfinite(t.value)]
    course, known = searches.best_so_far(trials, higher), metric_of(objective)
    return {
        "title": search_title(plan),
        "metric": metric_title(objective),
        "scale": known.scale,
        "unit": known.unit,
        "decimals": known.decimals,
        "higher": higher,
        "sentences": search_sentences(plan, trials),
        "table": table_json(search_table(plan, trials, None)),
        "space": table_json(space_table(plan)),
        "brackets": bracket_rows(plan),
        "course": {k: [point[k] for point in course] for k in (course[0] if course else ())},
        "axes": parameter_axes(plan, valued) if valued else [],
        "values": [t.value for t in valued],
        "labels": [t.label for t in valued],
        "whole": [t.state == "complete" for t in valued],
        "states": Counter(t.state for t in trials),
    }


def importances(shelf: Shelf, name: str) -> list[Row]:
    """Return the importance of each parameter of a search, largest first."""
    from assay.reports.flat import flat
    from assay.reports.search_views import short_names
    from assay.statistics import search_trials

    plan, tried = _tried(shelf, name)
    short = short_names([p["name"] for p in plan["search"]["space"]])
    rows = _importances(plan, search_trials(plan, tried))
    return [flat({**row, "parameter": short[row["parameter"]]}) for row in rows]


def _tried(shelf: Shelf, name: str) -> tuple[PlanData, list[Record]]:
    """Return the plan of a search, and the records of the trials that it tried."""
    plan = shelf.plan(name)
    if not plan.get("search"):
        raise StoreError(f"study {name!r} has no search: it compares the given levels")
    return plan, own_metrics(plan, shelf.records(r for _, mine in tried_runs(plan) for r in mine))


def _importances(plan: PlanData, trials: Sequence[SearchTrial]) -> list[Importance]:
    from assay.statistics import importances

    try:
        return importances(plan, trials)
    except (AssayError, ImportError):
        return []


def table_json(table: Table) -> dict[str, object]:
    """Return a table of the reports: texts to show, and numbers to sort by where available."""
    return {
        "title": table.title,
        "columns": [{"header": c.header, "align": c.align} for c in table.columns],
        "rows": table.texts(),
        "data": [_sortable(row) for row in table.rows],
        "notes": list(table.notes),
        "command": table.command,
    }


def _sortable(row: Mapping[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in row.items() if isinstance(v, str | int | float | bool | None)}


def _of(shelf: Shelf, name: str) -> tuple[PlanData, list[Record]]:
    """Return the plan of a study, and the records of its trials without arrays."""
    plan = shelf.with_related(name)
    runs = [run for trial in plan["trials"] for run in trial["runs"]]
    return plan, own_metrics(plan, shelf.records(runs))
