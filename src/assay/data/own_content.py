"""Conversion of datasets that users pass in Python.

    (x, y)    (x, y, x_test, y_test)    ((x, y), (x_test, y_test))    {"images": x, "labels": y}

An object with `len()` and `[i]` that returns (image, label) or {"image": ..., "label": ...}, like
the datasets of torchvision and Hugging Face, is accepted for x and y as well; a mapping of names of
parts to such objects, or to (x, y), is a dataset with a test part. None of these libraries is
imported.
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
"""Names of arrays with images or labels; the first one found is used."""

_PARTS = {"train": ("train", "training"), "test": ("test", "testing", "validation", "valid", "val")}

Words = Mapping[str, str]
"""Role -> its name in messages."""

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
        targets, test_targets: int64 (n,); all 0 if there are no classes.
        class_names: empty if there are no classes.
        notes: how the data were interpreted, in words.
        test_images, test_targets: None if there is no test part.
    """

    images: np.ndarray
    targets: np.ndarray
    class_names: tuple[str, ...]
    test_images: np.ndarray | None = None
    test_targets: np.ndarray | None = None
    notes: tuple[str, ...] = ()


@dataclass
class _Given:
    """The given data by role; `names` are the class names of numeric labels."""

    roles: dict[str, Any]
    names: Sequence[str] | None = None
    notes: list[str] = field(default_factory=list)


def content_of(thing: object, data_format: str | None = None) -> Content:
    """Convert data that a user passes in Python; see above for the accepted forms.

    Args:
        data_format: see `own_images.images_of`.

    Raises:
        DataError: it has another form, or images and labels do not match.
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
        words: the name of each role of ROLES in messages.
        names: the class names, if labels are class numbers.

    Raises:
        DataError: some data are invalid; the message begins with one of `words`.
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
        images, tested = _alike(images, tested, words)
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


def _alike(images: np.ndarray, tested: np.ndarray, words: Words) -> tuple[np.ndarray, np.ndarray]:
    """Convert training and test images to one type.

    Raises:
        DataError: they have different shapes, or one of them lies on average outside the range of
            the other, as pixels from 0 to 255 do beside pixels from 0 to 1.
    """
    if images.shape[1:] != tested.shape[1:]:
        one, other = ("x".join(map(str, a.shape[1:])) for a in (images, tested))
        raise DataError(f"{words['test_images']} are {other}, {words['images']} are {one}")
    ends = [(float(a.min()), float(a.max())) for a in (images, tested)]
    for (low, high), other in zip(ends, (tested, images), strict=True):
        largest = max(-low, high)
        # of one type, and not from -1 to 1, they may differ: a table that goes on, or night and day
        asked = 0 < largest <= 1 or tested.dtype.kind != images.dtype.kind
        if asked and np.abs(other).mean(dtype=np.float64) > max(largest, 1):
            said = [
                f"{a.dtype} from {low:g} to {high:g}"
                for a, (low, high) in zip((images, tested), ends, strict=True)
            ]
            raise DataError(
                f"{words['test_images']} are {said[1]}, {words['images']} {said[0]}: expected the "
                "same range of numbers in both"
            )
    common = np.result_type(images, tested)
    return images.astype(common, copy=False), tested.astype(common, copy=False)


def roles_of(names: Iterable[str]) -> tuple[dict[str, str], list[str]]:
    """Assign names to roles; return these and the names without a role."""
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
            thing = [*thing[0], *thing[1]]  # as in Keras's datasets
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
    """Read a mapping of arrays by their role, or of datasets by the names of their parts."""
    if thing and all(_is_items(part) or _is_pair(name, part) for name, part in thing.items()):
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
    if others and (part := next((n for n in thing if _is_named_part(n)), None)) is not None:
        expected = "(x, y), or an object with len() whose items are (image, label)"
        raise DataError(f"data[{part!r}] must be {expected}, got {type(thing[part]).__name__}")
    if others:
        known = ", ".join(known[0] for known in ROLES.values())
        raise DataError(f"data: unknown part {others[0]!r} (known: {known})")
    return _Given({role: thing[name] for role, name in found.items()})


def _is_pair(name: object, thing: Any) -> bool:
    """Whether this is (x, y) under the name of a part, where it is no list of two images."""
    pair = isinstance(thing, (tuple, list)) and len(thing) == 2
    return pair and _is_named_part(name)


def _is_named_part(name: object) -> bool:
    return any(name in known for known in _PARTS.values())


def _is_items(thing: Any) -> bool:
    """Whether an object has items and is not an array, list, tuple or mapping."""
    items = hasattr(thing, "__getitem__") and hasattr(thing, "__len__")
    plain = isinstance(thing, (list, tuple, Mapping, str, bytes)) or hasattr(thing, "__array__")
    return items and not plain


def _parts(parts: Mapping[str, Any]) -> _Given:
    """Return the items of datasets for training and for testing."""
    roles: dict[str, Any] = {}
    names: Sequence[str] | None = None
    for part, thing in parts.items():
        pair = isinstance(thing, (tuple, list))
        images, labels, column = (*thing, "") if pair else _items(thing, part)
        prefix = "" if part == "train" else "test_"
        roles |= {f"{prefix}images": images, f"{prefix}labels": labels}
        if part == "train":
            names = _class_names(thing, column)
    return _Given(roles, names)


def _items(thing: Any, part: str) -> tuple[list[Any], list[Any], str]:
    """Return images and labels, and the name of the column of labels, if any."""
    images, labels, column = [], [], ""
    for i in range(len(thing)):
        try:
            item = thing[i]
        except AssayError:
            raise
        except Exception as error:  # code of other libraries
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
    """Return the columns of a row that contain its image and its label."""
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
    """Return the class names of numeric labels; None if unknown."""
    features = getattr(thing, "features", None)
    if column and isinstance(features, Mapping):
        names = getattr(features.get(column), "names", None)
    else:
        names = getattr(thing, "classes", None)
    return [str(name) for name in names] if names else None
