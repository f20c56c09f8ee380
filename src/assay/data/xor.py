"""`xor`: points around the four corners of a square, the textbook problem that no single layer
solves; drawn by assay, no download."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from assay.core.options import number
from assay.core.records import Spec
from assay.core.seeds import stream
from assay.data.catalog import ENTRIES, DatasetEntry, Raw
from assay.data.dataset import Split

__all__ = ["Xor"]

TRAIN, TEST = 1000, 1000


class Xor(DatasetEntry):
    """Points (x, y) as images of one row with two pixels.

    The corners are (±1, ±1), equally often, with normal noise in both directions. The class is 1 if
    the signs of the corner differ.

    References:
        M. Minsky and S. Papert, "Perceptrons", MIT Press, 1969.
    """

    def read(self, spec: Spec, data_dir: Path | None = None) -> Raw:
        """Draw both parts, each from its own stream."""
        noise = float(spec["noise"])
        return Raw(_part("train", TRAIN, noise), _part("test", TEST, noise), self.class_names)


def _part(name: str, count: int, noise: float) -> Split:
    rng = stream(0, "xor", name)
    corner = np.arange(count) % 4
    bits = np.stack([corner // 2, corner % 2], 1)
    points = 2.0 * bits - 1 + noise * rng.standard_normal((count, 2))
    targets = (bits[:, 0] ^ bits[:, 1]).astype(np.int64)
    order = rng.permutation(count)
    return Split(points[order].astype(np.float32).reshape(-1, 1, 2, 1), targets[order])


ENTRIES.add("xor")(
    Xor(
        name="xor",
        title="points around the corners of a square, two classes that no line separates",
        kept="drawn by assay",
        licence="that of assay",
        citation="assay",
        image_shape=(1, 2, 1),
        class_names=("equal signs", "different signs"),
        train=TRAIN,
        test=TEST,
        options={
            "noise": number(
                0.3, low=0, high=10, help="Standard deviation of the points around their corners."
            )
        },
    )
)
