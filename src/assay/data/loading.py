"""Loading datasets: read, split, permute and measure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from assay.core.records import Spec
from assay.data.catalog import ENTRIES
from assay.data.dataset import Dataset, Fresh, Split
from assay.data.permutation import permute, pixel_permutation
from assay.data.pictures import resized
from assay.data.reading import is_own, read
from assay.data.specs import resolve
from assay.data.splits import parts, sizes
from assay.data.storage import locate
from assay.data.transforms import TRANSFORMS, switched_on
from assay.data.unchanged import check_unchanged

__all__ = [
    "TUNED",
    "Info",
    "check_files",
    "describe",
    "fingerprint",
    "load",
    "normalisation",
    "statistics",
]


TUNED = (
    "The test images are also the validation images (`dataset.validate_on_test`): accuracies were "
    "read while tuning, as for many published records, and are not those of unseen images"
)
"""The note on a dataset that is validated on its test images."""


@dataclass(frozen=True)
class Info:
    """A dataset before it is loaded: enough to check and plan a study.

    Attributes:
        name: the dataset's name.
        image_shape: (height, width, channels).
        class_names: one for each class; empty if there are none.
        train, validation, test: images in each part.
    """

    name: str
    image_shape: tuple[int, int, int]
    class_names: tuple[str, ...]
    train: int
    validation: int
    test: int

    @property
    def classes(self) -> int:
        """Number of classes."""
        return len(self.class_names)


def describe(spec: str | Mapping[str, object], data_dir: Path | None = None) -> Info:
    """Describe the result of `load` without reading images.

    The files of a downloadable dataset may be missing; of a folder, only the names are read.

    Raises:
        ConfigError: when the specification is wrong.
        DataError: when the user's own folder is not there or holds no classes.
    """
    resolved = resolve(spec)
    survey = ENTRIES[resolved["name"]].survey(resolved, data_dir)
    counts = sizes(resolved, survey.train, survey.test)
    side = resolved.get("resize")
    return Info(
        resolved["name"],
        (side, side, survey.image_shape[2]) if side else survey.image_shape,
        survey.class_names,
        counts.train,
        counts.validation,
        counts.test,
    )


def load(spec: str | Mapping[str, object], data_dir: Path | None = None) -> Dataset:
    """Load a dataset, split, and permuted if asked for.

    Args:
        spec: a name or a specification (see `assay.data.resolve`).
        data_dir: a folder that has the files; next are searched env ASSAY_DATA and the cache.

    Raises:
        ConfigError: when the specification is wrong.
        DataError: when files are missing (the message says where it looked and how to get them),
            damaged, not what they claim to be, or not those that the specification was planned
            with.
    """
    resolved = resolve(spec)
    entry = ENTRIES[resolved["name"]]
    check_unchanged(resolved, data_dir)
    raw = read(entry, resolved, data_dir)
    chosen = parts(resolved, entry.strata(raw.train.targets), entry.strata(raw.test.targets))
    permutation, side = None, resolved.get("resize")
    if resolved["permute"] is not None:
        height, width = (side, side) if side else raw.train.images.shape[1:3]
        permutation = pixel_permutation(resolved["permute"], height, width)
    tuned = bool(resolved.get("validate_on_test"))
    sources = (raw.train, raw.test if tuned else raw.train, raw.test)
    train, validation, test = (
        _take(split, positions, side, permutation)
        for split, positions in zip(sources, chosen, strict=True)
    )
    notes = (*raw.notes, *([TUNED] if tuned else []))
    changes = [partial(_changed, side=side, permutation=permutation)]
    for name in switched_on(resolved):
        fitted = TRANSFORMS[name].fit(resolved, train.images, permutation)
        train, validation, test = (
            Split(fitted.apply(part.images), part.targets) for part in (train, validation, test)
        )
        permutation = fitted.permutation
        changes.append(fitted.apply)
        notes = (*notes, fitted.note) if fitted.note else notes
    mean, std = normalisation(resolved.get("normalize", "standard"), train.images)
    return Dataset(
        spec=resolved,
        train=train,
        validation=validation,
        test=test,
        class_names=raw.class_names,
        mean=mean,
        std=std,
        fingerprint=fingerprint(train, validation, test),
        permutation=permutation,
        notes=(*notes, *_absent(raw.class_names, train=train, validation=validation, test=test)),
        fresh=_fresh(entry.fresh(resolved, len(train)), changes),
    )


def check_files(
    specs: Iterable[str | Spec], data_dir: Path | None = None, *, fetch: bool = True
) -> None:
    """Make sure, before anything is trained, that `load` finds nothing missing or damaged.

    Args:
        fetch: also get published files that are not there yet; if not, only the user's own are
            checked.

    Raises:
        ConfigError: when a specification is wrong.
        DataError: when files are missing, damaged or not what they claim to be.
    """
    resolved = [resolve(spec) for spec in specs]
    for name in dict.fromkeys(spec["name"] for spec in resolved):
        if fetch and ENTRIES[name].sources:
            locate(ENTRIES[name], data_dir)
    for spec in {json.dumps(spec, sort_keys=True): spec for spec in resolved}.values():
        check_unchanged(spec, data_dir)
        entry = ENTRIES[spec["name"]]
        entry.check_files(spec, data_dir)
        if is_own(entry):
            read(entry, spec, data_dir)


def _fresh(
    fresh: Fresh | None, changes: Sequence[Callable[[np.ndarray], np.ndarray]]
) -> Fresh | None:
    """Return the function for fresh images with every change that the fixed ones have."""
    if fresh is None:
        return None

    def changed(epoch: int) -> Split:
        split = fresh(epoch)
        images = split.images
        for change in changes:
            images = change(images)
        return Split(images, split.targets)

    return changed


def _absent(names: Sequence[str], **parts: Split) -> Iterator[str]:
    """Say of which classes a part has no picture, if it has any at all."""
    for part, split in parts.items():
        if not names or not len(split) or split.targets.ndim != 1:
            continue
        there = np.unique(split.targets)
        absent = [name for number, name in enumerate(names) if number not in there]
        if absent:
            more = f" and {len(absent) - 5} more" if len(absent) > 5 else ""
            yield f"the {part} split has no picture of {', '.join(absent[:5])}{more}"


def _changed(images: np.ndarray, side: int | None, permutation: np.ndarray | None) -> np.ndarray:
    images = images if side is None else resized(images, side)
    return images if permutation is None else permute(images, permutation)


def _take(
    split: Split, positions: np.ndarray, side: int | None, permutation: np.ndarray | None
) -> Split:
    # positions are ascending: as many as there are images means all of them
    whole = len(positions) == len(split)
    images = np.asarray(split.images) if whole else split.images[positions]
    targets = split.targets if whole else split.targets[positions]
    return Split(_changed(images, side, permutation), targets)


def normalisation(kind: str, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What is subtracted from and what divides each channel; see `specs.NORMALIZE`.

    float32 (channels,), or float64 where the images are: a value of which they need every digit.
    """
    dtype = np.float64 if images.dtype == np.float64 else np.float32
    channels = images.shape[-1]
    none, one = np.zeros(channels, dtype), np.ones(channels, dtype)
    if kind == "unit":
        return none, 255 * one
    if kind == "none":
        return none, one
    mean, std = statistics(images)
    # no smaller deviation has a reciprocal in float32, in which engines divide
    std = np.where(std > 0, np.maximum(std, np.finfo(np.float32).tiny), 1).astype(dtype)
    return mean.astype(dtype), one if kind == "center" else std


def statistics(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of each channel, float64 (channels,), in the pixels' unit.

    The deviation of a channel that never changes is exactly 0.
    """
    if images.dtype == np.uint8:  # every sum is exact: nothing is lost in a difference of them
        mean, squares = _moments(images, np.zeros(images.shape[-1]), 1)
        return mean, np.sqrt(np.maximum(squares - mean**2, 0))
    low, high = images.min((0, 1, 2)).astype(float), images.max((0, 1, 2)).astype(float)
    # as numbers from -1 to 1 that reach both ends, values of any size are as far apart as they are
    middle, half = low / 2 + high / 2, high / 2 - low / 2
    mean, squares = _moments(images, middle, np.where(half > 0, half, 1))
    std = half * np.sqrt(np.maximum(squares - mean**2, 0))
    return np.where(half > 0, middle + half * mean, low), std


def _moments(
    images: np.ndarray, shift: np.ndarray, scale: np.ndarray | int
) -> tuple[np.ndarray, np.ndarray]:
    """Means of (image - shift) / scale and of its square, by channel."""
    channels = images.shape[-1]
    total, squares = np.zeros(channels), np.zeros(channels)
    # in blocks that fit the cache; sums of 256 bytes and their squares are exact in float32
    exact = images.dtype == np.uint8
    for start in range(0, len(images), 256):
        block = images[start : start + 256].astype(np.float32 if exact else np.float64)
        if not exact:
            block = (block - shift) / scale
        block = block.reshape(len(block), -1)  # (b, height * width * channels)
        total += block.sum(0).reshape(-1, channels).sum(0, dtype=float)
        squares += np.einsum("nd,nd->d", block, block).reshape(-1, channels).sum(0, dtype=float)
    return total * channels / images.size, squares * channels / images.size


def fingerprint(*splits: Split) -> str:
    """16 hexadecimal digits that any change of an image, a target or the split changes."""
    digest = hashlib.sha256()
    for split in splits:
        for array in (split.images, split.targets):
            digest.update(f"{array.shape}{array.dtype}".encode())
            digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()[:16]
