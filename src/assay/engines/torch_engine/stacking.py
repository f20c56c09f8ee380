"""Measures whether narrow networks with convolutions train faster as a stack or in turns, once for
each machine and size of network (`assay doctor` shows it)."""

from __future__ import annotations

import os
from dataclasses import replace
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
from assay.networks.network import Network, initial_weights
from assay.tasks.task import TASKS, find_task

__all__ = ["IMAGE_STACK", "stacks_images"]

IMAGE_STACK = MEMBERS
"""Members of such a stack, as in the measurement."""

STACKED, TURNS = "PyTorch, stacked", "PyTorch, in turns"

_MOST_PATCHES = 1 << 22
"""Maximum size of a batch's patches for a measurement; copying larger ones is too slow."""


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


def _patches(network: Network) -> int:
    """Return the size of the patches of all convolutions for one image."""
    return sum(
        place.output_shape[0] * place.output_shape[1] * place.layer.kernel_size**2
        * place.input_shape[-1]
        for place in network.places()
        if isinstance(place.layer, Conv2D)
    )  # fmt: skip


def _measured(member: Member, where: DevicePlace) -> Rates:
    """Return images a second in a stack and in turns, for random pictures."""
    members = [replace(member, training=replace(member.training, ema=0.0))] * IMAGE_STACK
    weights, batch = initial_weights(member.network, member.seed), member.training.batch_size
    images = torch.rand(IMAGE_STACK, batch, *member.network.input_shape).to(where.compute)
    targets = torch.zeros(IMAGE_STACK, batch, dtype=torch.int64)
    stack = StackedProgram(members, [weights] * IMAGE_STACK, where, TASKS["classify"])
    alone = ModuleProgram(members[:1], [weights], where, TASKS["classify"])
    with torch.no_grad():
        return {
            STACKED: rate(IMAGE_STACK * batch, lambda: stack.step(images, targets, 1.0)),
            TURNS: rate(batch, lambda: alone.step(images[:1], targets[:1], 1.0)),
        }
