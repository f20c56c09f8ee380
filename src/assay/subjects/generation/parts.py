"""The base of tasks that generate pictures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from assay.core.config import Option
from assay.core.errors import EngineError
from assay.core.options import integer
from assay.data.dataset import Dataset
from assay.networks.network import Network

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["FEATURES", "LEAST", "PartsTask", "features_option"]

FEATURES = 600
"""Default number of updates of the feature network: a minute on one core, once for each dataset."""

LEAST = {"train": 32, "validation": 20, "test": 20}
"""Fewest images of each part: the first teach the feature network, the others evaluate."""


def features_option() -> Option:
    """The setting `features` of every task that generates pictures."""
    return integer(FEATURES, low=1, help="Updates of the network whose features evaluate images.")


class PartsTask:
    """A task whose networks generate pictures, evaluated by their distance from real ones.

    Pictures have values from -1 to 1, independent of the dataset's normalization. The
    engine measures "distance" and "variety" at every evaluation and all else at the end (see
    `judge.py`); there is no loss of a single network, and calling it is an error of the engine.

    Attributes:
        has_loss: whether a loss of the validation part is measured, so that it can be monitored.
        least: fewest images of each part of the dataset.
        parts: names of the networks; `maker` is the one that generates pictures from latent points.
        features: number of updates of the feature network (see `features.py`).
    """

    name: str = ""
    monitor: str = "val_distance"
    has_loss: ClassVar[bool] = False
    parts: ClassVar[tuple[str, ...]] = ()
    maker: ClassVar[str] = ""
    least: ClassVar[Mapping[str, int]] = LEAST
    features: int = FEATURES

    def latent(self, network: Network) -> int:
        """Numbers of a latent point for this maker of pictures."""
        return network.input_shape[0]

    def images(self, network: Network, module: Any, points: Tensor) -> Tensor:
        """Pictures (n, c, h, w), from -1 to 1 or nearly, of latent points (n, latent).

        Args:
            network, module: the maker's description and what computes it.
        """
        return module(points)["image"]

    def heads(self, dataset: Dataset) -> dict[str, int]:
        """Return none, because the parts have their own outputs."""
        return {}

    def encode(self, targets: np.ndarray) -> np.ndarray:
        """Targets are not used."""
        return np.zeros(len(targets), np.int64)

    def loss(self, outputs: dict[str, Tensor], targets: Tensor) -> Tensor:
        """Always raises EngineError."""
        raise self._several()

    def correct(self, outputs: dict[str, Tensor], targets: Tensor) -> Tensor:
        """Always raises EngineError."""
        raise self._several()

    def predictions(self, outputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Always raises EngineError."""
        raise self._several()

    def metrics(self, predictions: dict[str, np.ndarray], targets: np.ndarray) -> dict[str, float]:
        """Always raises EngineError."""
        raise self._several()

    def _several(self) -> EngineError:
        names = " and ".join(self.parts)
        return EngineError(
            f"task {self.name} trains {names} by a program of its own, which this engine does not "
            "have; use --engine torch"
        )
