"""Measures how narrow networks with convolutions train faster on a CPU: as a stack or in turns,
alone on one thread or on all; once for each machine and size of network (`assay doctor` shows it).
"""

from __future__ import annotations

import os
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
from assay.engines.torch_engine.stacked_images import stackable_images
from assay.networks.layers import Conv2D
from assay.networks.modules import OwnNetwork
from assay.networks.network import Network, initial_weights
from assay.tasks.task import TASKS, find_task

__all__ = ["IMAGE_STACK", "stacks_images", "threads_alone"]

IMAGE_STACK = MEMBERS
"""Members of such a stack, as in the measurement."""

STACKED, TURNS = "PyTorch, stacked", "PyTorch, in turns"
ONE_THREAD, ALL_THREADS = "PyTorch, one thread", "PyTorch, all threads"

_MOST_PATCHES = 1 << 22
"""Maximum size of a batch's patches for a measurement; copying larger ones is too slow."""

_MOST_WORK = 1 << 29
"""Multiply-adds of a batch, forward, above which all threads have work: nothing is measured."""


def stacks_images(member: Member, where: DevicePlace) -> bool:
    """Whether members like this one are stacked: on a CPU, if a measurement shows that it is
    faster, and ASSAY_PROGRAM does not request PyTorch."""
    network, batch = member.network, member.training.batch_size
    if where.device.type != "cpu" or os.environ.get(PROGRAM_SETTING) == "pytorch":
        return False
    if find_task(member.config.get("task", "classify")).name != "classify" or not stackable_images(
        network
    ):
        return False
    if _patches(network) * batch > _MOST_PATCHES:
        return False
    sizes = (2 ** round(log2(max(1, n))) for n in (network.macs, _patches(network), batch))
    said = "convolutions, {}, about {:,} multiply-adds, {:,} in patches, batch {:,}"
    rates = remembered(said.format(where.precision, *sizes), lambda: _measured(member, where))
    return rates.get(STACKED, 0.0) > rates.get(TURNS, 0.0)


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
    batch = member.training.batch_size
    recipe = replace(member.training, ema=0.0)
    weights = [initial_weights(member.network, member.seed)]
    alone = ModuleProgram([replace(member, training=recipe)], weights, where, TASKS["classify"])
    images = torch.rand(1, batch, *member.network.input_shape).to(where.compute)
    targets = torch.zeros(1, batch, dtype=torch.int64)
    with torch.no_grad():
        return rate(batch, lambda: alone.step(images, targets, 1.0))


def _measured(member: Member, where: DevicePlace) -> Rates:
    """Return images a second in a stack and in turns, for random pictures."""
    members = [replace(member, training=replace(member.training, ema=0.0))] * IMAGE_STACK
    weights, batch = initial_weights(member.network, member.seed), member.training.batch_size
    images = torch.rand(IMAGE_STACK, batch, *member.network.input_shape).to(where.compute)
    targets = torch.zeros(IMAGE_STACK, batch, dtype=torch.int64)
    stack = StackedProgram(members, [weights] * IMAGE_STACK, where, TASKS["classify"])
    with torch.no_grad():
        stacked = rate(IMAGE_STACK * batch, lambda: stack.step(images, targets, 1.0))
    return {STACKED: stacked, TURNS: _in_turns(member, where)}
