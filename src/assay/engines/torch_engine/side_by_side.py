"""Networks that cannot form a stack, side by side on a GPU."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from assay.engines.engine import Member
from assay.engines.torch_engine.device import DevicePlace
from assay.engines.torch_engine.module import ModuleProgram
from assay.tasks.task import Task

__all__ = ["SideBySideProgram"]

T = TypeVar("T")


class SideBySideProgram:
    """Single networks, whose steps a GPU executes at the same time: each has its own CUDA stream.

    The kernels of one small network do not fill a GPU. On other devices the networks take turns.

    Args:
        updates: see `ModuleProgram`.
    """

    def __init__(
        self,
        members: Sequence[Member],
        weights: list[dict],
        place: DevicePlace,
        task: Task,
        updates: int = 0,
    ):
        self.place = place
        self._programs = [
            ModuleProgram([member], [own], place, task, updates)
            for member, own in zip(members, weights, strict=True)
        ]
        gpu = place.device.type == "cuda"
        self._streams = [torch.cuda.Stream(place.device) if gpu else None for _ in members]

    def _each(self, run: Callable[[ModuleProgram, int], T]) -> list[T]:
        """Call a function for every program and its number, each on its stream.

        Streams begin after what has been launched so far, and what follows waits for them all, so
        that memory which one side allocated is not reused before the other has finished with it.
        """
        streams = [stream for stream in self._streams if stream is not None]
        for stream in streams:
            stream.wait_stream(torch.cuda.current_stream(self.place.device))
        found: list[T] = []
        for k, (program, own) in enumerate(zip(self._programs, self._streams, strict=True)):
            with torch.cuda.stream(own):  # which does nothing for None
                found.append(run(program, k))
        for stream in streams:
            torch.cuda.current_stream(self.place.device).wait_stream(stream)
        return found

    def step(
        self, images: Tensor, targets: Tensor, factor: float | Tensor
    ) -> tuple[Tensor, Tensor]:
        """See `Program`."""
        found = self._each(lambda one, k: one.step(images[k][None], targets[k][None], factor))
        losses, corrects = zip(*found, strict=True)
        return torch.cat(losses), torch.cat(corrects)

    def outputs(self, images: Tensor) -> dict[str, Tensor]:
        """See `Program`."""
        images = images.expand(len(self._programs), *images.shape[1:])
        found = self._each(lambda one, k: one.outputs(images[k][None]))
        return {head: torch.cat([own[head] for own in found]) for head in found[0]}

    def keep(self, members: list[int]) -> None:
        """See `Program`."""
        self._programs = [self._programs[m] for m in members]
        self._streams = [self._streams[m] for m in members]

    def weights(self, member: int) -> dict[str, np.ndarray]:
        """See `Program`."""
        return self._programs[member].weights(0)

    def restore(self, member: int, weights: dict[str, np.ndarray]) -> None:
        """See `Program`."""
        self._programs[member].restore(0, weights)

    def state(self, member: int) -> dict[str, np.ndarray]:
        """See `Program`."""
        return self._programs[member].state(0)

    def load(self, member: int, state: dict[str, np.ndarray]) -> None:
        """See `Program`."""
        self._programs[member].load(0, state)
