"""Several updates of a stack as one CUDA graph, without a Python call for each kernel.

An update of a dense network consists of about forty kernels of a few microseconds each, about the
time that PyTorch takes to launch one. A graph launches all of them at once. Everything that changes
between updates is read from fixed memory: the order of the images and the start of the next batch,
the schedule's factors, and the counts of updates, from which the device draws dropout's bits.

The first updates of a trainer, also of one that resumes, run without a graph, because they allocate
optimizer states and buffers. So do those of shorter batches, and all updates if the graph cannot be
captured.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from assay.engines.torch_engine.device import DevicePlace
from assay.engines.torch_engine.program import StackedProgram
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
        device = self.data.blank.device
        steps = torch.arange(UPDATES * self._batch, device=device)
        self._first = steps.view(UPDATES, self._batch)
        self._columns = self._first.clone()
        self._factors = torch.ones(UPDATES, dtype=torch.float64, device=device)
        self._replay: Replay | None = None
        self._able, self._warm, self.stretch = True, False, UPDATES

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
        if whole and self._able and self._replay is None and self._warm:
            self._make()
        if whole and self._replay is not None:
            torch.add(self._first, start, out=self._columns)
            self._factors.copy_(torch.tensor(factors, dtype=torch.float64))
            steps = self._stack.steps
            self._replay()
            self._stack.steps = steps + UPDATES
            return
        for i, factor in enumerate(factors):
            begin = start + i * self._batch
            self.step(begin, min(begin + self._batch, stop), factor)
        self._warm = self._warm or whole  # what copies from the host once has done so

    def _make(self) -> None:
        """Capture the graph, after sums and optimizer states have been allocated."""
        if not isinstance(self._loss, Tensor):
            return
        self._stack.count_on_device()
        steps = self._stack.steps
        try:
            self._replay = cuda_graph(self._run)
        except RuntimeError:  # a task's loss may synchronise with the host
            self._able, self.stretch = False, 1
        finally:
            self._stack.steps = steps

    def _run(self) -> None:
        """Perform all updates of a replay."""
        for columns, factor in zip(self._columns, self._factors, strict=True):
            self._update(self._order.index_select(1, columns), factor)

    def _reset(self) -> None:
        if getattr(self, "_replay", None) is None:
            super()._reset()
            return
        for sums in (self._loss, self._correct):
            assert isinstance(sums, Tensor)
            sums.zero_()

    def keep(self, members: list[int]) -> None:
        """See `Trainer`."""
        self._replay, self._warm = None, False
        self._reset()
        super().keep(members)
