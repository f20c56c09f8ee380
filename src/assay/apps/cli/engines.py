"""`assay engines`: one run of a study in every engine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from assay.apps.cli import console
from assay.apps.cli.completion import engine_names
from assay.apps.cli.options import Backend, Places, Settings, StudyName, TrialName

if TYPE_CHECKING:
    from assay.apps.engines import EngineRun

__all__ = ["engines"]

WRONG = 1
MAX_STEPS = 100_000
ORDER = ("torch", "numpy", "keras")
"""The others are compared with the first."""

ESTIMATORS = ("sklearn",)
"""Engines without steps."""


def engines(
    study: StudyName,
    /,
    *,
    trial: TrialName | None = None,
    steps: int = 20,
    engines: Annotated[list[str] | None, Parameter(completer=engine_names, negative="")] = None,
    backend: Backend | None = None,
    set: Settings | None = None,
    places: Places | None = None,
) -> int:
    """Train one run of a study for a few steps in every engine, and compare losses and speed.

    The losses are compared in float64 without dropout and noise; a step is timed on one thread of
    the CPU. The exit status is 1 if two engines differ by more than 1e-5.

    Args:
        study: A built-in study (see `assay list`) or a YAML file.
        trial: Label of the trial [the first one].
        steps: Updates, at least 2.
        engines: An engine to compare; may be repeated [all of them].
        backend: Keras's backend: tensorflow, jax or torch [env KERAS_BACKEND, or tensorflow].
        set: Change one setting, e.g. --set training.batch_size=200; may be repeated.
    """
    from assay.apps.engines import compare_engines
    from assay.core.errors import ConfigError, unknown_name
    from assay.studies.settings import engine_names
    from assay.studies.study import parse_study
    from assay.studies.trials import find_trial

    if not 2 <= steps <= MAX_STEPS:
        expected = f"a whole number from 2 to {MAX_STEPS:,}"
        raise ConfigError(f"--steps {steps}: expected {expected}")
    known = [name for name in engine_names() if name not in ESTIMATORS]
    for name in engines or ():
        if name not in known:
            raise ConfigError(unknown_name("engine", name, known))
    if backend:
        from assay.engines.keras_engine.backend import choose_backend

        choose_backend(backend)
    folder = (places or Places()).data_path
    found = parse_study(study, set=set or [], data_dir=folder)
    chosen = find_trial(found, trial)
    names = engines or sorted(known, key=lambda n: (ORDER.index(n) if n in ORDER else 9, n))
    runs = compare_engines({**chosen.config, "seed": 0}, names, steps, folder)
    console.heading(f"{found.name}: {chosen.label}, {steps} steps from equal weights")
    _show([run for run in runs if run.losses])
    for run in runs:
        if run.why_not:
            console.say(f"without {run.engine}: {run.why_not}")
    return _conclude(runs)


def _conclude(runs: list[EngineRun]) -> int:
    """Print whether the engines agree; return the exit status."""
    from assay.apps.engines import LIMIT

    worst = max(run.difference for run in runs)
    trained = sum(bool(run.losses) for run in runs)
    if trained > 1:
        right = worst <= LIMIT
        said = "agree" if right else "DO NOT agree"
        console.say(f"the losses {said}: largest difference {worst:.1e} (limit {LIMIT:.0e})")
        return 0 if right else WRONG
    console.say("nothing to compare: fewer than two engines can train it")
    return WRONG


def _show(runs: list[EngineRun]) -> None:
    console.table(
        ("engine", ">first loss", ">last loss", ">largest difference", ">ms a step"),
        [
            (
                run.engine,
                f"{run.losses[0]:.8f}",
                f"{run.losses[-1]:.8f}",
                f"{run.difference:.1e}" if run is not runs[0] else "",
                f"{1000 * run.seconds:.2f}",
            )
            for run in runs
        ],
        empty="no engine can train it",
    )
    console.say()
