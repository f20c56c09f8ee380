"""Sampling from a trained run, with its generator and its prior."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from assay.core.errors import DataError
from assay.core.records import Record
from assay.engines.engine import Resources
from assay.engines.torch_engine.device import place
from assay.engines.torch_engine.module import NetworkModule
from assay.networks.assembly import Assembly
from assay.networks.families import build_network, makes
from assay.subjects.generation.latents import point, prior_of, way
from assay.subjects.generation.training.parts import to_bytes
from assay.tasks.task import find_task

__all__ = ["PictureSampler"]

_ROWS = 100


class PictureSampler:
    """Generates pictures from latent points; a seed gives the same point in every run.

    Args:
        record: a finished run of a task that generates pictures.
        weights: its stored weights.

    Raises:
        DataError: the run does not generate pictures, has not finished, or its weights were not
            kept.
    """

    def __init__(self, record: Record, weights: Mapping[str, np.ndarray]):
        if record.imported:
            raise DataError(record.without_weights)
        task: Any = find_task(record.config["task"])
        maker = getattr(task, "maker", "")
        if not maker:
            raise DataError(
                f"run {record.run_id} is of task {record.config['task']}, which generates no "
                "images; expected a run of task adversarial, autoencode or flow_matching"
            )
        if not weights:
            raise DataError(record.without_weights)
        if "samples" not in record.predictions:
            raise DataError(f"run {record.run_id} has no pictures")
        data, shape = record.config["network"], record.predictions["samples"].shape[1:]
        assembly = build_network(data, shape, {}, makes(data["family"]))
        assert isinstance(assembly, Assembly)
        network, start = assembly[maker], f"{maker}."
        own = {k.removeprefix(start): v for k, v in weights.items() if k.startswith(start)}
        where = place(Resources(device="cpu", precision="float32"))
        self._module = NetworkModule(network, own, record.seed, where).eval()
        self._network, self._task = network, task
        self.prior = prior_of(weights, task.latent(network))

    def sample(self, count: int, seed: int) -> np.ndarray:
        """Generate pictures of the `count` latent points of a seed: uint8 (count, h, w, c)."""
        return self.make(point(self.prior, seed, count))

    def interpolate(self, start: int, end: int, steps: int) -> np.ndarray:
        """Generate pictures between the latent points of two seeds, both included: spherical
        interpolation for the prior N(0, I), linear for a mixture."""
        first, last = (point(self.prior, seed)[0] for seed in (start, end))
        return self.make(way(self.prior, first, last, steps))

    def make(self, points: np.ndarray) -> np.ndarray:
        """Generate pictures of latent points (n, latent): uint8 (n, h, w, c)."""
        with torch.no_grad():
            parts = [
                self._task.images(self._network, self._module, torch.from_numpy(some))
                for some in (points[i : i + _ROWS] for i in range(0, len(points), _ROWS))
            ]
        return np.concatenate([to_bytes(part) for part in parts])
