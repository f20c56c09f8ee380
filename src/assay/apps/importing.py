"""Results made elsewhere, as a study of the store, with the same intervals, tests and report."""

from __future__ import annotations

import csv
import math
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import starmap
from pathlib import Path
from types import ModuleType
from typing import cast

from assay.core.errors import ConfigError, MissingExtraError, install_extra, unknown_name
from assay.core.metrics import MetricFormat
from assay.core.plans import PlanData, PlannedTrial
from assay.core.records import Record, run_id, trial_id
from assay.core.store import Store
from assay.statistics import metric_of

__all__ = ["ImportedRun", "import_runs", "read_runs"]

_SPLITS = ("val_", "test_")
_SPLIT_NAMES = {"train": "", "training": "", "val": "val_", "valid": "val_", "validation": "val_",
                "eval": "val_", "test": "test_"}  # fmt: skip
"""Words for a part of the data in the tags of event files -> prefix of a metric."""

_SEED = re.compile(
    r"^(?P<trial>.*?)(?:[-_/ ]?(?:seed|run|s)?[-_= ]?(?P<seed>\d+))?$", re.IGNORECASE
)


@dataclass
class ImportedRun:
    """One run of a file.

    Attributes:
        levels: factor -> level; seed: None if the file has none.
        metrics: last values, NaN for a run that diverged; curves: name -> (steps, values).
        place: for messages, "runs.csv:3".
        better: metric -> whether a higher value is better, if the file says so.
    """

    levels: dict[str, str]
    seed: int | None
    metrics: dict[str, float]
    place: str
    curves: dict[str, tuple[list[float], list[float]]] = field(default_factory=dict)
    better: dict[str, bool] = field(default_factory=dict)


def read_runs(
    path: Path, factors: Sequence[str] = (), study: str | None = None
) -> list[ImportedRun]:
    """Read a CSV file, a folder of TensorBoard event files, or the SQLite file of an Optuna study.

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
    if path.is_dir() or "tfevents" in path.name:
        runs = list(_tensorboard(path))
    elif path.read_bytes()[:15] == b"SQLite format 3":
        runs = list(_optuna(path, study))
    else:
        runs = _table(path, factors)
    if not runs:
        raise ConfigError(f"{path} has no run")
    if all(name.startswith("val_") for run in runs for name in run.metrics):
        for run in runs:  # there is no other column to judge by
            run.metrics = {name.removeprefix("val_"): v for name, v in run.metrics.items()}
    return runs


def _table(path: Path, factors: Sequence[str]) -> list[ImportedRun]:
    """A CSV: one row for each run; numbers are metrics, texts are levels of factors."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
    except (UnicodeDecodeError, csv.Error) as error:
        raise ConfigError(f"{path} is not a CSV file: {error}") from None
    names = [name for name in (rows[0] if rows else {}) if name]
    for line, row in enumerate(rows, 2):
        if None in row or None in row.values():
            columns = "1 value" if len(names) == 1 else f"{len(names)} values"
            raise ConfigError(
                f"{path}:{line}: expected {columns}, one for each column of the header"
            )
    for name in factors:
        if name not in names:
            raise ConfigError(f"{path}: {unknown_name('column', name, names)}")
    measured = [
        name
        for name in names
        if name not in ("seed", "trial", *factors)
        and all(_number(row[name]) is not None for row in rows)
    ]
    if not measured:
        told = ", ".join(names) or "nothing"
        raise ConfigError(f"{path} has no column of numbers for the metric (columns: {told})")
    found = []
    for line, row in enumerate(rows, 2):
        seed = row.get("seed")
        if seed is not None and not re.fullmatch(r"\s*\d+\s*", seed):
            raise ConfigError(f"{path}:{line}: a seed must be a whole number, got {seed!r}")
        levels = {n: str(row[n]) for n in names if n != "seed" and n not in measured}
        metrics = {name: _number(row[name]) or 0.0 for name in measured}
        found.append(
            ImportedRun(levels, None if seed is None else int(seed), metrics, f"{path}:{line}")
        )
    return found


def _number(text: str) -> float | None:
    """Return a number: NaN for an empty cell, None for text."""
    try:
        return float(text) if text.strip() else math.nan
    except ValueError:
        return None


def _tensorboard(path: Path) -> Iterator[ImportedRun]:
    """Event files: a run for each folder, whose name ends in the seed ("tanh-seed1", "tanh/1")."""
    # without it tensorboard imports TensorFlow, which takes ten seconds and writes to the screen
    sys.modules.setdefault("tensorboard.compat.notf", ModuleType("notf"))
    try:
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    except ImportError:
        raise MissingExtraError(
            f"reading event files needs tensorboard; {install_extra('tensorboard')}"
        ) from None
    folder = path if path.is_dir() else path.parent
    for place in sorted({file.parent for file in folder.rglob("*tfevents*")}):
        events = EventAccumulator(str(place), size_guidance={"scalars": 0})
        events.Reload()
        curves = {
            _tag(tag): (
                [float(e.step) for e in events.Scalars(tag)],
                [float(e.value) for e in events.Scalars(tag)],
            )
            for tag in cast("list[str]", events.Tags()["scalars"])
        }
        split = {n for n in curves if n.startswith(_SPLITS)} or {*curves}
        name = place.relative_to(folder).as_posix()
        match = _SEED.match(name if name != "." else folder.name)
        trial, seed = match.group("trial", "seed") if match else (name, None)
        metrics = {n: curves[n][1][-1] for n in sorted(split) if curves[n][1]}
        if metrics:
            number = None if seed is None else int(seed)
            yield ImportedRun({"trial": trial or "run"}, number, metrics, str(place), curves)


def _tag(tag: str) -> str:
    """Return a tag as the name of a curve: "val_accuracy" for val/accuracy and Accuracy/valid."""
    parts = tag.split("/")
    for place in (0, -1):
        split = _SPLIT_NAMES.get(parts[place].lower())
        if split is not None and len(parts) > 1:
            del parts[place]
            name = "_".join(parts)
            known = metric_of(name.lower()).higher_is_better is not None
            return split + (name.lower() if known else name)
    return "_".join(parts)


def _optuna(path: Path, wanted: str | None) -> Iterator[ImportedRun]:
    """Read the ended trials of an Optuna study; trials with equal parameters are repeats."""
    import optuna

    try:
        storage = optuna.storages.RDBStorage(f"sqlite:///{path}")
        names = optuna.get_all_study_names(storage)
    except Exception as error:  # errors of SQLAlchemy, for any other content
        reason = str(error).splitlines()[0]
        raise ConfigError(f"{path} contains no Optuna study: {reason}") from None
    name = names[0] if len(names) == 1 else wanted
    if name not in names:
        told = f"one of its {len(names)} Optuna studies by --study" if names else "an Optuna study"
        said = unknown_name("study", name, names) if name else f"known: {', '.join(names)}"
        raise ConfigError(f"{path}: expected {told} ({said})" if names else f"{path} has no study")
    study = optuna.load_study(study_name=name, storage=storage)
    if len(study.directions) > 1:
        raise ConfigError(f"{path}: {name} has {len(study.directions)} objectives, expected one")
    better = {"objective": study.directions[0].name == "MAXIMIZE"}
    trials = [t for t in study.get_trials(deepcopy=False) if t.state.name in ("COMPLETE", "FAIL")]
    asked = dict.fromkeys(name for trial in trials for name in trial.params)
    short = {name: _shortest(trial.params.get(name) for trial in trials) for name in asked}
    for trial in trials:
        value = trial.values[0] if trial.values else math.nan
        levels = {name: short[name][level] for name, level in trial.params.items()}
        seed = trial.params.get("seed")
        number = seed if isinstance(seed, int) and levels.pop("seed") else None
        place = f"{path}, trial {trial.number}"
        yield ImportedRun(levels, number, {"objective": value}, place, better=better)


def _shortest(values: Iterable[object]) -> dict[object, str]:
    """Return each value of a parameter as text; floats with six digits, or more where these do
    not tell them apart."""
    known = dict.fromkeys(values)
    floats = [value for value in known if isinstance(value, float)]
    digits = (n for n in range(6, 18) if len({f"{x:.{n}g}" for x in floats}) == len(floats))
    few = next(digits, 17)
    return {x: f"{x:.{few}g}" if isinstance(x, float) else str(x) for x in known}


def import_runs(
    store: Path,
    name: str,
    runs: Sequence[ImportedRun],
    higher: Iterable[str] = (),
    lower: Iterable[str] = (),
) -> PlanData:
    """Store runs as the study `name`; return its plan.

    A metric whose name has no prefix "val_" or "test_" is treated as a test metric; so are
    validation metrics if there are no others. A run whose values are not finite counts as diverged.

    Args:
        higher, lower: metrics whose higher, or lower, values are better.

    Raises:
        ConfigError: a value is impossible for its metric, or two runs have the same trial and seed.
    """
    directions = {name: up for run in runs for name, up in run.better.items()}
    directions |= {**dict.fromkeys(higher, True), **dict.fromkeys(lower, False)}
    records = _records(name, runs)
    plan = _plan(name, runs, records, directions)
    with Store(store) as opened:
        for record in records:
            opened.add(record)
        opened.save_plan(plan)
    return plan


def _records(name: str, runs: Sequence[ImportedRun]) -> list[Record]:
    import numpy as np

    counted: dict[str, int] = {}
    known: dict[str, str] = {}
    found = []
    for run in runs:
        key = repr(sorted(run.levels.items()))
        seed = counted.get(key, 0) if run.seed is None else run.seed
        counted[key] = seed + 1
        config = {"imported": name, "levels": run.levels, "dataset": {"name": name}, "seed": seed}
        config |= {"network": {}, "training": {}}
        if run_id(config) in known:
            raise ConfigError(
                f"{run.place}: seed {seed} of this trial occurs twice, first in "
                f"{known[run_id(config)]}{_hint(run)}"
            )
        known[run_id(config)] = run.place
        metrics = {n if n.startswith(_SPLITS) else f"test_{n}": v for n, v in run.metrics.items()}
        for metric, value in metrics.items():
            low, high = metric_of(metric).bounds
            if math.isfinite(value) and not low <= value <= high:
                raise ConfigError(
                    f"{run.place}: {metric} must lie between {low:g} and {high:g}, got {value:g}"
                )
        lost = not any(math.isfinite(value) for value in metrics.values())
        curves = {k: np.array(v, np.float64) for k, v in _curves(run).items()}
        kept = {n: v for n, v in metrics.items() if math.isfinite(v)}
        status = "diverged" if lost else "finished"
        about = {"imported": run.place}
        found.append(Record(run_id(config), trial_id(config), seed, status, config, curves, kept,
                            provenance=about))  # fmt: skip
    return found


def _named(factor: str, level: str) -> str:
    """Return the name of a level: a number needs the name of its factor."""
    return level if _number(level) is None else f"{factor} = {level}"


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
    for run, record in zip(runs, records, strict=True):
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
    measured = dict.fromkeys(m.removeprefix("test_") for r in records for m in r.metrics
                             if m.startswith("test_"))  # fmt: skip
    main = next(iter(measured), "")
    formats: dict[str, MetricFormat] = {
        k: {"name": k, "higher_is_better": v} for k, v in directions.items()
    }
    return {
        "study": name,
        "question": "",
        "scale": "full",
        "command": f"assay report {name}",
        "design": "trials",
        "source": {"written": {}, "seeds": sorted({r.seed for r in records})},
        "metrics": formats,
        **({"metric": f"val_{main}", "shown": list(measured)} if main else {}),
        "published": [],
        "baseline": None,
        "factors": varied,
        "trials": list(trials.values()),
        "comparisons": comparisons(varied, pairs, Contrasts()),
    }
