"""Several updates of a stack as one CUDA graph, without a Python call for each kernel.

An update of a dense network consists of about forty kernels of a few microseconds each, about the
time that PyTorch takes to launch one. A graph launches all of them at once. Everything that changes
between updates is read from fixed memory: the order of the images and the start of the next batch,
the schedule's factors, the counts of updates, and random bits, which the host draws as for every
other program, for all updates of a replay together.

The first updates of a trainer run without a graph, because they allocate optimizer states and
buffers. So do those of shorter batches, and all updates if the graph cannot be captured.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from assay.engines.torch_engine.device import DevicePlace
from assay.engines.torch_engine.masks import DeviceBits
from assay.engines.torch_engine.program import StackedProgram
from assay.engines.torch_engine.stacked import DropoutBlock
from assay.engines.torch_engine.trainer import DeviceDataset, TorchTrainer
from assay.engines.training import Training
from assay.tasks.task import Task

__all__ = ["UPDATES", "GraphedTrainer", "graphs_pay"]

UPDATES = 16
"""Updates in a graph, enough that the copies before each replay cost little."""

Replay = Callable[[], object]


def cuda_graph(run: Callable[[], None]) -> Replay:
    """Return a function that replays the kernels that `run` launches; capturing changes no tensor.

    Raises:
        RuntimeError: it synchronises with the device or copies from the host.
    """
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        run()
    return graph.replay


def graphs_pay(where: DevicePlace, data: DeviceDataset, recipe: Training) -> bool:
    """Whether stacks of dense networks use graphs: on CUDA, with fixed pictures."""
    return where.device.type == "cuda" and not recipe.augment and data.stays


class BitsAhead(DeviceBits):
    """The random bits of several updates, drawn on the host and copied to the device together.

    Outside a graph it draws like the bits that it replaces.

    Args:
        batch: images of an update in a graph.
    """

    def __init__(self, bits: DeviceBits, batch: int):
        self._bits, self._device, self._batch = bits._bits, bits._device, batch
        self._shape: tuple[int, ...] = ()
        self._widths: Sequence[int] | None = None
        self._ahead: Tensor | None = None
        self._turn: int | None = None

    def draw(self, shape: tuple[int, ...], widths: Sequence[int] | None = None) -> Tensor:
        """See `DeviceBits.draw`."""
        if self._turn is None:
            self._shape, self._widths = (self._batch, *shape[1:]), widths
            return super().draw(shape, widths)
        assert self._ahead is not None
        self._turn += 1
        return self._ahead[self._turn - 1]

    def from_memory(self, on: bool) -> None:
        """Choose whether to return the bits of `fill` in order, or to draw them."""
        self._turn = 0 if on else None
        if on and self._ahead is None:
            whole = (UPDATES, len(self.streams), *self._shape)
            self._ahead = torch.zeros(whole, dtype=torch.int16, device=self._device)

    def fill(self) -> None:
        """Draw the bits of the next updates."""
        drawn = [self._bits.draw(self._shape, self._widths) for _ in range(UPDATES)]
        assert self._ahead is not None
        host = torch.from_numpy(np.stack(drawn))
        if self._device.type == "cuda":  # pinned memory is copied asynchronously
            host = host.pin_memory()
        self._ahead.copy_(host, non_blocking=True)

    def keep(self, members: Sequence[int]) -> None:
        """Keep only these members."""
        super().keep(members)
        self._ahead = None


class GraphedTrainer(TorchTrainer):
    """A trainer of a dense stack that performs `UPDATES` updates at a time, as one graph.

    Attributes:
        stretch: see `Striding`.
        graphed: whether there is a graph.
    """

    def __init__(
        self,
        program: StackedProgram,
        data: DeviceDataset,
        task: Task,
        rows: int,
        epochs: int,
        soft: np.ndarray | None = None,
    ):
        super().__init__(program, data, task, None, rows, epochs, soft)
        self._stack = program
        self._batch = program.members[0].training.batch_size
        self._bits: list[BitsAhead] = []
        for block in program.blocks:
            if isinstance(block, DropoutBlock):
                block.bits = BitsAhead(block.bits, self._batch)
                self._bits.append(block.bits)
        device = self.data.blank.device
        steps = torch.arange(UPDATES * self._batch, device=device)
        self._first = steps.view(UPDATES, self._batch)
        self._columns = self._first.clone()
        self._factors = torch.ones(UPDATES, dtype=torch.float64, device=device)
        self._replay: Replay | None = None
        self._able, self.stretch = True, UPDATES

    @property
    def graphed(self) -> bool:
        """See the class."""
        return self._replay is not None

    def start_epoch(self, orders: np.ndarray, epoch: int) -> None:
        """See `Trainer`."""
        if self._replay is None:
            super().start_epoch(orders, epoch)
        else:  # at the address that the graph reads
            self._order.copy_(torch.from_numpy(orders))

    def steps(self, start: int, stop: int, factors: Sequence[float]) -> None:
        """See `Striding`."""
        whole = stop - start == UPDATES * self._batch and len(factors) == UPDATES
        if whole and self._able and self._replay is None and self._stack.steps >= UPDATES:
            self._make()
        if whole and self._replay is not None:
            torch.add(self._first, start, out=self._columns)
            self._factors.copy_(torch.tensor(factors, dtype=torch.float64))
            for bits in self._bits:
                bits.fill()
            steps = self._stack.steps
            self._replay()
            self._stack.steps = steps + UPDATES
            return
        for i, factor in enumerate(factors):
            begin = start + i * self._batch
            self.step(begin, min(begin + self._batch, stop), factor)

    def _make(self) -> None:
        """Capture the graph, after sums and optimizer states have been allocated."""
        if not isinstance(self._loss, Tensor):
            return
        self._stack.count_on_device()
        steps = self._stack.steps
        try:
            for bits in self._bits:
                bits.from_memory(True)
            self._replay = cuda_graph(self._run)
        except RuntimeError:  # a task's loss may synchronise with the host
            self._able, self.stretch = False, 1
        finally:
            self._stack.steps = steps
            for bits in self._bits:
                bits.from_memory(False)

    def _run(self) -> None:
        """Perform all updates of a replay."""
        for bits in self._bits:
            bits.from_memory(True)
        for columns, factor in zip(self._columns, self._factors, strict=True):
            self._update(self._order.index_select(1, columns), factor)
        for bits in self._bits:
            bits.from_memory(False)

    def _reset(self) -> None:
        if getattr(self, "_replay", None) is None:
            super()._reset()
            return
        for sums in (self._loss, self._correct):
            assert isinstance(sums, Tensor)
            sums.zero_()

    def keep(self, members: list[int]) -> None:
        """See `Trainer`."""
        self._replay = None
        self._reset()
        super().keep(members)
