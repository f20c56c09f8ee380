"""Programs, which train a stack of members step by step within the shared loop.

`StackedProgram` is for dense networks and narrow ones with convolutions. `ModuleProgram`
(module.py) is for everything else.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from assay.engines.engine import Member
from assay.engines.optimizers.optimizer import as_matrix
from assay.engines.torch_engine.device import DevicePlace
from assay.engines.torch_engine.slots import Key, StackSlots
from assay.engines.torch_engine.stacked import BLOCKS, Block, DenseBlock, DropoutBlock, Widths
from assay.engines.torch_engine.stacked_images import IMAGE_BLOCKS
from assay.networks.layers import Dense, Flatten
from assay.networks.layers import room as stack_room
from assay.networks.network import LayerPlace, Network, hidden_kernels
from assay.tasks.task import Task

__all__ = ["Program", "StackedProgram", "optimizer_numbers", "plain", "stackable"]

Outputs = dict[str, Tensor]


class Program(Protocol):
    """A program in training: images are (S, B, h, w, c) or shared (1, B, h, w, c)."""

    def step(
        self, images: Tensor, targets: Tensor, factor: float | Tensor
    ) -> tuple[Tensor, Tensor]:
        """Update every member; return summed loss and summed `correct`, (S,) each."""
        ...

    def outputs(self, images: Tensor) -> Outputs:
        """Return outputs (S, B, units) by head, in evaluation mode."""
        ...

    def keep(self, members: list[int]) -> None:
        """Keep only these members."""
        ...

    def weights(self, member: int) -> dict[str, np.ndarray]:
        """Return the weights of one member as float32 arrays, named as in `initial_weights`."""
        ...

    def restore(self, member: int, weights: dict[str, np.ndarray]) -> None:
        """Restore the weights of one member."""
        ...

    def state(self, member: int) -> dict[str, np.ndarray]:
        """Return the full state of one member, in full precision."""
        ...

    def load(self, member: int, state: dict[str, np.ndarray]) -> None:
        """Restore a result of `state`."""
        ...


def stackable(network: Network) -> bool:
    """Whether this is a dense network whose layers can all be trained as a stack."""
    return all(type(place.layer) in BLOCKS for place in network.places())


def optimizer_numbers(member: Member, hidden: Sequence[int] | None = None) -> dict[str, float]:
    """Return the numbers of the update rule for one tensor of one member.

    Args:
        hidden: the shape (..., outputs) of a hidden layer's kernel; None for all other tensors.
    """
    recipe = member.training
    numbers = recipe.optimizer.numbers(as_matrix(hidden))
    return {**numbers, "learning_rate": recipe.learning_rate}


def loss_and_gradient(
    task: Task, outputs: Outputs, targets: Tensor
) -> tuple[Tensor, dict[str, Tensor]]:
    """Return per-sample loss (S, B) and the gradient of each member's mean loss by head."""
    batch = next(iter(outputs.values())).shape[1]
    if hasattr(task, "loss_gradient"):
        losses, gradients = task.loss_gradient(outputs, targets)
        return losses, {name: g.div_(batch) for name, g in gradients.items()}
    leaves = {name: out.detach().requires_grad_() for name, out in outputs.items()}
    with torch.enable_grad():
        losses = task.loss(leaves, targets)
        found = torch.autograd.grad(losses.sum() / batch, list(leaves.values()))
    return losses.detach(), dict(zip(leaves, found, strict=True))


class StackedProgram:
    """Networks of equal structure (dense ones of nearly equal width), trained as one stack.

    Attributes:
        blocks: all layers of the trunk and the heads.
        steps: number of updates so far.
        groups: number of different batches of a step, each for as many neighbours. Members of one
            seed have the same batches; if all are neighbours and the first layer is dense, they
            share them. Else it is the number of members.

    Args:
        direct: see `StackSlots`; None for the device's default.
    """

    def __init__(
        self,
        members: Sequence[Member],
        weights: list[dict],
        place: DevicePlace,
        task: Task,
        direct: bool | None = None,
    ):
        self.place, self.task = place, task
        self.rule = type(members[0].training.optimizer)
        self.members, self.steps = list(members), 0
        self._direct = place.device.type != "cpu" if direct is None else direct
        first = [type(layer) for layer in members[0].network.trunk[:2]]
        self._able = self._direct and first == [Flatten, Dense]
        self.groups = self._groups()
        heads = [name for name, _ in members[0].network.heads]
        places = list(zip(*(m.network.places() for m in members), strict=True))
        shape = members[0].network.input_shape
        self.trunk, room = self._chain("trunk", places, shape)
        self.heads = {name: self._chain(f"head.{name}", places, room)[0] for name in heads}
        self.blocks = self.trunk + [b for head in self.heads.values() for b in head]
        for block in self.blocks:
            if isinstance(block, DenseBlock) and self._able:
                block.shares = block is self.trunk[1]
            block.load(weights)
        self._make_slots()

    def _groups(self) -> int:
        seeds = [m.seed for m in self.members]
        groups = len(set(seeds))
        size = len(seeds) // groups
        even = size * groups == len(seeds)
        alike = all(len({*seeds[k : k + size]}) == 1 for k in range(0, len(seeds), size))
        return groups if self._able and even and alike else len(seeds)

    def _chain(
        self, prefix: str, places: Sequence[tuple[LayerPlace, ...]], room: tuple[int, ...]
    ) -> tuple[list[Block], tuple[int, ...]]:
        """Return the blocks of a chain, and its padded output shape."""
        seeds = [m.seed for m in self.members]
        columns = [column for column in places if column[0].name.startswith(f"{prefix}.")]
        dense = [column for column in columns if isinstance(column[0].layer, Dense)]
        chain: list[Block] = []
        for column in columns:
            layer, before = column[0].layer, room
            last = prefix != "trunk" and column is columns[-1]
            if isinstance(layer, Dense):
                exact = prefix != "trunk" and column is dense[-1]
                room = (layer.units if exact else stack_room(layer.units),)
            elif isinstance(layer, Flatten):
                room = (math.prod(before),)
            elif type(layer) in IMAGE_BLOCKS:
                room = layer.output_shape(before)
            widths = Widths(
                tuple(place.input_shape[-1] for place in column),
                tuple(place.output_shape[-1] for place in column),
                before[-1],
                room[-1],
                last,
            )
            layers = [place.layer for place in column]
            kind = (BLOCKS | IMAGE_BLOCKS)[type(layer)]
            chain.append(kind(layers, column[0].name, self.place, seeds, widths))
        return chain, room

    def _make_slots(self) -> None:
        owners = {(b.name, key): b for b in self.blocks for key in b.params}
        hidden = [hidden_kernels(m.network) for m in self.members]
        numbers = {
            (name, key): [
                {
                    **optimizer_numbers(m, hidden[k].get(f"{name}.{key}")),
                    **block.numbers(key, k),
                }
                for k, m in enumerate(self.members)
            ]
            for (name, key), block in owners.items()
        }
        self._slots = StackSlots(*self._tensors(), self.rule, numbers, self._direct)
        for block in self.blocks:
            block.products = (block.name, "kernel") in self._slots.products
        self._move()

    def _tensors(self) -> tuple[dict[Key, Tensor], dict[Key, Tensor | None]]:
        """Return all trained tensors, and their low-precision copies, if any."""
        owners = [(block, key) for block in self.blocks for key in block.params]
        params = {(block.name, key): block.params[key] for block, key in owners}
        return params, {(block.name, key): block.copy_of(key) for block, key in owners}

    def _move(self) -> None:
        """Let the blocks use the updated tensors."""
        for block in self.blocks:
            for key in block.params:
                block.params[key] = self._slots.weights[block.name, key]

    def step(
        self, images: Tensor, targets: Tensor, factor: float | Tensor
    ) -> tuple[Tensor, Tensor]:
        self.steps += 1
        outputs = self._forward(images, training=True)
        losses, d = loss_and_gradient(self.task, outputs, targets)
        correct = self.task.correct(outputs, targets)
        through = [_backward(head, d[name], True) for name, head in self.heads.items()]
        _backward(self.trunk, sum(through[1:], start=through[0]), need_input=False)
        gradients = {(b.name, key): b.gradients[key] for b in self.blocks for key in b.params}
        self._slots.update(gradients, factor)
        return losses.sum(-1), correct.sum(-1)

    def count_on_device(self) -> None:
        """Let update rules and dropout count steps in tensors, for a CUDA graph."""
        self._slots.count_on_device()
        for block in self.blocks:
            if isinstance(block, DropoutBlock):
                block.bits.count_on_device()

    def outputs(self, images: Tensor) -> Outputs:
        return self._forward(images.expand(len(self.members), *images.shape[1:]), training=False)

    def _forward(self, x: Tensor, training: bool) -> Outputs:
        for block in self.trunk:
            x = block.forward(x, training)
        outputs = {}
        for name, head in self.heads.items():
            y = x
            for block in head:
                y = block.forward(y, training)
            outputs[name] = y.to(self.place.master)
        return outputs

    def keep(self, members: list[int]) -> None:
        self.members = [self.members[m] for m in members]
        self.groups = self._groups()
        for block in self.blocks:
            block.keep(members)
        self._slots.keep(members, *self._tensors())
        self._move()

    def weights(self, member: int) -> dict[str, np.ndarray]:
        found = {}
        for block in self.blocks:
            for key, tensor in {**block.params, **block.buffers}.items():
                if key != "rate":
                    row = block.part(key, tensor, member)
                    found[f"{block.name}.{key}"] = row.float().cpu().numpy().copy()
        return found

    def restore(self, member: int, weights: dict[str, np.ndarray]) -> None:
        for block in self.blocks:
            for key, tensor in {**block.params, **block.buffers}.items():
                if key != "rate":
                    value = torch.from_numpy(weights[f"{block.name}.{key}"])
                    block.part(key, tensor, member).copy_(value)
            block.refresh()

    def state(self, member: int) -> dict[str, np.ndarray]:
        found: dict[str, np.ndarray] = {"steps": np.array(self.steps)}
        for block in self.blocks:
            for key, tensor in {**block.params, **block.buffers}.items():
                found[f"tensor/{block.name}.{key}"] = plain(tensor[member])
        for (name, key), memory in self._slots.memory(member).items():
            for what, tensor in memory.items():
                found[f"memory/{name}.{key}/{what}"] = plain(tensor)
        return found

    def load(self, member: int, state: dict[str, np.ndarray]) -> None:
        self.steps = int(state["steps"])
        for block in self.blocks:
            for key, tensor in {**block.params, **block.buffers}.items():
                tensor[member].copy_(torch.from_numpy(state[f"tensor/{block.name}.{key}"]))
            if isinstance(block, DropoutBlock):
                block.bits.count = self.steps
            block.refresh()
        memory: dict[Key, dict[str, Tensor]] = {key: {} for key in self._slots.weights}
        for name, key in memory:
            start = f"memory/{name}.{key}/"
            for entry in (entry for entry in state if entry.startswith(start)):
                memory[name, key][entry.removeprefix(start)] = torch.from_numpy(state[entry])
        self._slots.remember(member, memory, self.steps)


def plain(tensor: Tensor) -> np.ndarray:
    """Return a copy of a tensor in its own precision."""
    return np.array(tensor.detach().cpu().numpy(), order="C")


def _backward(chain: list[Block], d: Tensor, need_input: bool) -> Tensor:
    """Run a chain backwards, down to the first layer with weights."""
    first = 0
    if not need_input:
        owners = [i for i, block in enumerate(chain) if block.params]
        first = owners[0] if owners else len(chain)
    for i in range(len(chain) - 1, first - 1, -1):
        below = chain[i].backward(d, need_input or i > first)
        if below is not None:
            d = below
    return d
