"""The training loop, the same for every program: batches, evaluation, stopping, divergence."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from assay.data.batches import batch_order
from assay.engines.contract import Member, Progress
from assay.engines.torch_engine.images import Augmenter, DeviceSplit
from assay.engines.torch_engine.program import Program
from assay.engines.torch_engine.schedules import factor
from assay.tasks.contract import Task

__all__ = ["Loop", "Trained", "evaluate"]

_REPORT_SECONDS = 0.25


@dataclass
class Trained:
    """One member on its way: curves so far, the best evaluation, and how it ended."""

    member: Member
    curves: dict[str, list[float]] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=lambda: {"train": 0.0, "evaluate": 0.0})
    status: str = "finished"
    message: str = ""
    steps: int = 0
    best: float = float("nan")
    waited: int = 0
    best_weights: dict[str, np.ndarray] | None = None
    best_at: int = 0
    metrics: dict[str, float] = field(default_factory=dict)
    predictions: dict[str, np.ndarray] = field(default_factory=dict)
    weights: dict[str, np.ndarray] = field(default_factory=dict)

    def add(self, values: dict[str, float]) -> None:
        """Append one evaluation to the curves."""
        for name, number in values.items():
            self.curves.setdefault(name, []).append(number)

    def result_at(self) -> int:
        """Index of the evaluation whose weights are kept."""
        return self.best_at if self.best_weights is not None else len(self.curves["step"]) - 1


def evaluate(
    program: Program, split: DeviceSplit, task: Task, rows: int
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Outputs {head: (S, n, units)} and mean loss (S,) of every member on a split.

    Args:
        rows: images at a time; bounds the memory.
    """
    parts: list[dict[str, Tensor]] = []
    total: Tensor | float = 0.0
    with torch.no_grad():
        for start in range(0, len(split), rows):
            outputs = program.outputs(split.images[None, start : start + rows])
            first = next(iter(outputs.values()))
            targets = split.targets[None, start : start + rows]
            targets = targets.expand(len(first), *targets.shape[1:])
            total = total + task.loss(outputs, targets).sum(-1)
            parts.append(outputs)
    joined = {h: torch.cat([p[h] for p in parts], 1).float().cpu().numpy() for h in parts[0]}
    assert isinstance(total, Tensor)
    return joined, total.double().cpu().numpy() / len(split)


class Loop:
    """Train the members of one program to the end of their budget.

    Args:
        program: owns the weights; its order of members is that of `members`.
        train, validation: on the device.
        truth: targets of the validation part, as the dataset holds them.
    """

    def __init__(
        self,
        program: Program,
        members: list[Member],
        train: DeviceSplit,
        validation: DeviceSplit,
        truth: np.ndarray,
        task: Task,
        on_progress: Callable[[Progress], None],
        rows: int,
        blank: Tensor,
    ):
        self.program, self.train, self.validation = program, train, validation
        self.truth, self.task, self.on_progress, self.rows = truth, task, on_progress, rows
        self.alive = [Trained(m) for m in members]
        first = members[0].training
        self.training = first
        self.total = first.total_steps(len(train))
        self.per_epoch = -(-len(train) // first.batch_size)
        self.every = first.evaluate_every or self.per_epoch
        seeds = [m.seed for m in members]
        self.augment = Augmenter(first.augment, seeds, blank) if first.augment else None
        self.order: Tensor | None = None
        self._reset_sums()

    def run(self) -> Iterator[tuple[int, Trained]]:
        """Yield (position in the program, member) as members end; `release` must follow."""
        clock = reported = time.perf_counter()
        images = 0
        for step in range(self.total):
            images += self._step(step)
            done = step + 1
            now = time.perf_counter()
            if done % self.every == 0 or done == self.total:
                self._share("train", now - clock)
                ended = self._evaluate(done)
                clock = time.perf_counter()
                self._share("evaluate", clock - now)
                yield from self._release(ended, last=done == self.total)
                clock = time.perf_counter()
            if now - reported > _REPORT_SECONDS or not self.alive or done == self.total:
                self.on_progress(
                    Progress(images, done / self.total, len(self.alive), self._latest())
                )
                reported, images = now, 0
            if not self.alive:
                return

    def _step(self, step: int) -> int:
        """One update of every member still training; returns the images it used."""
        epoch, batch = divmod(step, self.per_epoch)
        size = self.training.batch_size
        if batch == 0 or self.order is None:
            orders = [batch_order(t.member.seed, epoch, len(self.train)) for t in self.alive]
            self.order = torch.from_numpy(np.stack(orders)).to(self.train.images.device)
        index = self.order[:, batch * size : (batch + 1) * size]
        images, targets = self.train.take(index)
        if self.augment:
            images = self.augment(images)
        rate = factor(self.training.schedule, step, self.total, self.per_epoch)
        with torch.no_grad():
            loss, correct = self.program.step(images, targets, rate)
        self.loss = self.loss + loss
        self.correct = self.correct + correct
        self.seen += index.shape[1]
        return index.numel()

    def _reset_sums(self) -> None:
        self.loss: Tensor | float = 0.0
        self.correct: Tensor | float = 0.0
        self.seen = 0

    def _share(self, kind: str, seconds: float) -> None:
        for trained in self.alive:
            trained.seconds[kind] += seconds / len(self.alive)

    def _evaluate(self, done: int) -> list[int]:
        """Append to every curve; return the positions of the members that end here."""
        assert isinstance(self.loss, Tensor)
        assert isinstance(self.correct, Tensor)
        loss = self.loss.double().cpu().numpy() / self.seen
        accuracy = self.correct.double().cpu().numpy() / self.seen
        self._reset_sums()
        outputs, val_loss = evaluate(self.program, self.validation, self.task, self.rows)
        running = "accuracy" if self.task.monitor == "val_accuracy" else "correct"
        ended = []
        for k, trained in enumerate(self.alive):
            trained.steps = done
            kept = self.task.predictions({h: o[k] for h, o in outputs.items()})
            values = {"step": done, "epoch": done / self.per_epoch}
            values |= {"loss": float(loss[k]), running: float(accuracy[k])}
            values |= {"val_loss": float(val_loss[k])}
            measured = self.task.metrics(kept, self.truth)
            values |= {f"val_{name}": number for name, number in measured.items()}
            trained.add(values | {"seconds": trained.seconds["train"]})
            if not (np.isfinite(loss[k]) and np.isfinite(val_loss[k])):
                trained.status = "diverged"
                trained.message = f"the loss was not finite by step {done}"
                ended.append(k)
            elif self._stops(k, trained, values):
                ended.append(k)
        return ended

    def _stops(self, k: int, trained: Trained, values: dict[str, float]) -> bool:
        """Early stopping of one member; remembers the best weights."""
        rule = trained.member.training.early_stopping
        monitor = rule.monitor if rule else self.task.monitor
        higher = not monitor.endswith("loss") and self.task.higher_is_better
        gain = values[monitor] - trained.best if higher else trained.best - values[monitor]
        if np.isnan(trained.best) or gain > (rule.min_delta if rule else 0.0):
            trained.best, trained.waited = values[monitor], 0
            trained.best_at = len(trained.curves["step"]) - 1
            if rule and rule.restore_best_weights:
                trained.best_weights = self.program.weights(k)
        else:
            trained.waited += 1
        return bool(rule and trained.waited >= rule.patience)

    def _release(self, ended: list[int], last: bool) -> Iterator[tuple[int, Trained]]:
        """Hand over members that ended, then drop them from the program."""
        leaving = list(range(len(self.alive))) if last else ended
        for k in leaving:
            yield k, self.alive[k]
        staying = [k for k in range(len(self.alive)) if k not in leaving]
        self.alive = [self.alive[k] for k in staying]
        if leaving and staying:
            self.program.keep(staying)
            self.order = None if self.order is None else self.order[staying]
            if self.augment:
                self.augment.keep(staying)

    def _latest(self) -> dict[str, float]:
        name = self.task.monitor
        ends = [t.curves[name][-1] for t in self.alive if t.curves.get(name)]
        return {name: float(np.mean(ends))} if ends else {}
