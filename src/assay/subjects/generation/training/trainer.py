"""One run of a program of several networks; implements `assay.engines.loop.Trainer`."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from assay.core.seeds import stream
from assay.data.dataset import FitData
from assay.engines.engine import Member
from assay.engines.loop import Points
from assay.engines.torch_engine.device import DevicePlace
from assay.engines.torch_engine.images import Augmenter
from assay.engines.torch_engine.trainer import DeviceDataset
from assay.subjects.generation.judge import Judge
from assay.subjects.generation.latents import point, way
from assay.subjects.generation.training.parts import PartsProgram

__all__ = ["STEPS", "PartsTrainer"]

PATHS, STEPS = 64, 12
"""Number of interpolations to measure at the end, and of pictures in one."""

FILMED, FRAMES = 16, 24
"""Number of latent points whose pictures are recorded, and maximum number of evaluations."""


class PartsTrainer:
    """Feeds batches to a program, sums its losses, and records and evaluates its pictures.

    Attributes:
        number: updates so far.
        late: see `Timed` of the loop.
        sums: losses summed over the updates since the last evaluation.
        film: (update, pictures of the same latent points, uint8 (FILMED, h, w, c)).
    """

    def __init__(
        self,
        program: PartsProgram,
        member: Member,
        data: DeviceDataset,
        fit: FitData,
        judge: Judge,
        place: DevicePlace,
    ):
        self.program, self.member, self.data, self.judge = program, member, data, judge
        self.total = member.training.total_steps(len(fit.train))
        self.number, self.late, self.added = 0, 0, 0
        self.totals: dict[str, Tensor] = {}
        self.film: list[tuple[int, np.ndarray]] = []
        self._every, self._seen = 1, 0
        self._place, self._augment = place, member.training.augment.fitted(fit)

    # -- as the loop calls it ------------------------------------------------------------------

    def start_epoch(self, orders: np.ndarray, epoch: int) -> None:
        """See `Trainer`."""
        self._order = torch.from_numpy(orders).to(self._place.device)

    def step(self, start: int, stop: int, factor: float) -> None:
        """See `Trainer`."""
        images, targets = self.data.train.take(self._order[:, start:stop])
        if (
            augment := self._augment
        ):  # reseeded by the update's number, so that a run can resume anywhere
            seed = int(stream(self.member.seed, "moves", self.number).integers(2**31))
            images, _ = Augmenter(augment, [seed], self.data.blank)(images, targets)
        fraction = (self.number + self.late) / self.total
        found = self.program.step(images[0].permute(0, 3, 1, 2), self.number, fraction, factor)
        for name, value in found.items():
            before = self.totals.get(name)
            self.totals[name] = value.double() if before is None else before + value
        self.number += 1
        self.added += 1

    def points(self, images: int) -> Points:
        """What the curves gain now: losses since the last call, and the validation part's."""
        found = self._means()
        with np.errstate(over="ignore", invalid="ignore"):  # what diverged is said elsewhere
            return [found | {f"val_{name}": number for name, number in self._measured().items()}]

    def _means(self) -> dict[str, float]:
        """Losses, means over the updates since the last call."""
        found = {name: float(total) / self.added for name, total in self.totals.items()}
        self.totals, self.added = {}, 0
        return found

    def _measured(self) -> dict[str, float]:
        """Losses and measures of the validation part; a frame of the film is taken."""
        self.program.prepare(self.data.train)
        self._take_frame()
        found = self.program.losses(self.data.validation)
        return found | self.judge.validation(self._made(self.judge.count, "evaluation"))

    def tested(self) -> dict[str, float]:
        """Losses and measures of the test part."""
        test = self.data.test()
        found = self.program.losses(test)
        found |= self.judge.test(self._made(self.judge.count, "test"))
        found |= self.judge.paths(self._paths())
        again = self.program.reconstruct(test, self.judge.tested)
        return found if again is None else found | self.judge.reconstruction(again)

    def _made(self, count: int, name: str) -> np.ndarray:
        return self.program.make(self.program.prior.draw(count, stream(0, name)))

    def _paths(self) -> np.ndarray:
        """Pictures on the ways between pairs of latent points, (PATHS, STEPS, h, w, c)."""
        prior = self.program.prior
        starts, ends = np.split(prior.draw(2 * PATHS, stream(0, "paths")), 2)
        points = [way(prior, a, b, STEPS) for a, b in zip(starts, ends, strict=True)]
        made = self.program.make(np.concatenate(points))
        return made.reshape(PATHS, STEPS, *made.shape[1:])

    def _take_frame(self) -> None:
        """Keep every evaluation's pictures, then every second one's, so that they stay few."""
        if self._seen % self._every == 0:
            pictures = self.program.make(point(self.program.prior, 0, FILMED))
            self.film.append((self.number, pictures))
            if len(self.film) > FRAMES:
                self.film, self._every = self.film[::2], 2 * self._every
        self._seen += 1

    def keep(self, members: list[int]) -> None:
        """There is only one member."""

    def weights(self, member: int) -> dict[str, np.ndarray]:
        """See `Trainer`."""
        return self.program.weights()

    def restore(self, member: int, weights: dict[str, np.ndarray]) -> None:
        """See `Trainer`."""
        self.program.restore(weights)

    # -- to go on later ------------------------------------------------------------------------

    def state(self, member: int) -> dict[str, np.ndarray]:
        """See `Trainer`; whole after any update."""
        found = self.program.state()
        found |= {f"film/{i}": pictures for i, (_, pictures) in enumerate(self.film)}
        found |= {f"total/{name}": np.array(float(t)) for name, t in self.totals.items()}
        found["filmed"] = np.array([number for number, _ in self.film], np.int64)
        counts = [self.number, self.added, self._every, self._seen]
        return found | {"counts": np.array(counts, np.int64)}

    def load(self, member: int, state: dict[str, np.ndarray]) -> None:
        """See `Trainer`."""
        self.program.go_on(state)
        self.number, self.added, self._every, self._seen = state["counts"].tolist()
        self.film = [(n, state[f"film/{i}"]) for i, n in enumerate(state["filmed"].tolist())]
        self.totals = {
            name.removeprefix("total/"): torch.from_numpy(total).to(self._place.device)
            for name, total in state.items()
            if name.startswith("total/")
        }
