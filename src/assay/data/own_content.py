"""A dataset of one's own as it is kept: what users hand over in Python, converted in one place.

    (x, y)    (x, y, x_test, y_test)    ((x, y), (x_test, y_test))    {"images": x, "labels": y}

An object with `len()` and `[i]` that gives (image, label) or {"image": ..., "label": ...}, as the
datasets of torchvision and of Hugging Face have them, stands for x and y as well; a mapping of such
objects by the names of their parts is a set with its test part. No library of these is imported.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from assay.core.errors import AssayError, DataError
from assay.data.own_images import images_of
from assay.data.own_labels import classes_of, labels_of

__all__ = ["ROLES", "Content", "Words", "content_of", "converted", "roles_of"]

ROLES = {
    "images": ("images", "x", "X", "x_train", "X_train", "train_images", "train_x", "data"),
    "labels": ("labels", "y", "y_train", "train_labels", "train_y", "targets"),
    "test_images": ("test_images", "x_test", "X_test", "test_x"),
    "test_labels": ("test_labels", "y_test", "test_y"),
}
"""What arrays are called that hold images or labels; the first name that is there counts."""

_PARTS = {"train": ("train", "training"), "test": ("test", "testing", "validation", "valid", "val")}

Words = Mapping[str, str]
"""Role -> how messages call it."""

_WORDS = {
    "images": "images x",
    "labels": "labels y",
    "test_images": "images x_test",
    "test_labels": "labels y_test",
}


@dataclass(frozen=True)
class Content:
    """Images and labels of a dataset, converted and checked.

    Attributes:
        images, test_images: uint8, float32 or float64 (n, height, width, channels).
        targets, test_targets: int64 (n,); all 0 where there are no classes.
        class_names: empty where there are no classes.
        notes: how it was understood, in words.
        test_images, test_targets: None where no images are kept apart.
    """

    images: np.ndarray
    targets: np.ndarray
    class_names: tuple[str, ...]
    test_images: np.ndarray | None = None
    test_targets: np.ndarray | None = None
    notes: tuple[str, ...] = ()


@dataclass
class _Given:
    """What was handed over, by role; `names` are those of the classes, where labels are numbers."""

    roles: dict[str, Any]
    names: Sequence[str] | None = None
    notes: list[str] = field(default_factory=list)


def content_of(thing: object, data_format: str | None = None) -> Content:
    """Convert what a user hands over in Python; see above for what it may be.

    Args:
        data_format: see `own_images.images_of`.

    Raises:
        DataError: it is none of these, or its images and labels do not go together.
    """
    given = _given(thing)
    return converted(given.roles, _WORDS, data_format, given.names, given.notes)


def converted(
    roles: Mapping[str, object],
    words: Words,
    data_format: str | None = None,
    names: Sequence[str] | None = None,
    notes: Iterable[str] = (),
) -> Content:
    """Convert images and labels by their role.

    Args:
        roles: "images", and any other of ROLES.
        words: how messages call each role of ROLES.
        names: the names of the classes, where labels are numbers of them.

    Raises:
        DataError: beginning with a word of `words`, for what cannot be used.
    """
    has = {role for role in ROLES if roles.get(role) is not None}
    told = list(notes)
    if "images" not in has:
        raise DataError(f"{words['images']} are missing")
    if {"test_images", "test_labels"} & has and {r for r in ROLES if r in has} != set(ROLES):
        missing = next(role for role in ROLES if role not in has)
        if "labels" in has or missing != "test_labels":
            raise DataError(f"{words[missing]} are missing: both parts have images and labels")
    images, note = images_of(roles["images"], words["images"], data_format)
    told.append(note)
    tested = None
    if "test_images" in has:
        tested, _ = images_of(roles["test_images"], words["test_images"], data_format)
        tested = _alike(images, tested, words)
    if "labels" not in has:
        zeros = np.zeros(len(images), np.int64)
        test_zeros = None if tested is None else np.zeros(len(tested), np.int64)
        return Content(images, zeros, (), tested, test_zeros, tuple(told))
    labels = labels_of(roles["labels"], len(images), words["labels"])
    test_labels = None
    if tested is not None:
        test_labels = labels_of(roles["test_labels"], len(tested), words["test_labels"])
    targets, test_targets, class_names, note = classes_of(
        labels, test_labels, names, words["labels"], words["test_labels"]
    )
    told += [note] * bool(note)
    return Content(images, targets, class_names, tested, test_targets, tuple(told))


def _alike(images: np.ndarray, tested: np.ndarray, words: Words) -> np.ndarray:
    """The test images in the type of the others; DataError where their shape is another."""
    if images.shape[1:] != tested.shape[1:]:
        one, other = ("x".join(map(str, a.shape[1:])) for a in (images, tested))
        raise DataError(f"{words['test_images']} are {other}, {words['images']} are {one}")
    if tested.dtype != images.dtype:
        fits = np.can_cast(tested.dtype, images.dtype)
        if not fits:
            said = f"{words['test_images']} are {tested.dtype}, {words['images']} {images.dtype}"
            raise DataError(f"{said}: expected the same range of numbers in both")
        tested = tested.astype(images.dtype)
    return tested


def roles_of(names: Iterable[str]) -> tuple[dict[str, str], list[str]]:
    """Which of some names stands for which role, and the names that stand for none."""
    there = list(names)
    found = {}
    for role, known in ROLES.items():
        name = next((name for name in known if name in there), None)
        if name is not None:
            found[role] = name
    return found, [name for name in there if name not in found.values()]


def _given(thing: Any) -> _Given:
    if isinstance(thing, Mapping):
        return _mapping(thing)
    if isinstance(thing, (tuple, list)):
        if len(thing) == 2 and all(isinstance(t, tuple) and len(t) == 2 for t in thing):
            thing = [*thing[0], *thing[1]]  # as the datasets of Keras are loaded
        if len(thing) == 2 and all(map(_is_items, thing)):
            return _parts({"train": thing[0], "test": thing[1]})
        if len(thing) in (2, 4):
            return _Given(dict(zip(ROLES, thing, strict=False)))
        raise DataError(f"data must be (x, y) or (x, y, x_test, y_test), got {len(thing)} values")
    if _is_items(thing):
        return _parts({"train": thing})
    raise DataError(
        "data must be (x, y), (x, y, x_test, y_test), a mapping of them, or an object with len() "
        f"whose items are (image, label), got {type(thing).__name__}"
    )


def _mapping(thing: Mapping[Any, Any]) -> _Given:
    """A mapping of arrays by their role, or of whole datasets by the names of their parts."""
    if thing and all(map(_is_items, thing.values())):
        parts, names = {}, [str(name) for name in thing]
        for part, known in _PARTS.items():
            name = next((name for name in known if name in thing), None)
            if name is not None:
                parts[part] = thing[name]
        if len(thing) == 1:
            parts = {"train": next(iter(thing.values()))}
        if "train" not in parts:
            raise DataError(f"data has the parts {', '.join(names)}, expected one named train")
        given = _parts(parts)
        left = [n for n in names if not any(thing[n] is part for part in parts.values())]
        if left:
            given.notes.append(f"the parts {', '.join(left)} were left out")
        return given
    found, others = roles_of(map(str, thing))
    if others:
        known = ", ".join(known[0] for known in ROLES.values())
        raise DataError(f"data: unknown part {others[0]!r} (known: {known})")
    return _Given({role: thing[name] for role, name in found.items()})


def _is_items(thing: Any) -> bool:
    """Whether something has items and is no array, list, tuple or mapping."""
    items = hasattr(thing, "__getitem__") and hasattr(thing, "__len__")
    plain = isinstance(thing, (list, tuple, Mapping, str, bytes)) or hasattr(thing, "__array__")
    return items and not plain


def _parts(parts: Mapping[str, Any]) -> _Given:
    """The items of datasets: those to train on, and those to test with."""
    roles: dict[str, Any] = {}
    names: Sequence[str] | None = None
    for part, thing in parts.items():
        images, labels, column = _items(thing, part)
        prefix = "" if part == "train" else "test_"
        roles |= {f"{prefix}images": images, f"{prefix}labels": labels}
        if part == "train":
            names = _class_names(thing, column)
    return _Given(roles, names)


def _items(thing: Any, part: str) -> tuple[list[Any], list[Any], str]:
    """Images and labels, one by one, and the name of the labels' column where rows have names."""
    images, labels, column = [], [], ""
    for i in range(len(thing)):
        try:
            item = thing[i]
        except AssayError:
            raise
        except Exception as error:  # somebody else's code
            said = f"{type(error).__name__}: {error}"
            raise DataError(f"item {i} of the {part} split cannot be read: {said}") from error
        if isinstance(item, Mapping):
            image, column = _columns(item, i)
            item = (item[image], item[column])
        if not isinstance(item, (tuple, list)) or len(item) != 2:
            kind = type(item).__name__
            raise DataError(f"item {i} of the {part} split must be (image, label), got {kind}")
        images.append(item[0])
        labels.append(item[1])
    return images, labels, column


def _columns(row: Mapping[str, Any], i: int) -> tuple[str, str]:
    """The columns of a row that hold its image and its label."""
    known = {
        "image": ("image", "img", "images", "x"),
        "label": ("label", "labels", "fine_label", "target", "y"),
    }
    found = {kind: next((n for n in names if n in row), None) for kind, names in known.items()}
    for kind, name in found.items():
        if name is None:
            columns = ", ".join(map(str, row))
            raise DataError(f"item {i} has the columns {columns}, expected one named {kind}")
    return str(found["image"]), str(found["label"])


def _class_names(thing: Any, column: str) -> Sequence[str] | None:
    """What the classes are called whose numbers are the labels; None where nobody says so."""
    features = getattr(thing, "features", None)
    if column and isinstance(features, Mapping):
        names = getattr(features.get(column), "names", None)
    else:
        names = getattr(thing, "classes", None)
    return [str(name) for name in names] if names else None
