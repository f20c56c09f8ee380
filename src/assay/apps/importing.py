"""Results made elsewhere, as a study of the store, with the same intervals, tests and report."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import count, starmap
from pathlib import Path

from assay.apps.import_events import read_events
from assay.apps.import_optuna import read_optuna
from assay.apps.import_table import read_table
from assay.apps.imported import (
    TRAINING,
    VALIDATION,
    ImportedRun,
    described,
    full_name,
    is_loss,
    number,
)
from assay.core.errors import ConfigError, unknown_name
from assay.core.files import open_file
from assay.core.metrics import MetricFormat
from assay.core.plans import PlanData, PlannedTrial, is_imported, planned_runs
from assay.core.records import Record, run_id, trial_id
from assay.core.store import Store
from assay.core.store_holding import holding
from assay.statistics import METRICS

__all__ = ["ImportedRun", "import_runs", "main_metric", "missing_runs", "read_runs"]

LARGEST_SEED = 2**63 - 2
"""Largest seed that a store holds, with room for the next one."""


def read_runs(
    path: Path, factors: Sequence[str] = (), study: str | None = None
) -> list[ImportedRun]:
    """Read a CSV file, a folder of TensorBoard event files, or the SQLite file of an Optuna study.

    If nothing but validation metrics are known, they are judged, under names that say so:
    "validation_accuracy".

    Args:
        factors: columns of a CSV file that are factors although they hold numbers.
        study: which of the Optuna studies of a file, if it has several.

    Raises:
        ConfigError: the file is none of these, contains no run, or contains an invalid value.
        MissingExtraError: tensorboard or optuna is not installed.
    """
    if not path.exists():
        raise ConfigError(f"{path} does not exist; expected a CSV file, a folder of TensorBoard "
                          "event files, or the SQLite file of an Optuna study")  # fmt: skip
    start = b""
    if not path.is_dir():
        try:
            with open_file(path) as stream:
                start = stream.read(15)
        except OSError as error:
            raise ConfigError(f"{path} cannot be read: {error.strerror}") from None
    if path.is_dir() or "tfevents" in path.name:
        runs = list(read_events(path))
    elif start == b"SQLite format 3":
        runs = list(read_optuna(path, study))
    else:
        runs = read_table(path, factors)
    if not runs:
        raise ConfigError(f"{path} has no run")
    if all(name.startswith("val_") for run in runs for name in run.metrics):
        for run in runs:  # there is no other column to judge by
            run.metrics = {VALIDATION + n.removeprefix("val_"): v for n, v in run.metrics.items()}
    return runs


def main_metric(runs: Iterable[ImportedRun]) -> str:
    """Return the metric that runs are judged by, without prefix: the one that their file names, or
    their first on test; "" if they have none."""
    runs = list(runs)
    names = [full_name(name) for run in runs for name in run.metrics]
    judged = dict.fromkeys(n.removeprefix("test_") for n in names if n.startswith("test_"))
    said = (run.main for run in runs if run.main in judged)
    return next(said, next(iter(judged), ""))


def missing_runs(runs: Sequence[ImportedRun]) -> list[ImportedRun]:
    """Return the runs without a value of the main metric, not even nan, that did not diverge."""
    main = f"test_{main_metric(runs)}"
    return [
        run
        for run in runs
        if not _diverged(run, main)
        and all(v is None or full_name(n) != main for n, v in run.metrics.items())
    ]


def _diverged(run: ImportedRun, main: str) -> bool:
    """Whether a run says that it diverged, or its main metric or a loss is not finite."""
    return run.diverged or any(
        value is not None and not math.isfinite(value)
        for name, value in run.metrics.items()
        if full_name(name) == main or is_loss(name)
    )


def import_runs(
    store: Path,
    name: str,
    runs: Sequence[ImportedRun],
    higher: Iterable[str] = (),
    lower: Iterable[str] = (),
) -> PlanData:
    """Store runs as the study `name`, replacing an earlier import of that name; return its plan.

    A metric whose name has no prefix "val_" or "test_" is treated as a test metric. A run whose
    main metric or loss is not finite counts as diverged. One without a value of the main metric is
    planned but not stored, so that tables count it as missing.

    Args:
        higher, lower: metrics whose higher, or lower, values are better.

    Raises:
        ConfigError: a study of that name was trained here, a value is impossible for its metric,
            two runs have the same trial and seed, or a direction is unclear. Nothing is stored
            then.
    """
    directions = _directions(runs, list(higher), list(lower))
    records = _records(name, runs)
    plan = _plan(name, runs, records, directions)
    with Store(store) as opened:
        _check_name(opened, name)
        stored = [record for record in records if record.status != "failed"]
        with holding(opened, (record.run_id for record in stored)):
            for record in stored:
                # an earlier import has this run, perhaps with other values
                if not opened.add(record):
                    opened.amend(record)
            opened.save_plan(plan)
    return plan


def _check_name(store: Store, name: str) -> None:
    """Raise ConfigError if the store has a study of that name, at any scale, that is no import."""
    for known in sorted(store.study_names()):
        if known.partition("@")[0] != name:
            continue
        plan = store.plan_before(known)
        if plan is None:
            raise ConfigError(f"the plan of study {known!r} in the store {store.path} is damaged, "
                              "and an import would replace it; choose another --study")  # fmt: skip
        if not is_imported(plan):
            runs = len(store.recorded(planned_runs(plan)))
            raise ConfigError(
                f"study {known!r} was trained here ({runs} run{'s' * (runs != 1)} in the store "
                f"{store.path}), and an import would take its place; choose another --study, "
                f"for example {name}-imported"
            )


def _directions(
    runs: Sequence[ImportedRun], higher: Sequence[str], lower: Sequence[str]
) -> dict[str, bool]:
    """Return metric, without prefix -> whether a higher value is better, where that is said."""
    found = {name: up for run in runs for name, up in run.better.items()}
    known = {full_name(n).partition("_")[2] for run in runs for n in run.metrics}
    said: dict[str, bool] = {}
    for name, up in [*((n, True) for n in higher), *((n, False) for n in lower)]:
        option = "--higher-is-better" if up else "--lower-is-better"
        base = full_name(name).partition("_")[2]
        base = f"{VALIDATION}{base}" if f"{VALIDATION}{base}" in known else base
        if base not in known:
            raise ConfigError(f"{option}: {unknown_name('metric', name, known)}")
        if said.setdefault(base, up) != up:
            raise ConfigError(
                f"{name!r} is given to --higher-is-better and to --lower-is-better; "
                "expected one of them"
            )
        fixed = described(base)
        if fixed.name in METRICS and fixed.higher_is_better is (not up):
            better = "lower" if up else "higher"
            raise ConfigError(
                f"{option} {name}: {better} values of {fixed.name} are better; give the metric "
                "another name in the file if it is not that"
            )
    return found | said


def _records(name: str, runs: Sequence[ImportedRun]) -> list[Record]:
    """Return a record of each run; the status of a missing one is "failed".

    A run without a seed gets one that no other run has: runs of two trials that only stand in the
    same place of a file are no pair, and of a sorted file such pairs would differ significantly.
    """
    import numpy as np

    main = f"test_{main_metric(runs)}"
    missing = {id(run) for run in missing_runs(runs)}
    unused = count(max((run.seed for run in runs if run.seed is not None), default=-1) + 1)
    known: dict[str, str] = {}
    found = []
    for run in runs:
        seed = next(unused) if run.seed is None else run.seed
        if abs(seed) > LARGEST_SEED:
            raise ConfigError(f"{run.place}: seed {seed} is too large; at most {LARGEST_SEED}")
        config = {"imported": name, "levels": run.levels, "dataset": {"name": name}, "seed": seed}
        config |= {"network": {}, "training": {}}
        identity = run_id(config)
        if identity in known:
            raise ConfigError(
                f"{run.place}: seed {seed} of this trial occurs twice, first in "
                f"{known[identity]}{_hint(run)}"
            )
        known[identity] = run.place
        metrics = {}
        for column, value in run.metrics.items():
            if value is None or not math.isfinite(value):
                continue
            metric = full_name(column)
            metrics[metric] = value
            low, high = described(metric).bounds
            if not low <= value <= high:
                hint = f"; did you mean {value / 100:g}?" if low <= value / 100 <= high else ""
                raise ConfigError(
                    f"{run.place}: {column} must lie between {low:g} and {high:g}, got "
                    f"{value:g}{hint}"
                )
        status = "diverged" if _diverged(run, main) else "finished"
        if id(run) in missing:
            # under another name, as an earlier import may have stored a value of this run
            status, identity = "failed", run_id({**config, "missing": True})
        curves = {k: np.array(v, np.float64) for k, v in _curves(run).items()}
        kept = metrics if status == "finished" else {}
        about = {"imported": run.place}
        found.append(Record(identity, trial_id(config), seed, status, config, curves, kept,
                            provenance=about))  # fmt: skip
    return found


def _named(factor: str, level: str) -> str:
    """Return the name of a level: a number needs the name of its factor."""
    return level if number(level) is None else f"{factor} = {level}"


def _hint(run: ImportedRun) -> str:
    """Suggest what to do about a repeated seed if a column may have been misread."""
    columns = ", ".join(run.metrics)
    asked = "--factor NAME makes a column a factor"
    return f"; these columns of numbers count as metrics: {columns} ({asked})" if columns else ""


def _curves(run: ImportedRun) -> dict[str, list[float]]:
    """Return the curves with the same steps as the longest one."""
    if not run.curves:
        return {"step": [], "epoch": []}
    steps = max((points for points, _ in run.curves.values()), key=len)
    same = {name: values for name, (points, values) in run.curves.items() if points == steps}
    return {"step": steps, "epoch": steps, **same}


def _plan(
    name: str,
    runs: Sequence[ImportedRun],
    records: Sequence[Record],
    directions: Mapping[str, bool],
) -> PlanData:
    from assay.studies.contrasts import Contrasts, comparisons

    factors: dict[str, list[str]] = {}
    trials: dict[str, PlannedTrial] = {}
    both = list(zip(runs, records, strict=True))
    both.sort(
        key=lambda pair: not pair[0].baseline
    )  # the first levels are what others are compared to
    for run, record in both:
        for factor, level in run.levels.items():
            known = factors.setdefault(factor, [])
            known += [level] * (level not in known)
        label = ", ".join(starmap(_named, run.levels.items())) or name
        config = {k: v for k, v in record.config.items() if k != "seed"}
        made: PlannedTrial = {
            "label": label,
            "trial_id": record.trial_id,
            "levels": run.levels,
            "config": config,
            "runs": [],
        }
        trial = trials.setdefault(record.trial_id, made)
        trial["runs"].append(record.run_id)
    varied = {factor: levels for factor, levels in factors.items() if len(levels) > 1}
    pairs = [(t["trial_id"], {f: t["levels"].get(f, "") for f in varied}) for t in trials.values()]
    main = main_metric(runs)
    known = (m for r in records for m in r.metrics if m.startswith("test_"))
    measured = dict.fromkeys([main] * bool(main) + [m.removeprefix("test_") for m in known])
    return {
        "study": name,
        "question": "",
        "scale": "full",
        "command": f"assay report {name}",
        "design": "trials",
        "source": {"written": {}, "seeds": sorted({r.seed for r in records})},
        "metrics": _formats(measured, directions),
        **({"metric": f"val_{main}", "shown": list(measured)} if main else {}),
        "published": [],
        "baseline": next(iter(trials.values()))["label"] if both[0][0].baseline else None,
        "factors": varied,
        "trials": list(trials.values()),
        "comparisons": comparisons(varied, pairs, Contrasts()),
    }


def _formats(measured: Iterable[str], directions: Mapping[str, bool]) -> dict[str, MetricFormat]:
    """Return the formats of metrics that are not registered, as far as they are known."""
    found: dict[str, MetricFormat] = {}
    for name in measured:
        for start in (TRAINING, VALIDATION):
            if name.startswith(start):
                known = described(name)
                title = start.replace("_", " ") + known.title if known.title else ""
                found[name] = {**known.shown(), "name": name, "title": title}
    for name, up in directions.items():
        found[name] = {**found.get(name, {"name": name}), "higher_is_better": up}
    return found
