"""Conversion of labels: class numbers or names in arrays, lists or tables."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from assay.core.errors import DataError, did_you_mean, nearest
from assay.data.own_images import array_of
from assay.data.pictures import printable

__all__ = ["Classes", "classes_of", "labels_of"]

FEWEST = 2
"""Minimum number of images of a class: one for training, one for testing."""

_SHOWN = 5

Classes = tuple[np.ndarray, np.ndarray | None, tuple[str, ...], str]
"""Class numbers int64 (n,) for training and testing, the class names, and a note."""


def labels_of(given: object, images: int, what: str) -> np.ndarray:
    """Convert data to one label for each image: int64 or text, (n,).

    Args:
        images: number of images.
        what: its name in messages.

    Raises:
        DataError: the number of labels is wrong, or they are neither whole numbers nor text.
    """
    if isinstance(given, (list, tuple)):
        given = [array_of(item, what) if hasattr(item, "detach") else item for item in given]
    labels = array_of(given, what)
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim == 2:
        hot = "; for one-hot labels, pass labels.argmax(1)" if _one_hot(labels) else ""
        raise DataError(f"{what} must be one for each image, got an array of {labels.shape}{hot}")
    if labels.ndim != 1:
        raise DataError(f"{what} must be one for each image, got an array of {labels.shape}")
    if len(labels) != images:
        raise DataError(f"{what}: {len(labels):,} labels for {images:,} images")
    return _plain(labels, what)


def classes_of(
    train: np.ndarray, test: np.ndarray | None, names: Sequence[str] | None, what: str, tested: str
) -> Classes:
    """Number the classes: the named ones, or else all labels in sorted order.

    Args:
        train, test: labels as `labels_of` returns them.
        names: the class names, if labels are class numbers; None uses the labels as names.
        what, tested: names of the labels in messages.

    Raises:
        DataError: a label is not a class, or there are too few classes or images of a class.
    """
    note = ""
    if names is not None:
        names = [printable(str(name)) for name in names]
        for part, labels in ((what, train), (tested, test)):
            _check_numbers(labels, len(names), part)
        targets, counts = train, np.bincount(train, minlength=len(names))
        counts = counts[counts > 0]  # other named classes are listed in a note of the split
        found = [names[i] for i in np.unique(train)]
    else:
        values, targets, counts = np.unique(train, return_inverse=True, return_counts=True)
        found = names = [printable(str(value)) for value in values]
        if values.dtype.kind == "i" and len(values) != int(values[-1]) - int(values[0]) + 1:
            note = f"{what} are {_first(names)}: these {len(names)} numbers are the classes"
        test = _numbered(test, values, names, what, tested)
    few = [f"{name} ({count})" for name, count in zip(found, counts, strict=True) if count < FEWEST]
    if few:
        said = f"expected at least {FEWEST} of each class"
        raise DataError(f"{what}: too few images of {_first(few)}; {said}")
    if len(found) < 2:
        raise DataError(f"{what}: all images are of class {found[0]!r}; expected 2 or more")
    return targets.astype(np.int64), test, tuple(names), note


def _numbered(
    test: np.ndarray | None, values: np.ndarray, names: Sequence[str], what: str, tested: str
) -> np.ndarray | None:
    """Return test labels as numbers of the training classes."""
    if test is None:
        return None
    if (test.dtype.kind == "i") != (values.dtype.kind == "i"):
        kinds = {True: "numbers", False: "text"}
        is_number = test.dtype.kind == "i"
        raise DataError(f"{tested} are {kinds[is_number]}, {what} are {kinds[not is_number]}")
    strange = np.setdiff1d(test, values)
    if len(strange):
        name = printable(str(strange[0]))
        hint = did_you_mean(nearest(name, names))
        raise DataError(f"{tested}: no image with the label {name!r} is in the training set{hint}")
    return np.searchsorted(values, test).astype(np.int64)


def _check_numbers(labels: np.ndarray | None, classes: int, what: str) -> None:
    if labels is None:
        return
    expected = f"expected whole numbers from 0 to {classes - 1}, one for each class name"
    if labels.dtype.kind != "i":
        raise DataError(f"{what} are text such as {printable(str(labels[0]))!r}; {expected}")
    wrong = labels[(labels < 0) | (labels >= classes)]
    if len(wrong):
        raise DataError(f"{what}: {wrong[0]} is not a class; {expected}")


def _plain(labels: np.ndarray, what: str) -> np.ndarray:
    """Return int64 or text; DataError for anything else."""
    if labels.dtype.kind == "O":
        missing = [i for i, label in enumerate(labels) if label is None or label != label]
        if missing:
            raise DataError(f"{what}: label {missing[0]} is missing ({len(missing):,} in all)")
        if not all(isinstance(label, str) for label in labels):
            labels = _narrow(labels, what)
    if labels.dtype.kind == "f":
        if not np.isfinite(labels).all():
            raise DataError(
                f"{what}: label {int(np.argmin(np.isfinite(labels)))} is NaN or infinite"
            )
        broken = labels[labels != np.rint(labels)]
        if len(broken):
            raise DataError(f"{what} must be numbers or names of classes, got {broken[0]:g}")
    if labels.dtype.kind in "biuf":
        if labels.dtype.kind != "b" and len(labels) and abs(labels.astype(float)).max() >= 2**63:
            raise DataError(f"{what} must fit into 64 bits")
        return labels.astype(np.int64)
    try:
        if labels.dtype.kind == "S":
            return np.char.decode(labels, "utf-8")
        if labels.dtype.kind in "UO":
            return np.array([str(label) for label in labels])
    except UnicodeError as error:
        raise DataError(f"{what} contain text that is not UTF-8 ({error})") from None
    except ValueError as error:  # invalid characters in a damaged file
        raise DataError(f"{what} contain invalid text ({error})") from None
    raise DataError(f"{what} must be numbers or names of classes, got an array of {labels.dtype}")


def _narrow(labels: np.ndarray, what: str) -> np.ndarray:
    """Convert Python objects to an array of numbers, if all of them are numbers."""
    try:
        return np.array([label + 0 for label in labels])
    except Exception:  # of unknown types
        kinds = sorted({type(label).__name__ for label in labels})
        said = f"numbers or names of classes, got {', '.join(kinds)}"
        raise DataError(f"{what} must be {said}") from None


def _one_hot(labels: np.ndarray) -> bool:
    if labels.dtype.kind not in "biuf":
        return False
    return bool(np.isin(labels, (0, 1)).all() and (labels.sum(1) == 1).all())


def _first(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
