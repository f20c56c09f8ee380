"""Data of one's own in Python: whatever users hand over becomes images and class numbers."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from assay.core.errors import DataError
from assay.data.own_content import content_of

X = np.random.default_rng(0).integers(0, 256, (20, 6, 5)).astype(np.uint8)
Y = np.arange(20) % 2


class Pairs:
    """The interface of a dataset of torchvision."""

    classes = ("cat", "dog", "newt")

    def __init__(self, convert=lambda image: image):
        self.convert = convert

    def __len__(self):
        return len(X)

    def __getitem__(self, i):
        return self.convert(X[i]), int(Y[i])


class ClassLabel:
    names = ("cat", "dog")


class Rows:
    """The interface of a dataset of Hugging Face."""

    column_names = ("image", "label")

    def __init__(self):
        self.features = {"image": object(), "label": ClassLabel()}

    def __len__(self):
        return len(X)

    def __getitem__(self, i):
        return {"image": Image.fromarray(X[i]), "label": int(Y[i])}


def pictures(mode="L"):
    return [Image.fromarray(image).convert(mode) for image in X]


def tensor(array):
    import torch

    return torch.tensor(array)


def series(values):
    return pytest.importorskip("pandas").Series(values)


@pytest.mark.parametrize(
    ("images", "shape", "dtype"),
    [
        (X, (6, 5, 1), np.uint8),
        (X.tolist(), (6, 5, 1), np.uint8),
        (X.astype(np.int64), (6, 5, 1), np.uint8),
        (X.astype(np.int16) - 300, (6, 5, 1), np.float32),
        (X.astype(np.int64) * 2, (6, 5, 1), np.float64),
        (X > 9, (6, 5, 1), np.uint8),
        (X / 255, (6, 5, 1), np.float64),
        ((X / 255).astype(np.float16), (6, 5, 1), np.float32),
        (X.astype(">f4"), (6, 5, 1), np.float32),
        (X.reshape(20, 30), (1, 30, 1), np.uint8),
        (np.stack([X] * 3, -1), (6, 5, 3), np.uint8),
        (np.stack([X] * 3, 1), (6, 5, 3), np.uint8),
        (np.zeros((20, 3, 5, 3)), (3, 5, 3), np.float64),
        (pictures(), (6, 5, 1), np.uint8),
        (pictures("RGB"), (6, 5, 3), np.uint8),
        (pictures("1"), (6, 5, 1), np.uint8),
        (pictures("L")[:10] + pictures("RGBA")[10:], (6, 5, 3), np.uint8),
    ],
)
def test_images_of_any_kind(images, shape, dtype):
    content = content_of((images, Y))
    assert (content.images.shape, content.images.dtype) == ((20, *shape), dtype)
    assert content.class_names == ("0", "1")
    assert np.array_equal(content.targets, Y)


def test_channels_that_come_first_go_last():
    first = np.random.default_rng(1).random((20, 3, 8, 7), np.float32)
    for given in (first, tensor(first), list(tensor(first))):
        content = content_of((given, Y))
        assert np.array_equal(content.images, first.transpose(0, 2, 3, 1))
        assert content.notes == (
            "images (20, 3, 8, 7) of float32 were interpreted as 8x7 pixels with 3 channels, given "
            "before height and width",
        )
    # where both may be, the order of the library decides
    both = np.zeros((20, 1, 4, 3), np.float32)
    assert content_of((both, Y)).images.shape == (20, 1, 4, 3)
    assert content_of((tensor(both), Y)).images.shape == (20, 4, 3, 1)
    assert content_of((both, Y), "channels_first").images.shape == (20, 4, 3, 1)


def test_tensors_that_numpy_cannot_hold():
    import torch

    given = tensor(X).bfloat16().requires_grad_()
    content = content_of((given, torch.tensor(Y)))
    assert content.images.dtype == np.float32
    assert np.abs(content.images[..., 0] - X).max() <= 1  # bfloat16 has 8 bits of a number


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        (Y + 3, ("3", "4")),
        (Y * 1.0, ("0", "1")),
        (Y[:, None], ("0", "1")),
        (np.array(["dog", "cat"])[Y], ("cat", "dog")),
        (np.array([b"dog", b"caf\xc3\xa9"])[Y], ("café", "dog")),
        ([["dog", "cat"][y] for y in Y], ("cat", "dog")),
        (np.array(["dog", "cat"], object)[Y], ("cat", "dog")),
        (np.array([5, 7], object)[Y], ("5", "7")),
    ],
)
def test_labels_of_any_kind(labels, names):
    content = content_of((X, labels))
    assert content.class_names == names
    flipped = str(np.asarray(labels).reshape(-1)[0]).strip("b'") == names[1]
    assert np.array_equal(content.targets, 1 - Y if flipped else Y)


def test_labels_and_features_of_pandas():
    frame = series(Y).to_frame().assign(b=7, c=1.5)
    content = content_of((frame, series(["x", "y"] * 10).astype("category")))
    assert content.images.shape == (20, 1, 3, 1)
    assert content.class_names == ("x", "y")
    with pytest.raises(DataError, match=r"labels y: label 1 is missing \(10 in all\)"):
        content_of((X, series(["x", None] * 10)))


def test_numbers_with_gaps_are_the_classes():
    content = content_of((X, Y * 3))
    assert content.class_names == ("0", "3")
    assert "labels y are 0, 3: these 2 numbers are the classes" in content.notes


@pytest.mark.parametrize(
    ("thing", "names", "tested"),
    [
        ((X, Y, X[:4], Y[:4]), ("0", "1"), 4),
        (((X, Y), (X[:4], Y[:4])), ("0", "1"), 4),
        ({"images": X, "labels": Y}, ("0", "1"), 0),
        ({"x": X, "y": Y, "x_test": X[:4], "y_test": Y[:4]}, ("0", "1"), 4),
        (Pairs(), ("cat", "dog", "newt"), 0),
        (Pairs(Image.fromarray), ("cat", "dog", "newt"), 0),
        ((Pairs(), Pairs()), ("cat", "dog", "newt"), 20),
        (Rows(), ("cat", "dog"), 0),
        ({"train": Rows(), "test": Rows()}, ("cat", "dog"), 20),
        ({"train": Rows(), "validation": Rows()}, ("cat", "dog"), 20),
        ({"all": Rows()}, ("cat", "dog"), 0),
    ],
)
def test_sets_of_any_kind(thing, names, tested):
    content = content_of(thing)
    assert content.class_names == names
    assert np.array_equal(content.images[..., 0], X)
    assert np.array_equal(content.targets, Y)
    assert (0 if content.test_images is None else len(content.test_images)) == tested


@pytest.mark.parametrize("kind", [tuple, list])
def test_parts_that_are_images_and_labels(kind):
    content = content_of({"train": kind((X, Y)), "val": kind((X[:8], Y[:8])), "extra": Rows()})
    assert content.test_images is not None
    assert (len(content.images), len(content.test_images)) == (20, 8)
    assert np.array_equal(content.targets, Y)
    assert content.notes[0] == "the parts extra were left out"
    assert content_of({"train": kind((X, Y))}).test_images is None
    two = content_of({"images": [X[0], X[1], X[2], X[3]], "labels": [0, 1, 0, 1]})
    assert len(two.images) == 4


def test_items_that_are_tensors_and_parts_that_are_left_out():
    content = content_of(Pairs(lambda image: tensor(image / 255)[None].float()))
    assert content.images.shape == (20, 6, 5, 1)
    assert content.images.dtype == np.float32
    notes = content_of({"train": Rows(), "test": Rows(), "extra": Rows()}).notes
    assert notes[0] == "the parts extra were left out"


def changed(array, where, value):
    array = np.array(array, float if isinstance(value, float) else None)
    array[where] = value
    return array


class Broken(Pairs):
    def __getitem__(self, i):
        if i == 3:
            raise KeyError("lost")
        return super().__getitem__(i)


class Unnumbered(Pairs):
    def __getitem__(self, i):
        return X[i], -1


@pytest.mark.parametrize(
    ("thing", "message"),
    [
        (
            (changed(X, (3, 2, 1), np.nan), Y),
            "images x hold 1 value that is NaN or infinite, first at [3, 2, 1, 0]",
        ),
        (
            (changed(X, (3, 2, 1), np.inf), Y),
            "images x hold 1 value that is NaN or infinite, first at [3, 2, 1, 0]",
        ),
        (
            (list(X[:4]), list(torch.eye(2)[[0, 1, 0, 1]])),
            "an array of (4, 2); for one-hot labels, pass labels.argmax(1)",
        ),
        (
            (X * 1e300, Y),
            "images x hold values up to 2.55e+302, but float32 ends at 3.4e+38; scale",
        ),
        (
            (X * 1e-310, Y),
            "images x hold no value larger than 2.55e-308, but float32 begins at 1.18e-38; scale",
        ),
        (
            (X * np.float32(1e-42), Y),
            "images x hold no value larger than 2.55e-40, but float32 begins at 1.18e-38; scale",
        ),
        ((X * 1j, Y), "images x must be real numbers, got an array of complex128"),
        ((X[:0], Y[:0]), "got an array of (0, 6, 5)"),
        ((X[0, 0], Y), "(n, height, width, channels) or (n, features), none of them 0, got"),
        (([], []), "images x must be images, got an empty list"),
        (([*pictures()[:1], Image.new("L", (6, 5))], [0, 1]), "images x[1] is 5x6; resize them"),
        ((X, Y[1:]), "labels y: 19 labels for 20 images"),
        ((X, np.eye(2)[Y]), "an array of (20, 2); for one-hot labels, pass labels.argmax(1)"),
        ((X, Y * 0), "labels y: all images are of class '0'; expected 2 or more"),
        ((X, changed(Y, 3, 9)), "labels y: too few images of 9 (1); expected at least 2 of each"),
        ((X, Y + 0.5), "labels y must be numbers or names of classes, got 0.5"),
        ((X, changed(Y, 3, np.nan)), "labels y: label 3 is NaN or infinite"),
        ((X, np.array([{}] * 20)), "labels y must be numbers or names of classes, got dict"),
        ((X, Y, X), "data must be (x, y) or (x, y, x_test, y_test), got 3 values"),
        ((X, Y, None, Y), "images x_test are missing: both parts have images and labels"),
        ((X, Y, X, Y + 1), "labels y_test: no image with the label '2' is in the training set"),
        ((X, Y, X, Y.astype(str)), "labels y_test are text, labels y are numbers"),
        ((X, Y, X[:, 1:], Y), "images x_test are 5x5x1, images x are 6x5x1"),
        ((X, Y, X / 255, Y), "images x_test are float64 from 0 to 1, images x uint8 from 0 to 255"),
        ({"x": X, "z": Y}, "data: unknown part 'z' (known: images, labels, test_images"),
        ({"y": Y}, "images x are missing"),
        (
            {"train": X, "test": X},
            "data['train'] must be (x, y), or an object with len() whose ite",
        ),
        ({"train": (X, Y, Y)}, "whose items are (image, label), got tuple"),
        ({"test": Rows(), "extra": Rows()}, "data has the parts test, extra, expected one named"),
        (Broken(), "item 3 of the train split cannot be read: KeyError: 'lost'"),
        (
            Unnumbered(),
            "labels y: -1 is not a class; expected whole numbers from 0 to 2, one for each",
        ),
        (5, "an object with len() whose items are (image, label), got int"),
    ],
)
def test_what_is_no_dataset_is_said(thing, message):
    with pytest.raises(DataError) as caught:
        content_of(thing)
    assert message in str(caught.value)


BYTES, UNIT = X, X.astype(np.float32) / 255
SAME = [
    (BYTES, BYTES.astype(np.float32) + 0.5, np.float32),  # for example scaled photos
    (UNIT, UNIT.astype(np.float64), np.float64),
    (UNIT, UNIT * 2 - 1, np.float32),
    (UNIT, UNIT * np.float32(1.5), np.float32),
    (X > 9, X > 99, np.uint8),
    (BYTES // 9, BYTES, np.uint8),  # night and day
    (BYTES, BYTES * 0, np.uint8),
    (X * 3.5, X * 9.5, np.float64),  # a table that goes on
]


@pytest.mark.parametrize("swapped", [False, True])
@pytest.mark.parametrize(("train", "test", "kind"), SAME)
def test_images_of_one_range_have_one_type(train, test, kind, swapped: bool):
    one, other = (test, train) if swapped else (train, test)
    found = content_of((one, Y, other, Y))
    assert found.images.dtype == found.test_images.dtype == kind
    np.testing.assert_array_equal(found.test_images.squeeze(-1), other.astype(kind))


@pytest.mark.parametrize("swapped", [False, True])
@pytest.mark.parametrize("fraction", [UNIT, X.astype(np.float64) / 255, X > 99, UNIT * 4 - 2])
def test_images_of_two_ranges_are_refused(fraction, swapped: bool):
    for whole in (BYTES, BYTES.astype(np.float32) + 0.5)[: 1 if fraction.min() < -1 else 2]:
        pair = (fraction, Y, whole, Y) if swapped else (whole, Y, fraction, Y)
        with pytest.raises(DataError, match="expected the same range of numbers in both"):
            content_of(pair)
