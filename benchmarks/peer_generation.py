"""assay's training of a GAN and of a VAE: the program of a run, step by step.

The networks and losses are those of the built-in studies `cats-gan` and `cats-vae`; the images are
random. Runs in the project's own environment.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import torch

from assay.core.machine import machine
from assay.data.dataset import Dataset, Split
from assay.engines.engine import Member, Resources
from assay.engines.optimizers.optimizer import Optimizer
from assay.engines.torch_engine.device import no_denormals, place
from assay.engines.torch_engine.trainer import DeviceDataset
from assay.engines.training import Training
from assay.networks.families import build_network
from assay.subjects.generation.training.run import PROGRAMS
from assay.tasks.task import find_task, parts_of
from protocol import Measured, Setup, main, timed

MODELS = ("gan", "vae")
SHAPE = (64, 64, 3)
IMAGES = 2048
TASKS = {"gan": "adversarial", "vae": "autoencode"}
OPTIMIZERS: dict[str, Any] = {"gan": {"name": "adam", "beta_1": 0.5}, "vae": "adam"}
RATES = {"gan": 2e-4, "vae": 1e-3}


def pictures() -> np.ndarray:
    """Random images, uint8 (n, 64, 64, 3)."""
    return np.random.default_rng(0).integers(0, 256, (IMAGES, *SHAPE), np.uint8)


def network(model: str) -> Any:
    """The networks of the course, as the study has them."""
    return build_network({"family": model}, SHAPE, {}, parts_of(find_task(TASKS[model])))


class GenerationPeer:
    """One run, in this process."""

    def __init__(self, setup: Setup):
        self.setup = setup
        if setup.threads:
            torch.set_num_threads(setup.threads)

    def prepare(self) -> dict[str, Any]:
        """Build the program and take a few steps."""
        model, batch = self.setup.model, self.setup.batch
        where = place(Resources("cpu", self.setup.precision, self.setup.threads))
        split = Split(pictures(), np.zeros(IMAGES, np.int64))
        middle = np.full(3, 127.5, np.float32)
        data = Dataset({"name": "random"}, split, split, split, ("none",), middle, middle, "random")
        task = find_task(TASKS[model])
        training = Training(
            steps=1000,
            batch_size=batch,
            optimizer=Optimizer.parse(OPTIMIZERS[model]),
            learning_rate=RATES[model],
        )
        member = Member({"precision": self.setup.precision, "seed": 0}, network(model), training, 0)
        self.images = DeviceDataset(data.fit_data, data.read_test, task, where).train
        self.program = PROGRAMS[task.name](member, where, task, data.fit_data)
        self.taken = 0
        self._train(2)
        return {
            "variants": ["step"],
            "settings": {"step": f"{where.precision}, channels last"},
            "threads": torch.get_num_threads(),
            "versions": {"assay": machine()["assay"], "torch": torch.__version__},
        }

    def measure(self, variant: str) -> Measured:
        """Train for the time asked for."""
        return timed(self._train, self.setup.batch, 4, self.setup.seconds)

    def _train(self, steps: int) -> float:
        batch, order = self.setup.batch, torch.arange(IMAGES)[None]
        started = time.perf_counter()
        with no_denormals():
            for _ in range(steps):
                start = self.taken * batch % (IMAGES - batch + 1)
                images, _ = self.images.take(order[:, start : start + batch])
                self.program.step(images[0].permute(0, 3, 1, 2), self.taken, 0.5, 1.0)
                self.taken += 1
        return time.perf_counter() - started


if __name__ == "__main__":
    main(GenerationPeer, models=MODELS)
