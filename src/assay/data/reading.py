"""Reading a dataset of the catalog, and whether a user's own one is what it says."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from assay.core.errors import AssayError, DataError
from assay.core.plugins import told
from assay.core.records import Spec
from assay.data.catalog import DatasetEntry, Raw, Survey
from assay.data.dataset import Split

__all__ = ["is_own", "read"]

_TYPES = (np.uint8, np.float32, np.float64)


def is_own(entry: DatasetEntry) -> bool:
    """Whether the code that reads it is a user's own."""
    return not type(entry).__module__.startswith("assay.")


def read(entry: DatasetEntry, spec: Spec, data_dir: Path | None = None) -> Raw:
    """Return what `entry.read` returns; of a user's own class it is checked.

    Raises:
        DataError: it fails, or returns something else than it describes.
    """
    if not is_own(entry):
        return entry.read(spec, data_dir)
    try:
        raw, facts = entry.read(spec, data_dir), entry.survey(spec, data_dir)
    except AssayError:
        raise
    except Exception as error:  # the user's code
        raise DataError(f"dataset {entry.name!r} cannot be read: {told(error)}") from error
    for said in _differences(raw, facts):
        raise DataError(f"dataset {entry.name!r}: {type(entry).__name__}.read returned {said}")
    return raw


def _differences(raw: object, facts: Survey) -> Iterator[str]:
    """Say what is wrong with what a reader returned, the most basic first."""
    if not isinstance(raw, Raw):
        yield f"{_kind(raw)}, expected an assay.data.catalog.Raw"
        return
    if tuple(raw.class_names) != tuple(facts.class_names):
        yield f"the classes {_listed(raw.class_names)}, but describes {_listed(facts.class_names)}"
    counts = {"train": facts.train, "test": facts.test}
    for part, count in counts.items():
        for said in _of_split(getattr(raw, part), facts, count):
            yield f"for {part} {said}"


def _of_split(split: object, facts: Survey, count: int) -> Iterator[str]:
    if not isinstance(split, Split):
        yield f"{_kind(split)}, expected an assay.data.dataset.Split"
        return
    images, targets = split.images, split.targets
    for name, array in (("images", images), ("targets", targets)):
        if not isinstance(array, np.ndarray):
            yield f"{_kind(array)} as {name}, expected an array"
            return
    if images.dtype not in _TYPES:
        yield f"images of {images.dtype}, expected uint8 (0..255), float32 or float64"
    if images.shape[1:] != tuple(facts.image_shape):
        shapes = f"{_shape(images.shape[1:])}, but describes {_shape(facts.image_shape)}"
        yield f"images of shape {shapes} (height, width, channels)"
    if len(images) != count:
        yield f"{len(images):,} images, but describes {count:,}"
    if len(images) != len(targets):
        yield f"{len(images):,} images and {len(targets):,} targets, expected one for each image"
    numbers = facts.class_names and targets.ndim == 1 and targets.dtype.kind in "iu"
    if (
        numbers
        and len(targets)
        and not 0 <= targets.min() <= targets.max() < len(facts.class_names)
    ):
        span = f"{targets.min()} to {targets.max()}"
        last = len(facts.class_names) - 1
        yield f"class numbers from {span}, expected 0 to {last}: a name for each class"


def _kind(thing: object) -> str:
    return f"{thing!r}" if isinstance(thing, (int, float, type(None))) else type(thing).__name__


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(map(repr, names)) or "none"


def _shape(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))
