"""The training loop, the same for every framework: batches, evaluation, stopping, divergence."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Protocol, cast, runtime_checkable

import numpy as np

from assay.core.cores import waited
from assay.data.batches import batch_order
from assay.data.dataset import FitData
from assay.engines.checkpoints import pack, resumed
from assay.engines.engine import Progress, Stopped
from assay.engines.trained import Trained
from assay.tasks.task import Task

__all__ = ["Loop", "Points", "Resumable", "Striding", "Trainer"]

_REPORT_SECONDS = 0.25
_LEAST_SECONDS = 1e-3
"""What remains of a time limit at least: one update."""

_SHARED = 0.02  # fraction of waiting time from which an interval counts as shared

Points = Sequence[Mapping[str, float]]
"""New points of every member's curves: {"loss": ..., "val_loss": ...}."""


class Trainer(Protocol):
    """S members that train together in one framework; it owns their weights and the images."""

    def start_epoch(self, orders: np.ndarray, epoch: int) -> None:
        """Start an epoch with these orders of the training images, int64 (S, n)."""

    def step(self, start: int, stop: int, factor: float) -> None:
        """Update every member with images start:stop of its order.

        Args:
            factor: the schedule's share of each member's learning rate.
        """

    def keep(self, members: list[int]) -> None:
        """Keep only these members."""

    def weights(self, member: int) -> dict[str, np.ndarray]:
        """Return the weights of one member as float32 arrays, named as in `initial_weights`."""

    def restore(self, member: int, weights: dict[str, np.ndarray]) -> None:
        """Restore the weights of one member."""


class Striding(Trainer, Protocol):
    """A trainer that makes several updates at once.

    Attributes:
        stretch: present number of updates, which take a fraction of a second.
    """

    stretch: int

    def steps(self, start: int, stop: int, factors: Sequence[float]) -> None:
        """Perform several updates of an epoch, like repeated calls of `step`.

        Args:
            start, stop: images of the order, all batches together.
            factors: of each update.
        """


@runtime_checkable
class Timed(Protocol):
    """A trainer with a schedule of its own, such as the weight of a loss.

    Attributes:
        late: number of updates by which every schedule is ahead of the updates made, because of a
            time limit; set before each step.
    """

    late: int


class Resumable(Trainer, Protocol):
    """A trainer whose members can stop after any update and resume later."""

    def state(self, member: int) -> dict[str, np.ndarray]:
        """Return the full state of one member after the last update: weights in full precision,
        optimizer state, states of its streams, and sums since the last evaluation."""

    def load(self, member: int, state: dict[str, np.ndarray]) -> None:
        """Restore the result of `state`, before the first step; all members have the same step."""


class Loop:
    """Train the members of one trainer to the end of their budget.

    Args:
        trainer: its order of members is that of `members`.
        members: of equal structure and at the same step; the first one's recipe applies to all.
        measure: evaluates every member, given the number of training images of each since the last
            call.

    Attributes:
        start: number of updates in an earlier process.
        first: the first member that is still training, or that trained last.
        limit: seconds after which training ends.
    """

    def __init__(
        self,
        trainer: Resumable,
        members: Sequence[Trained],
        data: FitData,
        task: Task,
        measure: Callable[[int], Points],
        on_progress: Callable[[Progress], None],
    ):
        self.trainer, self.task, self.on_progress = trainer, task, on_progress
        self.measure, self.images = measure, len(data.train)
        self.alive, self.first = list(members), members[0]
        self.training = members[0].member.training
        self.total = self.training.total_steps(self.images)
        self.per_epoch = -(-self.images // self.training.batch_size)
        self.every = self.training.evaluate_every or self.per_epoch
        self.stop = self.training.last_step(self.images)
        minutes = self.training.minutes or float("inf")
        self.limit = max(60 * minutes - members[0].seconds.get("pretrain", 0.0), _LEAST_SECONDS)
        self.start = members[0].steps
        evaluated = members[0].curves.get("step") or [0]
        self.seen = self._images(self.start) - self._images(int(evaluated[-1]))
        self.clock, self.waited = 0.0, waited()
        self.points: list[tuple[str, dict[str, float]]] = []

    def run(self) -> Iterator[tuple[int, Trained]]:
        """Yield (position in the trainer, member) as members end."""
        if remark := resumed(self.alive):
            self.on_progress(Progress(0, 0.0, len(self.alive), remark=remark))
        over = [k for k, t in enumerate(self.alive) if t.steps and t.stops]
        yield from self._release(over, last=self.start >= self.stop)
        self.clock = reported = time.perf_counter()
        images, done = 0, self.start
        over = done >= self.stop
        while not over and self.alive:
            seen, done = self._step(done)
            images += seen
            now = time.perf_counter()
            over = done == self.stop or self._spent() >= self.limit
            if done % self.every == 0 or over:
                self._share("train", now - self.clock)
                ended = self._evaluate(done)
                self.clock = time.perf_counter()
                self._share("evaluate", self.clock - now)
                yield from self._release(ended, last=over)
                self.clock = time.perf_counter()
            if self.alive:
                self.pause(done)
            if now - reported > _REPORT_SECONDS or not self.alive or over:
                self._report(images, done)
                reported, images = now, 0

    def _report(self, images: int, done: int) -> None:
        share = (done - self.start) / (self.stop - self.start)
        share = max(share, min(self._spent() / self.limit, 1.0))
        points, self.points = tuple(self.points), []
        try:
            alive, latest = len(self.alive), self._latest()
            self.on_progress(Progress(images, share, alive, latest, points=points))
        except Stopped:
            self._save(done)
            raise

    def pause(self, done: int) -> None:
        """Between two updates, save the state of every member if a checkpoint is due."""
        if self.alive[0].checkpoint.due():
            self._save(done)

    def _save(self, done: int) -> None:
        """Save the state of every member; this does not count as training time."""
        self._share("train", time.perf_counter() - self.clock)
        for k, trained in enumerate(self.alive):
            trained.steps = done
            trained.checkpoint.save(pack(trained, self.trainer.state(k)))
        self.clock = time.perf_counter()

    def _images(self, steps: int) -> int:
        """Return the number of training images of each member in so many updates."""
        epochs, batches = divmod(steps, self.per_epoch)
        return epochs * self.images + batches * self.training.batch_size

    def _step(self, step: int) -> tuple[int, int]:
        """Perform the next updates, as many as the trainer makes at once; return the number of
        images used and the updates made so far."""
        epoch, batch = divmod(step, self.per_epoch)
        size = self.training.batch_size
        if batch == 0 or step == self.start:
            orders = [batch_order(t.member.seed, epoch, self.images) for t in self.alive]
            self.trainer.start_epoch(np.stack(orders), epoch)
        evaluation = step - step % self.every + self.every
        most = step + getattr(self.trainer, "stretch", 1)
        end = min(most, self.stop, evaluation, (epoch + 1) * self.per_epoch)
        start, stop = batch * size, min((batch + end - step) * size, self.images)
        schedule = self.training.schedule
        late = self._late(step)
        if isinstance(self.trainer, Timed):
            self.trainer.late = late
        ahead = [min(s + late, self.total - 1) for s in range(step, end)]
        rates = [schedule.factor(s, self.total, self.per_epoch) for s in ahead]
        if end - step == 1:
            self.trainer.step(start, stop, rates[0])
        else:
            cast(Striding, self.trainer).steps(start, stop, rates)
        self.seen += stop - start
        return (stop - start) * len(self.alive), end

    def _spent(self) -> float:
        """Return the seconds of training and evaluation so far of each member."""
        since = (time.perf_counter() - self.clock) / max(len(self.alive), 1)
        return self.first.seconds["train"] + self.first.seconds["evaluate"] + since

    def _late(self, step: int) -> int:
        """Return by how many updates the schedule is ahead of `step` because of the time limit."""
        if self.limit == float("inf"):
            return 0
        due = min(int(self.total * self._spent() / self.limit), self.total - 1)
        return max(due - step, 0)

    def _share(self, kind: str, seconds: float) -> None:
        """Assign the time since the last call to a kind; see `Record.timing`."""
        before, self.waited = self.waited, waited()
        shared = kind == "train" and self.waited - before > _SHARED * seconds
        for trained in self.alive:
            spent = trained.seconds
            for name in (kind, "shared") if shared else (kind,):
                spent[name] = spent.get(name, 0.0) + seconds / len(self.alive)

    def _evaluate(self, done: int) -> list[int]:
        """Extend every curve; return the positions of members that end here."""
        ended = []
        points, self.seen = self.measure(self.seen), 0
        for k, (trained, values) in enumerate(zip(self.alive, points, strict=True)):
            trained.steps = done
            place = {"step": done, "epoch": done / self.per_epoch, **values}
            trained.add(place | {"seconds": trained.seconds["train"]})
            self.points.append((trained.member.run_id, place))
            if reason := self.failure(trained):
                trained.diverged(reason)
                ended.append(k)
                continue
            if trained.judge(self.task) and trained.restores:
                trained.best_weights = self.trainer.weights(k)
            if trained.stops:
                ended.append(k)
        return ended

    def failure(self, trained: Trained) -> str:
        """Return why a member has failed after its last evaluation; "" if it has not."""
        ends = (trained.curves[name][-1] for name in ("loss", "val_loss"))
        return "" if all(map(np.isfinite, ends)) else "the loss was not finite"

    def _release(self, ended: list[int], last: bool) -> Iterator[tuple[int, Trained]]:
        """Yield members that have ended, then remove them from the trainer."""
        leaving = list(range(len(self.alive))) if last else ended
        for k in leaving:
            yield k, self.alive[k]
        staying = [k for k in range(len(self.alive)) if k not in leaving]
        self.alive = [self.alive[k] for k in staying]
        self.first = self.alive[0] if self.alive else self.first
        if leaving and staying:
            self.trainer.keep(staying)

    def _latest(self) -> dict[str, float]:
        name = self.task.monitor
        ends = [t.curves[name][-1] for t in self.alive if t.curves.get(name)]
        return {name: float(np.mean(ends))} if ends else {}
