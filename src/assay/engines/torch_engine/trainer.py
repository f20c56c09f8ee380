"""The trainer of this engine for the shared loop: batches on the device, running sums without
synchronisation, evaluation in parts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from assay.data.dataset import FitData, ReadTest, Split
from assay.engines.evaluation import Evaluation
from assay.engines.torch_engine.device import DevicePlace
from assay.engines.torch_engine.fresh import FreshPictures
from assay.engines.torch_engine.images import Augmenter, DeviceSplit, Normalise, seen, to_device
from assay.engines.torch_engine.program import Program, plain
from assay.engines.training import Augment
from assay.tasks.looks import looks_of
from assay.tasks.task import Task

__all__ = ["DeviceDataset", "TorchTrainer"]


class DeviceDataset:
    """The dataset on the device; the test part is only loaded at the end of a member.

    Attributes:
        blank: (c,), the normalised value of a black pixel.
    """

    def __init__(self, fit: FitData, read_test: ReadTest, task: Task, where: DevicePlace):
        normalise = self._normalise = Normalise(fit.mean, fit.std, where)

        def load(split: Split) -> DeviceSplit:
            return to_device(split, task.encode(split.targets), normalise)

        self._load, self._read_test = load, read_test
        self._train: DeviceSplit | None = None
        self.validation = load(fit.validation)
        self._encode, self._fit, self._where = task.encode, fit, where
        blank = torch.from_numpy(-fit.mean / fit.std)
        self.blank = blank.to(where.device)
        self._test: DeviceSplit | None = None

    @property
    def train(self) -> DeviceSplit:
        """The training part, put on the device on first use."""
        if self._train is None:
            self._train = self._load(self._fit.train)
        return self._train

    def augmenter(self, augment: Augment, seeds: Sequence[int]) -> Augmenter | None:
        """Return the changes of training images for members with these seeds; None for none."""
        return Augmenter(augment.fitted(self._fit), seeds, self.blank) if augment else None

    @property
    def stays(self) -> bool:
        """Whether every epoch has the same pictures."""
        return self._fit.fresh is None

    def fresh(self, epochs: int) -> FreshPictures | None:
        """Return newly drawn pictures for each of `epochs` epochs; None for a fixed dataset."""
        fit = self._fit
        if fit.fresh is None:
            return None
        return FreshPictures(fit.fresh, self._encode, self._normalise, epochs)

    def numbers(self, array: np.ndarray) -> Tensor:
        """Return an array on the device, in the type of the losses."""
        return torch.from_numpy(array).to(self._where.device, self._where.master)

    def test(self) -> DeviceSplit:
        """The test part."""
        if self._test is None:
            self._test = self._load(self._read_test())
        return self._test


class TorchTrainer:
    """The members of one program; implements `assay.engines.loop.Trainer`.

    Args:
        augment: changes training images, or None.
        soft: (classes, classes), the training target of each class, or None; see `soft_rows`.
        epochs: maximum number of epochs.
        rows: images at a time in evaluation, which limits memory.
    """

    def __init__(
        self,
        program: Program,
        data: DeviceDataset,
        task: Task,
        augment: Augmenter | None,
        rows: int,
        epochs: int,
        soft: np.ndarray | None = None,
    ):
        self.program, self.data, self.task = program, data, task
        self.augment, self.rows = augment, rows
        self._soft = None if soft is None else data.numbers(soft)
        self._pictures = data.fresh(epochs) or data.train
        self._reset()

    def start_epoch(self, orders: np.ndarray, epoch: int) -> None:
        """See `Trainer`."""
        self._order = torch.from_numpy(orders).to(self.data.blank.device)
        if isinstance(self._pictures, FreshPictures):
            self._pictures.start_epoch(epoch)
        if self.augment:
            self.augment.start_epoch(orders, epoch)

    def step(self, start: int, stop: int, factor: float) -> None:
        """See `Trainer`."""
        self._update(self._order[:, start:stop], factor, start)

    def _update(self, index: Tensor, factor: float | Tensor, start: int = 0) -> None:
        """Update with the images at `index` (S, B), whose positions in the order begin at
        `start`; images that neighbours share are taken once."""
        groups = len(index) if self.augment else getattr(self.program, "groups", len(index))
        size = len(index) // groups
        images, targets = self._pictures.take(index[::size])
        if size > 1:  # without repeat_interleave, which may wait for the device
            targets = targets.unsqueeze(1).expand(-1, size, *targets.shape[1:]).flatten(0, 1)
        if self._soft is not None:
            targets = self._soft[targets]
        if self.augment:
            images, targets = self.augment(images, targets, start)
        with torch.no_grad():
            loss, correct = self.program.step(images, targets, factor)
        # in place from the second update on, at the addresses that a graph uses
        self._loss += loss
        self._correct += correct

    def _reset(self) -> None:
        self._loss: Tensor | float = 0.0
        self._correct: Tensor | float = 0.0

    def sums(self) -> tuple[np.ndarray, np.ndarray]:
        """See `Trainer`."""
        assert isinstance(self._loss, Tensor)
        assert isinstance(self._correct, Tensor)
        found = plain(self._loss.double()), plain(self._correct.double())
        self._reset()
        return found

    def validate(self) -> Evaluation:
        """See `Trainer`."""
        return self._evaluate(self.data.validation)

    def test(self) -> Evaluation:
        """See `Trainer`."""
        return self._evaluate(self.data.test())

    def _evaluate(self, split: DeviceSplit) -> Evaluation:
        parts: list[dict[str, Tensor]] = []
        total: Tensor | float = 0.0
        with torch.no_grad():
            for start in range(0, len(split), self.rows):
                images, targets = (x[None] for x in split.part(start, start + self.rows))
                outputs, kept = self._look(images)
                first = next(iter(outputs.values()))
                targets = targets.expand(len(first), *targets.shape[1:])
                total = total + self.task.loss(outputs, targets).sum(-1)
                parts.append(kept)
        joined = {h: torch.cat([p[h] for p in parts], 1).float().cpu().numpy() for h in parts[0]}
        assert isinstance(total, Tensor)
        return joined, total.double().cpu().numpy() / len(split)

    def _look(self, images: Tensor) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Return outputs (S, n, units) for the loss, and those for metrics: the same, or (S, n,
        views, units) if the task combines several views itself."""
        first, looks = self.program.outputs(images), looks_of(self.task)[1:]
        if not looks:
            return first, first
        again = [self.program.outputs(seen(images, look, self.data.blank)) for look in looks]
        kept = {head: torch.stack([o[head] for o in (first, *again)], -2) for head in first}
        combine = getattr(self.task, "combine", None)
        return (combine(kept),) * 2 if combine else (first, kept)

    def keep(self, members: list[int]) -> None:
        """See `Trainer`."""
        self.program.keep(members)
        self._order = self._order[members]
        if self.augment:
            self.augment.keep(members)

    def weights(self, member: int) -> dict[str, np.ndarray]:
        """See `Trainer`."""
        return self.program.weights(member)

    def restore(self, member: int, weights: dict[str, np.ndarray]) -> None:
        """See `Trainer`."""
        self.program.restore(member, weights)

    def state(self, member: int) -> dict[str, np.ndarray]:
        """See `Trainer`."""
        found = {f"program/{k}": v for k, v in self.program.state(member).items()}
        if self.augment:
            found |= self.augment.state(member)
        for name, sums in (("loss", self._loss), ("correct", self._correct)):
            if isinstance(sums, Tensor):
                found[f"sum/{name}"] = plain(sums[member])
        return found

    def load(self, member: int, state: dict[str, np.ndarray]) -> None:
        """See `Trainer`."""
        inner = {k.removeprefix("program/"): v for k, v in state.items() if k[:8] == "program/"}
        self.program.load(member, inner)
        if self.augment:
            self.augment.load(member, state)
        if "sum/loss" in state:  # members are loaded in order, and all have sums or none
            self._loss = self._joined(self._loss, state["sum/loss"])
            self._correct = self._joined(self._correct, state["sum/correct"])

    def _joined(self, sums: Tensor | float, member: np.ndarray) -> Tensor:
        """Append the sums of the next member to those of earlier ones."""
        own = torch.from_numpy(member).to(self.data.blank.device).reshape(1)
        return torch.cat([sums, own]) if isinstance(sums, Tensor) else own
