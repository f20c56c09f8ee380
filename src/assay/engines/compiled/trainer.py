"""Compiled members for the shared loop: several updates at a time, each member on a thread."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from assay.engines.compiled.pictures import Pixels, PixelSplit
from assay.engines.compiled.program import NOT_MIXED, CompiledProgram
from assay.engines.evaluation import Evaluation
from assay.engines.streams import Moves
from assay.tasks.looks import looks_of
from assay.tasks.task import Task

__all__ = ["CompiledTrainer"]

Array = np.ndarray

STRETCH_SECONDS = 0.05
"""Target duration of several updates, short enough to react to requests."""


class CompiledTrainer:
    """Members of one network; implements `assay.engines.loop.Trainer`.

    Args:
        threads: members that train at the same time.
        task: classification, with its views of each image in evaluation.

    Attributes:
        stretch: number of updates to make at once.
    """

    def __init__(
        self, programs: Sequence[CompiledProgram], pictures: Pixels, threads: int, task: Task
    ):
        self.programs, self.pictures, self._task = list(programs), pictures, task
        recipe = programs[0].member.training
        self._batch = recipe.batch_size
        self._moves = [
            Moves(recipe.augment, [p.member.seed]) if recipe.augment else None for p in programs
        ]
        self._sums = np.zeros((len(self.programs), 2))
        workers = min(threads, len(self.programs))
        self._pool = ThreadPoolExecutor(workers, "training") if workers > 1 else None
        self._orders = np.zeros((len(self.programs), 0), np.int64)
        self.stretch = 4

    def start_epoch(self, orders: Array, epoch: int) -> None:
        """See `Trainer`."""
        self._orders = np.ascontiguousarray(orders, np.int64)
        for k, moves in enumerate(self._moves):
            if moves:
                moves.start_epoch(self._orders[k : k + 1], epoch)

    def step(self, start: int, stop: int, factor: float) -> None:
        """See `Trainer`."""
        self.steps(start, stop, [factor])

    def steps(self, start: int, stop: int, factors: Sequence[float]) -> None:
        """See `Trainer`."""
        began = time.perf_counter()
        shares = np.array(factors)

        def one(k: int) -> None:
            order = self._orders[k, start:stop]
            moves, mixed = self._drawn(k, start, stop), self._mixed(k, start, stop)
            self.programs[k].train(self.pictures, order, moves, shares, self._sums[k], mixed)

        self._all(one)
        took = max(time.perf_counter() - began, 1e-6)
        wanted = len(factors) * STRETCH_SECONDS / took
        self.stretch = max(1, min(round(wanted), 4 * self.stretch))

    def _all(self, one: Callable[[int], None]) -> None:
        """Call a function for every member, on threads if there are several."""
        members = range(len(self.programs))
        for _ in (self._pool.map if self._pool else map)(one, members):
            pass

    def _drawn(self, k: int, start: int, stop: int) -> Array:
        """Return the moves of a member's images, (images, 3), drawn batch by batch."""
        moves = self._moves[k]
        if moves is None or not (moves.reach or moves.augment.flip):
            return np.zeros((0, 3), np.int64)
        starts = range(start, stop, self._batch)
        drawn = [moves.draw(min(self._batch, stop - s), s)[:, 0] for s in starts]
        return np.ascontiguousarray(np.concatenate(drawn, 1).T)

    def _mixed(self, k: int, start: int, stop: int) -> tuple[Array, Array]:
        """Return how batches are mixed; see `stepping.train`."""
        moves = self._moves[k]
        if moves is None or not moves.augment.others:
            return NOT_MIXED
        sizes = [min(self._batch, stop - s) for s in range(start, stop, self._batch)]
        shares, others = zip(*(moves.mixture(size) for size in sizes), strict=True)
        return np.array(shares), np.concatenate(others)

    def sums(self) -> tuple[Array, Array]:
        """See `Trainer`."""
        loss, correct = self._sums.T
        self._sums = np.zeros_like(self._sums)
        return loss, correct

    def validate(self) -> Evaluation:
        """See `Trainer`."""
        return self._evaluate(self.pictures.validation)

    def test(self) -> Evaluation:
        """See `Trainer`."""
        return self._evaluate(self.pictures.test())

    def _evaluate(self, part: PixelSplit) -> Evaluation:
        found: dict[int, tuple[Array, float]] = {}
        (head,) = dict(self.programs[0].member.network.heads)
        looks = looks_of(self._task)
        parts = [part.seen(look, self.pictures.size) if looks[1:] else part for look in looks]

        def one(k: int) -> None:
            seen = [self.programs[k].evaluate(self.pictures, p) for p in parts]
            if not looks[1:]:
                (found[k],) = seen
                return
            task: Any = self._task
            with np.errstate(over="ignore", invalid="ignore"):  # divergence is reported elsewhere
                outputs = task.combine({head: np.stack([own for own, _ in seen], -2)})[head]
                found[k] = outputs, _cross_entropy(outputs, part.targets)

        self._all(one)
        outputs, losses = zip(*(found[k] for k in range(len(self.programs))), strict=True)
        return {head: np.stack(outputs)}, np.array(losses)

    def keep(self, members: list[int]) -> None:
        """See `Trainer`."""
        self.programs = [self.programs[m] for m in members]
        self._moves = [self._moves[m] for m in members]
        self._orders, self._sums = self._orders[members], self._sums[members]

    def weights(self, member: int) -> dict[str, Array]:
        """See `Trainer`."""
        return self.programs[member].weights()

    def restore(self, member: int, weights: dict[str, Array]) -> None:
        """See `Trainer`."""
        self.programs[member].restore(weights)

    def state(self, member: int) -> dict[str, Array]:
        """See `Trainer`; names are those of PyTorch's trainer."""
        found = {f"program/{k}": v for k, v in self.programs[member].state().items()}
        if moves := self._moves[member]:
            found |= moves.state(0)
        for name, total in zip(("loss", "correct"), self._sums[member], strict=True):
            found[f"sum/{name}"] = np.array(total)
        return found

    def load(self, member: int, state: dict[str, Array]) -> None:
        """See `Trainer`."""
        inner = {k.removeprefix("program/"): v for k, v in state.items() if k[:8] == "program/"}
        self.programs[member].load(inner)
        if moves := self._moves[member]:
            moves.load(0, state)
        self._sums[member] = [float(state.get(f"sum/{n}", 0.0)) for n in ("loss", "correct")]


def _cross_entropy(logits: Array, targets: Array) -> float:
    """The mean over the rows of logits (n, classes), for class numbers (n,)."""
    z = logits.astype(np.float64)
    z -= z.max(1, keepdims=True)
    chosen = np.take_along_axis(z, targets[:, None], 1)[:, 0]
    return float((np.log(np.exp(z).sum(1)) - chosen).mean())
