"""What every measure refuses: wrong shapes, numbers that are not finite, too few images."""

from __future__ import annotations

import numpy as np

from assay.core.errors import DataError

__all__ = ["checked_images", "checked_pair", "checked_vectors"]


def checked_vectors(vectors: np.ndarray, what: str, least: int = 2) -> np.ndarray:
    """Feature vectors as float64 (n, d).

    Args:
        vectors: (n, d) numbers.
        what: how messages call them ("real").
        least: how many are needed.

    Raises:
        DataError: another shape, fewer than `least`, or a number that is not finite.
    """
    array = np.asarray(vectors)
    if array.ndim != 2 or not array.shape[1] or array.dtype.kind not in "biuf":
        raise DataError(
            f"{what}: {array.dtype} array of shape {array.shape}, "
            "expected feature vectors of shape (n, d)"
        )
    if len(array) < least:
        raise DataError(f"{what}: {len(array)} feature vectors, expected at least {least}")
    array = array.astype(np.float64)
    bad = int((~np.isfinite(array)).any(1).sum())
    if bad:
        raise DataError(f"{what}: {bad} of {len(array)} feature vectors are not finite")
    return array


def checked_pair(
    real: np.ndarray, fake: np.ndarray, least: int = 2, names: tuple[str, str] = ("real", "fake")
) -> tuple[np.ndarray, np.ndarray]:
    """Two sets of feature vectors of equal length, float64 (n, d) and (m, d).

    Raises:
        DataError: see `checked_vectors`; or the two are features of different kinds.
    """
    first = checked_vectors(real, names[0], least)
    second = checked_vectors(fake, names[1], least)
    if first.shape[1] != second.shape[1]:
        raise DataError(
            f"{names[0]} has {first.shape[1]} features and {names[1]} {second.shape[1]}; "
            "expected features of one kind"
        )
    return first, second


def checked_images(images: np.ndarray, what: str, least: int = 1, side: int = 1) -> np.ndarray:
    """Check images uint8 (n, height, width, 1 or 3) and return them unchanged.

    Args:
        images: the images.
        what: how messages call them.
        least: how many are needed.
        side: the smallest height and width.

    Raises:
        DataError: another type or shape, too few, or too small.
    """
    array = np.asarray(images)
    if array.dtype != np.uint8 or array.ndim != 4 or array.shape[3] not in (1, 3):
        raise DataError(
            f"{what}: {array.dtype} array of shape {array.shape}, "
            "expected uint8 images of shape (n, height, width, 1 or 3)"
        )
    if len(array) < least:
        raise DataError(f"{what}: {len(array)} images, expected at least {least}")
    height, width = array.shape[1:3]
    if min(height, width) < side:
        raise DataError(
            f"{what}: images of {height}x{width} pixels, expected at least {side}x{side}"
        )
    return array
