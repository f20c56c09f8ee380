"""One run in every engine: agreement of the losses, and time of a step."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assay.core.errors import AssayError, EngineError

if TYPE_CHECKING:
    from assay.core.records import Config, Record
    from assay.data import Dataset
    from assay.engines.engine import Cohort
    from assay.networks.network import Network

__all__ = ["LIMIT", "EngineRun", "compare_engines"]

LIMIT = 1e-5
"""Largest difference of two losses that counts as agreement, in float64."""

_IMAGES = 200
"""Images to evaluate on; few, because losses are compared on batches."""


@dataclass(frozen=True)
class EngineRun:
    """The result of one engine.

    Attributes:
        losses: loss of each step's batch before its update, in float64, without dropout and noise;
            empty if the engine cannot train the run.
        difference: largest difference from the first engine's losses.
        seconds: time of a step in the study's precision, with dropout, without the start.
        why_not: why the engine could not train; empty if it did.
    """

    engine: str
    losses: tuple[float, ...] = ()
    difference: float = 0.0
    seconds: float = 0.0
    why_not: str = ""


def compare_engines(
    config: Config, names: Iterable[str], steps: int, data_dir: Path | None = None
) -> list[EngineRun]:
    """Train one run for a few steps in each engine, from equal weights over equal batches.

    Args:
        config: of the run, with its seed.
        names: engines; the others are compared with the first.
        steps: updates, at least 2.

    Raises:
        ConfigError: an engine is unknown.
        EngineError: the task has a program of its own, or trains no network.
    """
    from assay.data import load
    from assay.tasks.task import find_task, parts_of

    task = find_task(config["task"])
    if parts := parts_of(task):
        raise EngineError(
            f"engines are compared by the loss of one network; task {task.name} trains "
            f"{' and '.join(parts)} by a program of the torch engine alone"
        )
    if not config["training"]:
        raise EngineError(
            "engines are compared step by step, but an estimator is fitted in one step"
        )
    whole = load(config["dataset"], data_dir)
    dataset = replace(
        whole,
        validation=replace(
            whole.validation,
            images=whole.validation.images[:_IMAGES],
            targets=whole.validation.targets[:_IMAGES],
        ),
        test=replace(
            whole.test, images=whole.test.images[:_IMAGES], targets=whole.test.targets[:_IMAGES]
        ),
    )
    runs: list[EngineRun] = []
    for name in names:
        found = _run(name, config, dataset, steps, data_dir)
        first = next((run for run in runs if run.losses), found)
        pairs = zip(first.losses, found.losses, strict=False)
        runs.append(replace(found, difference=max((abs(a - b) for a, b in pairs), default=0.0)))
    return runs


def _run(
    name: str, config: Config, dataset: Dataset, steps: int, data_dir: Path | None
) -> EngineRun:
    from assay.engines.engine import ENGINES

    make = ENGINES[name]
    try:
        exact = _train(make(), _cohort(config, name, steps, 1, "float64", data_dir), dataset)
        half = max(1, steps // 2)
        timed = _train(
            make(), _cohort(config, name, 2 * half, half, _timed(config), data_dir), dataset
        )
    except AssayError as error:
        return EngineRun(name, why_not=str(error))
    seconds = timed.curves["seconds"]
    losses = tuple(float(loss) for loss in exact.curves["loss"])
    return EngineRun(name, losses, seconds=float(seconds[-1] - seconds[0]) / half)


def _timed(config: Config) -> str:
    """Return the precision in which steps are timed, the same in all engines."""
    return "float64" if config["precision"] == "float64" else "float32"


def _train(engine: Any, cohort: Cohort, dataset: Dataset) -> Record:
    from assay.engines.engine import Resources

    resources = Resources(
        device="cpu",
        precision=str(cohort.members[0].config["precision"]),
        threads=1,
        save_weights=False,
    )
    engine.check(cohort, resources)
    (record,) = engine.train(cohort, dataset, resources, lambda progress: None)
    return record


def _cohort(
    config: Config, engine: str, steps: int, every: int, precision: str, data_dir: Path | None
) -> Cohort:
    """Return the run with a budget of `steps`; in float64 without dropout and noise."""
    from assay.engines.engine import Cohort
    from assay.studies.members import resolve_member

    member = resolve_member({**config, "engine": engine, "precision": precision}, data_dir)
    recipe = replace(
        member.training,
        steps=steps,
        evaluate_every=every,
        early_stopping=None,
        test_curve=False,
    )
    network = _without_chance(member.network) if precision == "float64" else member.network
    return Cohort((replace(member, training=recipe, network=network),), config["task"])


def _without_chance(network: Network) -> Network:
    return replace(
        network,
        trunk=_still(network.trunk),
        heads=tuple((name, _still(chain)) for name, chain in network.heads),
    )


def _still(chain: Iterable[Any]) -> tuple[Any, ...]:
    """Return the layers without dropout and noise, which keep their places."""
    from assay.networks.generator_layers import GaussianNoise
    from assay.networks.layers import Dropout, Residual

    return tuple(
        replace(layer, rate=0.0)
        if isinstance(layer, Dropout)
        else replace(layer, stddev=0.0)
        if isinstance(layer, GaussianNoise)
        else replace(layer, body=_still(layer.body))
        if isinstance(layer, Residual)
        else layer
        for layer in chain
    )
