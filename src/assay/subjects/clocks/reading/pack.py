"""From a finished run to a reader's file: its weights, and calibrated certainties."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from PIL import Image
from scipy.optimize import minimize

from assay.core.errors import DataError
from assay.core.records import Record
from assay.core.seeds import stream
from assay.data.dataset import Dataset
from assay.subjects.clocks.labels.distributions import NEAR
from assay.subjects.clocks.labels.scheme import Reading, true_minutes
from assay.subjects.clocks.reading.reader import BOUNDS, Reader
from assay.subjects.clocks.reading.views import Square, cut_out
from assay.subjects.clocks.time import distance

__all__ = ["calibrate", "pack", "spoiled"]


def pack(record: Record, weights: Mapping[str, np.ndarray], dataset: Dataset, style: str) -> Reader:
    """Make a reader of a run.

    Certainties are calibrated on the validation images, original and degraded, because a network
    that has only seen centred clocks is overconfident. Accuracy is measured on the test images,
    once.

    Args:
        record: a finished run of task tell_time with relational labels.
        weights: its weights.
        dataset: the dataset on which it was trained.
        style: "course" or "any", which determines possible rotations.

    Raises:
        DataError: the run has other labels, or its pictures are not square and grey.
    """
    task = record.config["task"]
    if not isinstance(task, dict) or task.get("labels") != "relational":
        raise DataError(f"a reader needs a run with relational labels, got task {task!r}")
    height, width, channels = dataset.image_shape
    if height != width or channels != 1:
        raise DataError(f"a reader needs square grey pictures, got {height}x{width}x{channels}")
    about = {
        "network": record.config["network"],
        "size": height,
        "mean": dataset.mean.tolist(),
        "std": dataset.std.tolist(),
        "style": style,
        "run": record.run_id,
        "trained": record.provenance.get("finished_at"),
        "images": record.metrics["epochs"] * len(dataset.train),
    }
    reader = Reader(about, weights)
    clear, targets = dataset.validation.images, dataset.validation.targets
    seen = [reader.glance(images) for images in (clear, spoiled(clear, seed=0))]
    right = np.concatenate([_error(read, targets) <= NEAR for read in seen])
    about["calibration"] = calibrate(np.concatenate([read.certainty for read in seen]), right)
    error = _error(reader.glance(dataset.test.images), dataset.test.targets)
    about |= {
        "test_n": len(error),
        "test_minutes": float(error.mean()),
        "test_within_1_minute": float((error <= NEAR).mean()),
    }
    return Reader(about, weights)


def spoiled(images: np.ndarray, seed: int) -> np.ndarray:
    """Crop and degrade pictures, from slightly to unrecognisable.

    Each is a square of the picture or a larger area, grey outside, with reduced contrast and noise;
    one in ten is pure noise.
    """
    rng = stream(seed, "spoiled")
    size = images.shape[1]
    made = np.empty_like(images)
    for i, image in enumerate(images):
        grey = int(rng.integers(40, 216))
        wide = np.pad(image[..., 0], size, constant_values=grey)
        much = rng.random()
        side = size * (1 + much * float(rng.uniform(-0.6, 0.5)))
        left, top = (1.5 * size - side / 2 + size * much * rng.uniform(-0.3, 0.3, 2)).tolist()
        seen = cut_out(Image.fromarray(wide), Square(left, top, side), size).astype(float)
        contrast = 0.0 if rng.random() < 0.1 else 1 - 0.75 * much * rng.random()
        noise = rng.normal(0, 30 * much * rng.random(), seen.shape)
        made[i] = np.clip(grey + contrast * (seen - grey) + noise, 0, 255)
    return made


def _error(read: Reading, targets: np.ndarray) -> np.ndarray:
    """Return the errors of readings, in minutes."""
    return distance(read.minutes, true_minutes(targets))


def calibrate(certainty: np.ndarray, right: np.ndarray) -> tuple[float, float]:
    """Return slope and offset from the log-odds of certainties to those of correctness.

    The targets are kept away from 0 and 1, so that a set without mistakes does not give infinite
    certainty, and the slope is positive, so that the order of certainties is kept.

    Args:
        certainty: (n,), 0 to 1.
        right: (n,), whether each reading was right.

    References:
        J. Platt, "Probabilistic Outputs for Support Vector Machines", 1999.
    """
    clipped = np.clip(certainty, 1e-6, 1 - 1e-6)
    odds = np.log(clipped / (1 - clipped))
    positive, negative = right.sum(), (~right).sum()
    target = np.where(right, (positive + 1) / (positive + 2), 1 / (negative + 2))

    def cost(found: np.ndarray) -> float:
        z = found[0] * odds + found[1]
        return float((np.logaddexp(0, z) - target * z).mean())

    slope, offset = minimize(cost, (1.0, 0.0), bounds=BOUNDS).x
    return float(slope), float(offset)
