"""Running a study from Python."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from assay.apps.places import data_folder, store_folder
from assay.apps.readiness import check_inputs, known_runs, refusals, to_train
from assay.apps.results import Results
from assay.core.config import Entry, Mark
from assay.core.errors import ConfigError
from assay.core.plugins import leave_script, load_main
from assay.core.store import Store
from assay.core.values import plain_data
from assay.core.values import shown as written

if TYPE_CHECKING:
    from assay.execution.events import Event
    from assay.execution.execute import Summary
    from assay.execution.place import Machine, Place
    from assay.studies.plan import Plan
    from assay.studies.scales import StudyChanges

__all__ = ["machine_for", "plan_of", "run", "train"]

QUIET_SECONDS = 5.0
"""Scripts show no progress before this time."""

_NO_FILE = "parts were registered in a notebook or at a prompt, which other processes cannot read"
_INLINE = (
    "runs train in this process, one after the other; register them in a file and name it in "
    "`plugins:` to use all cores"
)


def run(
    study: str | Path | Mapping[str, object],
    *,
    data: object = None,
    store: str | Path | None = None,
    data_dir: str | Path | None = None,
    scale: str = "full",
    seed: int | None = None,
    repeats: int | None = None,
    precision: str | None = None,
    set: Mapping[str, object] | Sequence[str] = (),
    only: str | Sequence[str] = (),
    device: str | None = None,
    workers: int | None = None,
    on: str | Place | None = None,
    progress: bool = True,
    on_event: Callable[[Event], None] | None = None,
) -> Results:
    """Train all runs of a study that are not in the store yet, and return its results.

    A warning says which metrics could not be computed. Example:
        >>> results = assay.run("tour", scale="smoke", repeats=2)  # doctest: +SKIP
        >>> study = {                                              # doctest: +SKIP
        ...     "study": "rates",
        ...     "dataset": "digits",
        ...     "network": {"family": "mlp", "hidden": [64]},
        ...     "factors": {"training.learning_rate": [0.01, 0.1]}, "repeats": 5,
        ... }
        >>> assay.run(study).sentences()                           # doctest: +SKIP

    Args:
        study: the name of a built-in study, the path of a YAML file, or its content as a mapping.
        data: replaces `dataset:`; (x, y), (x, y, x_test, y_test), ...; see docs/extending.md.
        store: folder of the records; by default env ASSAY_STORE, else ./assay-store.
        data_dir: folder with the datasets; by default env ASSAY_DATA.
        scale: "smoke", "quick", "full", or a scale that the study defines.
        seed, repeats: first seed; number of runs for each trial, with consecutive seeds.
        precision: "auto", "float32", "bfloat16" or "float64".
        set: other changes, {"training.learning_rate": 0.003} or "path=value" strings.
        only: trials to train now, by label or level; the others stay missing.
        device: "auto", "cpu", "cuda", ...
        workers: number of jobs that train at the same time; one for each core by default.
        on: "local", "ray", "ray:auto", "ray://HOST:PORT" or "slurm"; see docs/scaling.md.
        progress: show a progress bar in a notebook, or lines on standard error elsewhere.
        on_event: called with every event, for your own display.

    Raises:
        ConfigError: the study has errors; the message names all of them with their places.
        DataError, EngineError: a dataset is missing or damaged; the engine cannot train it here.
        StoreError, StudyInterrupted: it cannot be written; Ctrl-C, after which a call resumes.
    """
    leave_script()
    place, folder = data_folder(data_dir), store_folder(store)
    where = machine_for(study, on, workers, device)
    plan = plan_of(study, data=data, only=only, scale=scale, seed=seed, repeats=repeats,
                   precision=precision, set=assignments(set), device=where.device or "auto",
                   data_dir=place, store=folder)  # fmt: skip
    with _display(progress, on_event) as told:
        train(plan, folder, data_dir=place, machine=where, on_event=told)
    return _warned(Results(folder, plan.to_json(), place), plan.study.judging.computed)


def _warned(results: Results, metrics: Sequence[str]) -> Results:
    """Return results, after a warning of all metrics that could not be computed."""
    from assay.reports.context import lacking_notes

    if metrics and (notes := lacking_notes(results.records(arrays=False), metrics)):
        warnings.warn(" ".join(notes), stacklevel=3)
    return results


def _display(
    progress: bool, on_event: Callable[[Event], None] | None
) -> AbstractContextManager[Callable[[Event], None] | None]:
    """Return the progress display for the caller of `run`, if any."""
    if on_event is not None or not progress:
        return nullcontext(on_event)
    from assay.apps.cli.progress import Lines, Safe
    from assay.apps.notebook import Notebook, in_notebook

    return Safe(Notebook() if in_notebook() else Lines(after=QUIET_SECONDS))


def plan_of(
    study: str | Path | Mapping[str, object],
    *,
    data: object = None,
    only: str | Sequence[str] = (),
    **changes: Unpack[StudyChanges],
) -> Plan:
    """Read and check a study and plan its runs; `changes` are those of `parse_study`."""
    if data is not None:
        from assay.data.own import given_data

        changes["dataset"] = given_data(data)
    from assay.studies.plan import make_plan
    from assay.studies.study import parse_study

    parsed = parse_study(study, **changes)
    if parsed.search is None:
        return make_plan(parsed, [only] if isinstance(only, str) else only)
    if only:
        raise ConfigError(f"only: {parsed.name} is a search, which chooses its trials itself")
    from assay.studies.search.plan import SearchPlan

    return SearchPlan(parsed)


def machine_for(
    study: object,
    on: str | Place | None = None,
    workers: int | None = None,
    device: str | None = None,
    options: Mapping[str, object] | None = None,
) -> Machine:
    """Where a study trains: the given options, then those of its machine file.

    Args:
        options: settings of the executor that `on` names.

    Raises:
        ConfigError: the executor is unknown, or an option or the machine file is invalid.
    """
    from assay.execution.place import Machine, machine_of, parse_place

    if workers is not None:
        workers = Entry(plain_data(workers, "workers"), ("workers",)).integer(1)
    if device is not None:
        device = Entry(plain_data(device, "device"), ("device",)).text()
    _load_plugins(study)
    found = machine_of(study)
    place = found.place
    if on is not None and parse_place(on) != replace(place, options=()):
        place = parse_place(on)
    place = place.with_options(options or {})
    mark = Mark(f"--device {device}") if device else found.device_mark
    count = place.workers(workers) or found.workers
    return Machine(place, count, device or found.device, found.file, mark)


def _load_plugins(study: object) -> None:
    """Load the plugins of a study: one of them may register the executor that trains it."""
    from assay.studies.library import open_study
    from assay.studies.parts import read_plugins

    try:
        source, _, folder = open_study(study)  # type: ignore[arg-type]
    except ConfigError:
        return  # errors are reported when the study is read
    read_plugins(source, folder)


def train(
    plan: Plan,
    store: Path,
    *,
    data_dir: Path | None = None,
    machine: Machine | None = None,
    on_event: Callable[[Event], None] | None = None,
) -> Summary:
    """Train the missing runs of a plan; see `assay.execution.execute` and `assay.execution.search`.

    Afterwards, the plan of a search contains its trials.

    Raises:
        ConfigError: a part is registered in code that other machines cannot read, an own task
            breaks its contract, or an imported study has that name.
        DataError: a dataset is missing or damaged; nothing has been trained.
        EngineError: an engine or a device cannot train it; nothing has been trained.
    """
    from assay.engines.engine import Resources
    from assay.execution.execute import execute
    from assay.execution.live import LiveFile
    from assay.execution.place import Machine
    from assay.execution.search import run_search
    from assay.studies.estimate import check_memory
    from assay.studies.members import cohorts
    from assay.studies.search.plan import SearchPlan

    machine = machine or Machine()
    place = _reachable(machine.place)
    study = plan.study
    resources = Resources(
        device=machine.device or "auto",
        save_weights=study.save_weights,
        metrics=study.judging.computed,
        data_dir=data_dir,
    )
    options: dict[str, Any] = {"data_dir": data_dir, "workers": machine.workers, "executor": place}
    live = partial(LiveFile, store, plan.name, study.command, on_event)
    groups = cohorts(known_runs(plan), data_dir)
    if not place.remote:
        check_memory(groups, data_dir)
    with Store(store) as opened:
        opened.refuse_imported(plan.name)
        runs = plan.runs()
        opened.verify(runs)
        stored = opened.present(runs)
        missing = to_train(groups, stored)
        check_inputs(missing, data_dir)
        for error in refusals(plan, missing, machine):
            raise error
        with live() as told:
            if isinstance(plan, SearchPlan):
                return run_search(plan, opened, resources, **options, on_event=told)
            return execute(plan.to_json(), groups, opened, resources, **options, on_event=told)


def _reachable(place: Place) -> Place:
    """Return a machine whose workers can load all registered parts."""
    if load_main():
        return place
    from assay.execution.place import Place

    if place.remote:
        raise ConfigError(f"--on {place}: {_NO_FILE}")
    warnings.warn(f"{_NO_FILE}: {_INLINE}", stacklevel=4)
    return Place("inline")


def assignments(changes: Mapping[str, object] | Sequence[str]) -> tuple[str, ...]:
    """Changes as the `path=value` strings of --set; values are written as YAML."""
    import json

    if isinstance(changes, str):
        return (changes,)
    if isinstance(changes, Mapping):
        plain = {str(path): plain_data(value, str(path)) for path, value in changes.items()}
        return tuple(f"{path}={json.dumps(value)}" for path, value in plain.items())
    if isinstance(changes, Sequence) and all(isinstance(change, str) for change in changes):
        return tuple(changes)
    expected = "a mapping of settings to values, or texts like training.epochs=5"
    raise ConfigError(f"set must be {expected}, got {written(changes)}")
