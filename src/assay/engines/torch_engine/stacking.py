"""Measures how networks with convolutions train fastest: as a stack, side by side on a GPU, or in
turns; and alone on a CPU, on one thread or on all. Once for each machine and size of network
(`assay doctor` shows it).
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from math import log2

import torch

from assay.engines.compiled.choice import Rates, remembered
from assay.engines.compiled.coverage import PROGRAM_SETTING
from assay.engines.compiled.measuring import MEMBERS, rate
from assay.engines.engine import Member
from assay.engines.torch_engine.device import DevicePlace
from assay.engines.torch_engine.module import ModuleProgram
from assay.engines.torch_engine.program import StackedProgram
from assay.engines.torch_engine.side_by_side import SideBySideProgram
from assay.engines.torch_engine.stacked_images import stackable_images
from assay.networks.layers import Conv2D
from assay.networks.modules import OwnNetwork
from assay.networks.network import Network, initial_weights
from assay.tasks.task import TASKS, find_task

__all__ = ["IMAGE_STACK", "SIDE_BY_SIDE", "STACKED", "TURNS", "threads_alone", "way_of_images"]

IMAGE_STACK = MEMBERS
"""Members that train together, as in the measurement."""

STACKED, SIDE_BY_SIDE, TURNS = "PyTorch, stacked", "PyTorch, side by side", "PyTorch, in turns"
ONE_THREAD, ALL_THREADS = "PyTorch, one thread", "PyTorch, all threads"

_MOST_PATCHES = 1 << 22
"""Maximum size of a batch's patches for a measurement; copying larger ones is too slow."""

_MOST_WORK = 1 << 29
"""Multiply-adds of a batch, forward, above which all threads have work: nothing is measured."""


def way_of_images(member: Member, where: DevicePlace, stack: bool = True) -> str:
    """Return how members like this one train fastest, as measured: STACKED, SIDE_BY_SIDE (on a GPU)
    or TURNS. Where ASSAY_PROGRAM requests PyTorch, for other tasks than classification, and on
    other devices than a CPU and CUDA, nothing is measured: TURNS.

    Args:
        stack: whether their recipe allows a stack.
    """
    network, batch = member.network, member.training.batch_size
    task = find_task(member.config.get("task", "classify")).name
    known = where.device.type in ("cpu", "cuda")
    if os.environ.get(PROGRAM_SETTING) == "pytorch" or task != "classify" or not known:
        return TURNS
    stack = stack and stackable_images(network) and _patches(network) * batch <= _MOST_PATCHES
    ways = [TURNS] + [SIDE_BY_SIDE] * (where.device.type == "cuda") + [STACKED] * stack
    if len(ways) == 1:
        return TURNS
    sizes = (2 ** round(log2(max(1, n))) for n in (network.macs, _patches(network), batch))
    said = "convolutions, {}, about {:,} multiply-adds, {:,} in patches, batch {:,}"
    said = said.format(where.precision, *sizes)
    if where.device.type == "cuda":
        said += f", {torch.cuda.get_device_name(where.device)}"
    rates = remembered(said, lambda: _measured(member, where, ways))
    return max(ways, key=lambda way: rates.get(way, 0.0))


def threads_alone(member: Member, where: DevicePlace, most: int) -> int:
    """Threads that train one network in turns: all of `most`, or one where that was measured to be
    faster. To wake a thread that sleeps takes longer than a narrow layer does.

    Networks of the user's own, and where PyTorch is asked for (ASSAY_PROGRAM), have all.
    """
    network, batch = member.network, member.training.batch_size
    asked = os.environ.get(PROGRAM_SETTING) == "pytorch"
    if most < 2 or where.device.type != "cpu" or asked or isinstance(network, OwnNetwork):
        return most
    task = find_task(member.config.get("task", "classify")).name
    if task != "classify" or network.macs * batch > _MOST_WORK:
        return most
    macs, size = (2 ** round(log2(max(1, n))) for n in (network.macs, batch))
    waiting = os.environ.get("OMP_WAIT_POLICY", "").lower() or "as usual"
    said = f"one network, {where.precision}, about {macs:,} multiply-adds, batch {size:,}"
    measure = partial(_by_threads, member, where, most)
    rates = remembered(f"{said}, {most} threads, waiting {waiting}", measure)
    return most if rates.get(ALL_THREADS, 0.0) > rates.get(ONE_THREAD, 0.0) else 1


def _patches(network: Network) -> int:
    """Return the size of the patches of all convolutions for one image."""
    return sum(
        place.output_shape[0] * place.output_shape[1] * place.layer.kernel_size**2
        * place.input_shape[-1]
        for place in network.places()
        if isinstance(place.layer, Conv2D)
    )  # fmt: skip


def _by_threads(member: Member, where: DevicePlace, most: int) -> Rates:
    """Images a second of one network on one thread and on `most`, for random pictures."""
    before, rates = torch.get_num_threads(), {}
    try:
        for name, threads in ((ONE_THREAD, 1), (ALL_THREADS, most)):
            torch.set_num_threads(threads)
            rates[name] = _in_turns(member, where)
    finally:
        torch.set_num_threads(before)
    return rates


def _in_turns(member: Member, where: DevicePlace) -> float:
    """Images a second of one network."""
    return _measured(member, where, [TURNS])[TURNS]


def _measured(member: Member, where: DevicePlace, ways: Sequence[str]) -> Rates:
    """Return images a second by way, for random pictures; 0 if there is not enough memory."""
    recipe = replace(member.training, ema=0.0, swa=None)
    members = [replace(member, training=recipe)] * IMAGE_STACK
    weights, batch = initial_weights(member.network, member.seed), member.training.batch_size
    images = torch.rand(IMAGE_STACK, batch, *member.network.input_shape)
    images = images.to(where.device, where.compute)
    targets = torch.zeros(IMAGE_STACK, batch, dtype=torch.int64, device=where.device)
    programs = {STACKED: StackedProgram, SIDE_BY_SIDE: SideBySideProgram, TURNS: ModuleProgram}

    def measured(way: str) -> float:
        count = 1 if way == TURNS else IMAGE_STACK
        given = members[:count], [weights] * count, where, TASKS["classify"]
        program = programs[way](*given)
        # a GPU is only waited for after as many networks as in the other ways
        turns = IMAGE_STACK if way == TURNS and where.device.type == "cuda" else 1

        def step() -> None:
            for _ in range(turns):
                program.step(images[:count], targets[:count], 1.0)
            if where.device.type == "cuda":
                torch.cuda.synchronize(where.device)

        return rate(turns * count * batch, step)

    rates = {}
    with torch.no_grad():
        for way in ways:
            try:
                rates[way] = measured(way)
            except torch.OutOfMemoryError:
                rates[way] = 0.0
    return rates
