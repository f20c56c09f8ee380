"""Finds near-duplicates, such as a photo compressed, scaled or recoloured, by a perceptual hash.

A test image that also occurs in training says little about new images. The hash is the difference
hash: for each cell of a small grey version, one bit says whether its right and one whether its
lower neighbour is brighter. Compression, scaling and recolouring hardly change it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import suppress
from typing import NamedTuple

import numpy as np

from assay.data.dataset import Dataset
from assay.data.permutation import restore
from assay.data.storage import cache_dir, save_array

__all__ = [
    "Hashes",
    "difference_hash",
    "near_pairs",
    "near_training",
    "other_parts",
    "twin_notes",
    "with_twin",
]

SIDE = 16
"""Cells in a row and in a column of the small version."""

NEAR = 0.2
"""Images are near-duplicates if at most this fraction of their bits differs."""

ALIKE = 0.7
"""The brightness differences behind the bits must also have this correlation, because smooth images
can agree in bits that depend on single grey levels."""

TEXTURED = 0.8
"""Minimum number of cells that differ from their neighbour for an informative hash: very different
drawings on an empty background have almost the same bits."""

COARSE = 14
"""Only pairs that differ in at most so many of the 56 bits of a smaller hash are compared."""

MOST = 100_000
"""With more images, only equal ones are found, because the time grows quadratically."""

_CACHED_FROM = 2_000

_RULE = f"{SIDE}-{NEAR}-{ALIKE}-{TEXTURED}-{COARSE}"
"""Version of cached results."""


class Hashes(NamedTuple):
    """Difference hashes of images.

    Attributes:
        bits: bool (n, 480).
        coarse: uint64 (n,), 56 bits of a hash of half the side.
        textured: bool (n,), whether the hash is informative (see TEXTURED).
    """

    bits: np.ndarray
    coarse: np.ndarray
    textured: np.ndarray


def difference_hash(images: np.ndarray) -> Hashes:
    """Return the hashes of images (n, height, width, channels) of any range.

    Images with fewer than 16 pixels a side have no informative hash.

    References:
        N. Krawetz, "Kind of like that", 2013 (the difference hash).
    """
    small = _small(images)
    steps = _steps(small)
    level = 1.0 if images.dtype == np.uint8 or not images.size else float(np.ptp(images)) / 255
    half = small.reshape(-1, SIDE // 2, 2, SIDE // 2, 2).mean((2, 4))
    coarse = (_across(half) > 0) @ (np.uint64(1) << np.arange(56, dtype=np.uint64))
    textured = (np.abs(steps) > level).mean(1) >= TEXTURED
    enough = min(images.shape[1:3]) >= SIDE
    return Hashes(steps > 0, coarse.astype(np.uint64), textured & enough)


def _steps(small: np.ndarray) -> np.ndarray:
    """Return the differences of each cell to its right and lower neighbours, (n, 480)."""
    return np.concatenate([_across(small), _across(small.transpose(0, 2, 1))], 1)


def _across(small: np.ndarray) -> np.ndarray:
    return np.diff(small, axis=2).reshape(len(small), -1)


def _small(images: np.ndarray) -> np.ndarray:
    """Return grey versions, float32 (n, SIDE, SIDE); a cell is the mean of its pixels."""
    count, height, width, channels = images.shape
    across = np.repeat(_shares(width).T, channels, axis=0) / channels
    down = _shares(height).T
    small = np.empty((count, SIDE, SIDE), np.float32)
    for start in range(0, count, 256):
        block = images[start : start + 256].astype(np.float32).reshape(-1, width * channels)
        rows = (block @ across).reshape(-1, height, SIDE).transpose(0, 2, 1)
        small[start : start + 256] = (rows.reshape(-1, height) @ down).reshape(
            -1, SIDE, SIDE
        ).transpose(0, 2, 1)  # fmt: skip
    return small


def _shares(pixels: int) -> np.ndarray:
    """Return the fraction of each cell that each pixel of a row covers, (SIDE, pixels)."""
    ends = np.linspace(0, pixels, SIDE + 1)
    at = np.arange(pixels)
    covered = np.minimum(ends[1:, None], at + 1) - np.maximum(ends[:-1, None], at)
    covered = np.clip(covered, 0, None)
    return (covered / covered.sum(1, keepdims=True)).astype(np.float32)


def near_pairs(images: np.ndarray, others: np.ndarray | None = None) -> np.ndarray:
    """Return the pairs of positions that are equal or near-duplicates, int64 (k, 2), each once.

    Args:
        images: (n, height, width, channels).
        others: images of the same shape to compare with; by default `images` itself.
    """
    within = others is None
    if not len(images) or (others is not None and not len(others)):
        return np.empty((0, 2), np.int64)
    equal = list(_equal(images, images if others is None else others, within))
    if len(images) + (0 if others is None else len(others)) > MOST:
        return np.array(sorted(equal), np.int64).reshape(-1, 2)
    mine = difference_hash(images)
    theirs = mine if others is None else difference_hash(others)
    rows, columns = np.flatnonzero(mine.textured), np.flatnonzero(theirs.textured)
    candidates = []
    for start in range(0, len(rows), 64):
        some = rows[start : start + 64]
        apart = np.bitwise_count(mine.coarse[some, None] ^ theirs.coarse[columns])
        at, with_ = np.nonzero(apart <= COARSE)
        i, j = some[at], columns[with_]
        near = (i < j) | (not within)
        i, j = i[near], j[near]
        close = (mine.bits[i] != theirs.bits[j]).mean(1) <= NEAR
        candidates.append(np.stack([i[close], j[close]], 1))
    pairs = np.concatenate(candidates) if candidates else np.empty((0, 2), np.int64)
    alike = _correlation(images, images if others is None else others, pairs) >= ALIKE
    found = {*equal, *map(tuple, pairs[alike].tolist())}
    return np.array(sorted(found), np.int64).reshape(-1, 2)


def _correlation(images: np.ndarray, others: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    """Return the correlation of the brightness differences of each pair, (k,)."""
    found = np.empty(len(pairs))
    for start in range(0, len(pairs), 1024):
        some = pairs[start : start + 1024].T
        a, b = (_steps(_small(x[at])) for x, at in zip((images, others), some, strict=True))
        size = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
        found[start : start + 1024] = np.einsum("nd,nd->n", a, b) / np.maximum(size, 1e-12)
    return found


def _equal(images: np.ndarray, others: np.ndarray, within: bool) -> Iterator[tuple[int, int]]:
    """Return pairs of equal images; in a group of equal images, each with the first."""
    first: dict[bytes, int] = {}
    for number, key in enumerate(_digests(others)):
        here = first.setdefault(key, number)
        if within and here != number:
            yield here, number
    if not within:
        yield from ((i, first[key]) for i, key in enumerate(_digests(images)) if key in first)


def _digests(images: np.ndarray) -> Iterator[bytes]:
    return (hashlib.blake2b(np.ascontiguousarray(x).data, digest_size=16).digest() for x in images)


def with_twin(images: np.ndarray) -> np.ndarray:
    """Return which images have a duplicate or near-duplicate among the others, bool (n,).

    For many images, the result is cached by their content.
    """
    if len(images) < _CACHED_FROM:
        return _marked(near_pairs(images), len(images))
    total = hashlib.sha256(f"{_RULE} {images.shape}{images.dtype}".encode())
    for start in range(0, len(images), 4096):
        total.update(np.ascontiguousarray(images[start : start + 4096]).data)
    found = _remembered(total.hexdigest()[:24])
    if found is None:
        found = np.unique(near_pairs(images))
        _remember(total.hexdigest()[:24], found)
    return _marked(found, len(images))


def twin_notes(twins: np.ndarray, tested: np.ndarray) -> list[str]:
    """Return notes about images with duplicates, of which those at `tested` are test images."""
    if not twins.any():
        return []
    left = int(twins[tested].sum())
    where = "and none of them is in the test set"
    if left:
        are = "is" if left == 1 else "are"
        where = f"and {left:,} of them {are} in the test set, because there are too few others"
    return [
        f"{int(twins.sum()):,} of {len(twins):,} images are equal to another one or its "
        f"near-duplicate, {where}"
    ]


def _marked(found: np.ndarray, count: int) -> np.ndarray:
    marked = np.zeros(count, bool)
    marked[found.ravel()] = True
    return marked


def near_training(dataset: Dataset) -> int:
    """Count the test images that are near-duplicates of, or equal to, training or validation
    images (training images only if the test images are those for validation). The result is cached
    by the dataset's fingerprint.

    Permuted pixels are put back first: a hash of them would show what all images have in common,
    such as a dark edge, and take nearly every image for a duplicate.
    """
    tuned = dataset.spec.get("validate_on_test")
    name = f"{dataset.fingerprint}-{'train-' if tuned else ''}{_RULE}"
    found = _remembered(name)
    if found is None:
        test, *parts = (
            part.images
            if dataset.permutation is None
            else restore(part.images, dataset.permutation)
            for part in (dataset.test, dataset.train, *([] if tuned else [dataset.validation]))
        )
        found = np.unique(np.concatenate([near_pairs(test, part)[:, 0] for part in parts]))
        _remember(name, found)
    return len(found)


def other_parts(dataset: Dataset) -> str:
    """Name the parts whose images `near_training` compares with those of the test."""
    return "training" if dataset.spec.get("validate_on_test") else "training or validation"


def _remembered(name: str) -> np.ndarray | None:
    """Return the positions that were found before."""
    try:
        found = np.load(cache_dir() / "near-duplicates" / f"{name}.npy", allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    return found if found.dtype == np.int64 and found.ndim == 1 else None


def _remember(name: str, found: np.ndarray) -> None:
    with suppress(OSError):  # a cache that cannot be written only costs time
        save_array(cache_dir() / "near-duplicates" / f"{name}.npy", found)
