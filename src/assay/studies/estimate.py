"""Estimated cost of a plan before training, for dry runs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from assay.core.cores import make_span, physical_cores
from assay.core.errors import ConfigError
from assay.core.machine import memory_bytes
from assay.core.records import Config
from assay.engines.engine import Cohort, Member
from assay.engines.precision import fast_bfloat16
from assay.networks.layers import Conv2D
from assay.networks.modules import Measured
from assay.networks.network import Network
from assay.networks.table import totals
from assay.studies.members import cohorts, resolve_info
from assay.studies.plan import Plan
from assay.studies.speed import Speed, measure_speed

__all__ = [
    "CostEstimate",
    "check_memory",
    "cohort_memory",
    "estimate",
    "estimate_configs",
    "training_seconds",
]

FORWARD_AND_BACKWARD = 3
"""Factor for the products of the forward pass, the gradient of inputs and of weights."""

SHARES = {
    ("dense", "float32"): 1.0,
    ("dense", "bfloat16"): 1.5,
    ("convolution", "float32"): 1.4,
    ("convolution", "bfloat16"): 3.5,
}
"""Speed of training relative to large float32 matrix products of NumPy: mean of two CPUs with
bfloat16 (on one of them 1.4, 1.8, 2.5 and 4.6, because NumPy's library uses half of its units).
Others differ, GPUs most of all: times may be wrong by a factor of three.
"""

PER_ACTIVATION = 180
"""Cost of each number that the layers of a network with convolutions hand on, forward and backward,
in float32 operations of large products: pooling, batch norm and activations wait for memory. On a
CPU it brings the estimate of narrow networks, of which it is the most, and of wide ones within a
quarter of what they take.
"""

SECONDS_PER_STEP = 1.5e-4
"""Minimum time of a step of one member."""


@dataclass(frozen=True)
class CostEstimate:
    """Estimated cost of a plan.

    Attributes:
        trials, runs, cohorts: their numbers.
        largest_cohort: members of the largest cohort.
        parameters: trainable numbers of one member's network, smallest and largest.
        macs: multiply-adds of one image, forward, smallest and largest.
        images: training images, summed over all runs.
        steps: updates, summed over all runs.
        memory_bytes: images, weights, gradients, optimizer state and activations of the largest
            cohort; a rough figure.
        gflops: measured speed of large float32 matrix products on this machine, GFLOP/s.
        seconds: training time on this CPU if it runs at SHARES of that and nothing else computes;
            a rough figure.
        busy: share of the cores that other programs had in the measurement.
    """

    trials: int
    runs: int
    cohorts: int
    largest_cohort: int
    parameters: tuple[int, int]
    macs: tuple[int, int]
    images: int
    steps: int
    memory_bytes: int
    gflops: float
    seconds: float
    busy: float = 0.0


def estimate(
    plan: Plan,
    data_dir: Path | None = None,
    gflops: float | None = None,
    workers: int | None = None,
) -> CostEstimate:
    """Estimate the cost of a plan.

    Args:
        gflops: speed of this machine; by default measured (in 0.2 s).
        workers: processes that share this machine's cores; by default one for each.
    """
    configs = list(plan.runs().values())
    return estimate_configs(configs, len(plan.trials), data_dir, gflops, workers)


def check_memory(groups: Sequence[Cohort], data_dir: Path | None = None) -> None:
    """Raise ConfigError if this machine has too little memory for a single run.

    Raises:
        ConfigError: with the memory of the largest run, and of the machine.
    """
    there = memory_bytes()
    if there is None:
        return
    for group in groups:
        needs = cohort_memory(replace(group, members=group.members[:1]), data_dir)
        if needs > there:
            member = group.members[0]
            numbers = _pictures(member, data_dir)
            raise ConfigError(
                f"a run needs about {_gib(needs)} GiB of memory, this machine has {_gib(there)} "
                f"GiB: its network has {member.network.parameters:,} parameters, its batches "
                f"{member.training.batch_size:,} images, its dataset {numbers:,} "
                "numbers"
            )


def _gib(size: int) -> str:
    return f"{-(-size // 2**30):,}"


def _pictures(member: Member, data_dir: Path | None) -> int:
    """Return the number of bytes of the images of a member's dataset."""
    info = resolve_info(member.config, data_dir)
    return (info.train + info.validation + info.test) * math.prod(map(int, info.image_shape))


def estimate_configs(
    configs: Sequence[Config],
    trials: int,
    data_dir: Path | None = None,
    gflops: float | None = None,
    workers: int | None = None,
) -> CostEstimate:
    """Estimate the cost of some runs of so many trials; see `estimate`."""
    groups = cohorts(configs, data_dir)
    check_memory(groups, data_dir)
    measured = measure_speed() if gflops is None else Speed(gflops, 0.0)
    members = [member for group in groups for member in group.members]
    workers = min(workers or physical_cores(), len(members))  # more have nothing to do
    times = [_seconds(member, data_dir, measured.gflops / workers) for member in members]
    images = {id(m): _images(m, data_dir) for m in members}
    steps = {id(m): _updates(m, data_dir) for m in members}
    parameters = [m.network.parameters for m in members]
    macs = [m.network.macs for m in members]
    return CostEstimate(
        trials=trials,
        runs=len(members),
        cohorts=len(groups),
        largest_cohort=max(len(g.members) for g in groups),
        parameters=(min(parameters), max(parameters)),
        macs=(min(macs), max(macs)),
        images=sum(images.values()),
        steps=sum(steps.values()),
        memory_bytes=max(cohort_memory(g, data_dir) for g in groups),
        gflops=measured.gflops,
        seconds=make_span(times, workers),
        busy=measured.busy,
    )


def training_seconds(members: Sequence[Member], data_dir: Path | None = None) -> float:
    """Estimate the seconds of runs, one after the other on one core of this machine."""
    return sum(_seconds(member, data_dir, _core_speed()) for member in members)


@cache
def _core_speed() -> float:
    return measure_speed().gflops / physical_cores()


def _seconds(member: Member, data_dir: Path | None, speed: float) -> float:
    """Return the seconds of a run at so many GFLOP/s; its pretraining and its own training take at
    most its `training.minutes` each."""
    work = 2 * FORWARD_AND_BACKWARD * member.network.macs / _share(member)
    if _convolves(member.network):
        work += PER_ACTIVATION * totals(member.network)["activations"]
    image = work / (speed * 1e9)
    first = _first(member, data_dir)
    begun = first * member.training.batch_size
    parts = (
        (begun, first),
        (_images(member, data_dir) - begun, _updates(member, data_dir) - first),
    )
    limit = 60 * (member.training.minutes or math.inf)
    return sum(min(n * image + updates * SECONDS_PER_STEP, limit) for n, updates in parts)


def _convolves(network: Network) -> bool:
    """Whether it has, or may have, convolutions, so that its runs take turns."""
    return any(isinstance(place.layer, (Conv2D, Measured)) for place in network.leaves())


def _share(member: Member) -> float:
    fast = member.config["precision"] == "bfloat16" and fast_bfloat16()
    kind = "convolution" if _convolves(member.network) else "dense"
    return SHARES[kind, "bfloat16" if fast else "float32"]


def _train(member: Member, data_dir: Path | None) -> int:
    return resolve_info(member.config, data_dir).train


def _updates(member: Member, data_dir: Path | None) -> int:
    """Return the number of updates of a run, with those of its pretraining."""
    return member.training.last_step(_train(member, data_dir)) + _first(member, data_dir)


def _first(member: Member, data_dir: Path | None) -> int:
    """Return the number of updates of a pretraining that trains."""
    count = getattr(member.training.pretrain, "first_updates", None)
    return count(member.training.batch_size, data_dir) if count else 0


def _images(member: Member, data_dir: Path | None) -> int:
    """Return the number of training images of a run, with those of its pretraining."""
    train, training = _train(member, data_dir), member.training
    before = _first(member, data_dir) * training.batch_size
    if training.steps is None:
        return before + training.epochs * train
    per_epoch = -(-train // training.batch_size)
    whole, rest = divmod(training.steps, per_epoch)
    return before + whole * train + min(rest * training.batch_size, train)


def cohort_memory(cohort: Cohort, data_dir: Path | None) -> int:
    """Bytes: uint8 images, and float32 weights, gradients, two moments and activations.

    Networks with convolutions take turns, so that only one stores activations at a time.
    """
    member = cohort.members[0]
    sums, pictures = totals(member.network), _pictures(member, data_dir)
    batch = min(member.training.batch_size, _train(member, data_dir))
    weights = 4 * sums["parameters"] * len(cohort.members)
    together = 1 if _convolves(member.network) else len(cohort.members)
    activations = 2 * sums["activations"] * batch * together
    return pictures + 4 * (weights + activations)
