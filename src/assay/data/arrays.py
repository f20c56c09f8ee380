"""A dataset made of images and labels that are arrays in memory."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from assay.core.errors import ConfigError, DataError, unknown_name
from assay.core.seeds import stream
from assay.data.dataset import Dataset, Split
from assay.data.loading import fingerprint, normalisation
from assay.data.specs import NORMALIZE
from assay.data.splits import stratified_order

__all__ = ["dataset_of", "displayable", "held_out", "real_numbers"]

SMALLEST, LARGEST = (float(getattr(np.finfo(np.float32), end)) for end in ("tiny", "max"))
"""Limits of the largest value of images that are not all 0: engines compute in float32."""


def held_out(data: Split, share: float, seed: int) -> tuple[Split, Split]:
    """Hold out a stratified fraction of the images for validation; return (train, validation).

    The only image of a class stays in the training part unless most images are held out.

    Args:
        share: in (0, 1), at least one image.
        seed: seed of the stream "validation", which chooses the images.

    Raises:
        DataError: no image is left to train on.
    """
    count = max(1, round(share * len(data)))
    if count >= len(data):
        raise DataError(
            f"no image is left for training: validation takes {count} of n_samples={len(data)}"
        )
    order = stratified_order(data.targets, stream(seed, "validation"))
    chosen = np.sort(order[count:]), np.sort(order[:count])
    train, validation = (Split(data.images[at], data.targets[at]) for at in chosen)
    return train, validation


def dataset_of(
    train: Split, validation: Split, class_names: Sequence[str], normalize: str = "standard"
) -> Dataset:
    """Make a dataset without test images.

    Engines read the test part once, at the end of a run; here it is a placeholder of one validation
    image, whose metrics are meaningless.

    Args:
        train, validation: images (n, height, width, channels) of finite numbers; class numbers
            (n,). Bytes, float32 and float64 are kept; other types become float32, or float64 if
            they have 32 bits or more.
        class_names: one for each class.
        normalize: one of `specs.NORMALIZE`; statistics are those of the training images.

    Raises:
        ConfigError: the normalization is unknown.
        DataError: images have another shape, or are not numeric or not finite.
    """
    if normalize not in NORMALIZE:
        raise ConfigError(unknown_name("normalization", normalize, NORMALIZE))
    train, validation = _numbers("training", train), _numbers("validation", validation)
    mean, std = normalisation(normalize, train.images)
    identity = fingerprint(train, validation)
    return Dataset(
        spec={"name": "arrays", "fingerprint": identity, "normalize": normalize},
        train=train,
        validation=validation,
        test=Split(validation.images[:1], validation.targets[:1]),
        class_names=tuple(class_names),
        mean=mean,
        std=std,
        fingerprint=identity,
    )


def _numbers(part: str, split: Split) -> Split:
    """Return the split with images of a type that engines accept, or raise a DataError."""
    images = np.asarray(split.images)
    if images.ndim != 4 or not images.size:
        said = "(n, height, width, channels), none of them 0"
        raise DataError(f"{part} images must be {said}, got an array of shape {images.shape}")
    return Split(real_numbers(images, f"{part} images"), split.targets)


def real_numbers(images: np.ndarray, what: str) -> np.ndarray:
    """Return finite images of a type that engines accept: uint8, float32 or float64.

    Other types become float32, or float64 if they have 32 bits or more.

    Raises:
        DataError: a value is not a finite number, or all are too large or too small for float32;
            the message begins with `what`.
    """
    if images.dtype.kind not in "buif":
        raise DataError(f"{what} must be real numbers, got an array of {images.dtype}")
    if images.dtype not in (np.uint8, np.float32, np.float64) or not images.dtype.isnative:
        exact = np.can_cast(images.dtype, np.float32)
        images = images.astype(np.float32 if exact else np.float64)
    if images.dtype == np.uint8:
        return images
    count, first, largest = 0, (), 0.0
    # in blocks: the array may be a file of many gigabytes that is mapped into memory
    for start in range(0, len(images), 4096):
        block = images[start : start + 4096]
        finite = np.isfinite(block)
        if lost := block.size - np.count_nonzero(finite):
            row, *rest = map(int, np.unravel_index(finite.argmin(), block.shape))
            count, first = count + lost, first or (start + row, *rest)
        else:
            largest = max(largest, float(np.abs(block).max()))
    if count:
        values = "value that is" if count == 1 else "values that are"
        raise DataError(f"{what} hold {count:,} {values} NaN or infinite, first at {[*first]}")
    if largest > LARGEST:
        raise DataError(
            f"{what} hold values up to {largest:.3g}, but float32 ends at {LARGEST:.3g}; scale them"
        )
    if 0 < largest < SMALLEST:
        said = f"{what} hold no value larger than {largest:.3g}"
        raise DataError(f"{said}, but float32 begins at {SMALLEST:.3g}; scale them")
    return images


def displayable(images: np.ndarray) -> np.ndarray:
    """Return images for display, uint8 (..., height, width, 1 or 3).

    Bytes are kept. Other numbers are scaled to 0 to 255, from the smallest to the largest value.
    Other numbers of channels are averaged.
    """
    if images.shape[-1] not in (1, 3):
        images = images.mean(-1, keepdims=True)
    if images.dtype == np.uint8 or not images.size:
        return images.astype(np.uint8)
    low, high = float(images.min()), float(images.max())
    half = (high / 2 - low / 2) or 1.0  # halved, so that large differences do not overflow
    return np.rint((images.astype(float) / 2 - low / 2) / half * 255).astype(np.uint8)
