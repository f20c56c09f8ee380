"""One run in training, for the shared loop."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from assay.data.dataset import FitData, ReadTest
from assay.engines.engine import Member
from assay.engines.evaluation import Evaluation
from assay.engines.looks import places
from assay.engines.numpy_engine.images import Batches, NormalSplit, changed, normalise
from assay.engines.numpy_engine.layers import RandomLayer
from assay.engines.numpy_engine.losses import LOSSES
from assay.engines.numpy_engine.model import Model
from assay.engines.numpy_engine.optimizers import ArraySlot
from assay.engines.optimizers.optimizer import as_matrix
from assay.engines.streams import Moves
from assay.networks.network import hidden_kernels
from assay.tasks.looks import looks_of
from assay.tasks.task import Task

__all__ = ["NormalDataset", "NumpyTrainer", "Stepper"]

Array = np.ndarray

_ROWS = 1000
"""Images at a time in evaluation."""

quiet = np.errstate(over="ignore", invalid="ignore", divide="ignore")
"""Diverging runs overflow; the record reports this, so warnings are not needed."""


class NormalDataset:
    """The normalised dataset; its test part is only normalised at the end of a run.

    Attributes:
        fit: the dataset before normalisation, without its test part.
        blank: (c,), the value of a black pixel.
    """

    def __init__(self, fit: FitData, read_test: ReadTest, task: Task, dtype: np.dtype):
        self.fit, self.read_test, self.task, self._dtype = fit, read_test, task, dtype
        self.train = normalise(fit.train, fit, task, dtype)
        self.validation = normalise(fit.validation, fit, task, dtype)
        self.blank = (-fit.mean / fit.std).astype(dtype)

    def test(self) -> NormalSplit:
        """The test part."""
        return normalise(self.read_test(), self.fit, self.task, self._dtype)


class Stepper:
    """A model with its loss and optimizer: forward, backward, update."""

    def __init__(self, model: Model, member: Member, task: str):
        self.model, self.loss = model, LOSSES[task]
        recipe, hidden = member.training, hidden_kernels(member.network)
        self._slots = [
            (layer, key, ArraySlot(array, recipe.optimizer, recipe.learning_rate, matrix))
            for layer in model.layers
            for key, array in layer.parameters.items()
            for matrix in [as_matrix(hidden.get(f"{layer.name}.{key}"))]
        ]

    @property
    def slots(self) -> list[ArraySlot]:
        """Return all weights with their optimizer states."""
        return [slot for _, _, slot in self._slots]

    def step(self, images: Array, targets: Array, factor: float) -> tuple[Array, Array]:
        """Perform an update; return loss and `correct` of each image (B,) before it.

        Args:
            factor: the schedule's factor on the learning rate.
        """
        outputs = self.model.forward(images, training=True)
        losses, d, correct = self.loss(outputs, targets)
        self.model.backward(d)
        for layer, key, slot in self._slots:
            slot.step(layer.gradients[key], factor)
        return losses, correct


class NumpyTrainer:
    """One member; implements `assay.engines.loop.Trainer`.

    Args:
        soft: (classes, classes), the target that stands for each class while training; see
            `soft_rows`.
    """

    def __init__(
        self,
        member: Member,
        model: Model,
        data: NormalDataset,
        task: str,
        soft: Array | None = None,
    ):
        recipe = member.training
        self.data, self.model, self._soft = data, model, soft
        self.stepper = Stepper(model, member, task)
        self._batches = Batches(data.train)
        augment = recipe.augment and recipe.augment.fitted(data.fit)
        self._moves = Moves(augment, [member.seed]) if augment else None
        self._loss = self._correct = 0.0

    def start_epoch(self, orders: Array, epoch: int) -> None:
        """See `Trainer`."""
        (self._order,) = orders
        if self._moves:
            self._moves.start_epoch(orders, epoch)

    @quiet
    def step(self, start: int, stop: int, factor: float) -> None:
        """See `Trainer`."""
        images, targets = self._batches.take(self._order[start:stop])
        if self._soft is not None:
            targets = self._soft[targets]
        if self._moves:
            images, targets = changed(images, targets, self._moves, self.data.blank, start)
        losses, correct = self.stepper.step(images, targets, factor)
        self._loss += float(losses.sum())
        self._correct += float(correct.sum())

    def sums(self) -> tuple[Array, Array]:
        """See `Trainer`."""
        found = np.array([self._loss]), np.array([self._correct])
        self._loss = self._correct = 0.0
        return found

    def validate(self) -> Evaluation:
        """See `Trainer`."""
        return self._evaluate(self.data.validation)

    def test(self) -> Evaluation:
        """See `Trainer`."""
        return self._evaluate(self.data.test())

    @quiet
    def _evaluate(self, split: NormalSplit) -> Evaluation:
        images, targets = split
        parts, total = [], 0.0
        for start in range(0, len(images), _ROWS):
            outputs = self._look(images[start : start + _ROWS])
            losses, _, _ = self.stepper.loss(outputs, targets[start : start + _ROWS])
            total += float(losses.sum())
            parts.append(outputs)
        joined = {h: np.concatenate([p[h] for p in parts]) for h in parts[0]}
        kept = {h: array.astype(np.float32)[None] for h, array in joined.items()}
        return kept, np.array([total / len(images)])

    def _look(self, images: Array) -> dict[str, Array]:
        """Return outputs (n, units), combined over the task's views."""
        looks = looks_of(self.data.task)
        if len(looks) == 1:
            return self.model.forward(images, training=False)
        seen = []
        for look in looks:
            rows, columns = places(look, images.shape)
            shown = images[:, rows[:, None], columns]
            seen.append(self.model.forward(shown, training=False))
        together = {head: np.stack([o[head] for o in seen], -2) for head in seen[0]}
        task: Any = self.data.task
        return task.combine(together)

    def keep(self, members: list[int]) -> None:
        """There is only one member."""

    def weights(self, member: int) -> dict[str, Array]:
        """See `Trainer`."""
        return self.model.weights()

    def restore(self, member: int, weights: Mapping[str, Array]) -> None:
        """See `Trainer`."""
        self.model.restore(weights)

    def state(self, member: int) -> dict[str, Array]:
        """See `Trainer`."""
        found = {f"model/{name}": array.copy() for name, array in self.model.arrays().items()}
        for i, slot in enumerate(self.stepper.slots):
            found |= {f"rule/{i}/{name}": array.copy() for name, array in slot.memories.items()}
            found[f"rule/{i}/steps"] = np.array(slot.steps)
        found |= self._moves.state(0) if self._moves else {}
        return found | {"sums": np.array([self._loss, self._correct])}

    def load(self, member: int, state: dict[str, Array]) -> None:
        """See `Trainer`."""
        for name, array in self.model.arrays().items():
            array[...] = state[f"model/{name}"]
        for i, slot in enumerate(self.stepper.slots):
            start = f"rule/{i}/"
            slot.steps = int(state[f"{start}steps"])
            for name in (key.removeprefix(start) for key in state if key.startswith(start)):
                if name != "steps":
                    slot.buffer(name)[...] = state[start + name]
        for layer in self.model.layers:
            if isinstance(layer, RandomLayer):
                layer.bits.count = self.stepper.slots[0].steps
        if self._moves and "augment" in state:  # older checkpoints only contain a stream
            self._moves.load(0, state)
        self._loss, self._correct = map(float, state.get("sums", (0.0, 0.0)))
