"""A user's own `DatasetEntry` is what it says, or an error names it before anything trains."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest

from assay.core.errors import DataError
from assay.data import check_files, load
from assay.data.catalog import ENTRIES, DatasetEntry, Raw
from assay.data.dataset import Split
from assay.data.specs import problems

NAMES = ("a", "b")


def images(count: int, side: int = 6, dtype: type = np.uint8) -> np.ndarray:
    return np.random.default_rng(count).integers(0, 255, (count, side, side, 1)).astype(dtype)


def raw(count: int = 12, side: int = 6, classes: int = 2, names: tuple[str, ...] = NAMES) -> Raw:
    parts = (Split(images(n, side), np.arange(n) % classes) for n in (count, 8))
    return Raw(*parts, names)


def fails() -> object:
    return 1 // 0


class Own(DatasetEntry):
    """Returns what a test gives it."""

    returned: Callable[[], object]

    def read(self, spec, data_dir=None):
        return type(self).returned()


@pytest.fixture
def spec() -> Iterator[dict[str, object]]:
    described = {"image_shape": (6, 6, 1), "class_names": NAMES, "train": 12, "test": 8}
    ENTRIES.add("own")(Own("own", "t", "l", "c", **described))  # type: ignore[arg-type]
    yield {"name": "own", "train": 8, "validation": 4, "test": 8}
    del ENTRIES._entries["own"]


def test_what_it_describes_is_loaded(spec):
    Own.returned = raw
    check_files([spec])
    assert load(spec).class_names == NAMES


@pytest.mark.parametrize(
    ("returned", "said"),
    [
        (lambda: 5, "Own.read returned 5, expected an assay.data.catalog.Raw"),
        (lambda: Raw((1, 2), (3, 4), NAMES), "for train tuple, expected an assay.data.dataset.S"),
        (lambda: raw(classes=4), "for train class numbers from 0 to 3, expected 0 to 1"),
        (lambda: raw(side=7), "for train images of shape 7x7x1, but describes 6x6x1"),
        (lambda: raw(count=10), "for train 10 images, but describes 12"),
        (lambda: raw(names=("a", "b", "c")), "the classes 'a', 'b', 'c', but describes 'a', 'b'"),
        (
            lambda: Raw(Split(images(12), np.arange(9) % 2), raw().test, NAMES),
            "for train 12 images and 9 targets, expected one for each image",
        ),
        (
            lambda: Raw(Split(images(12, dtype=np.int64), np.arange(12) % 2), raw().test, NAMES),
            "for train images of int64, expected uint8 (0..255), float32 or float64",
        ),
        (fails, "cannot be read: test_own_entries.py:29: ZeroDivisionError"),
    ],
)
def test_anything_else_is_an_error_that_names_it(spec, returned, said):
    Own.returned = returned
    for read in (check_files, lambda specs: load(specs[0])):
        with pytest.raises(DataError, match="dataset 'own'") as error:
            read([spec])
        assert said in str(error.value)


def test_a_dataset_that_cannot_be_made_is_at_fault_not_its_size():
    ENTRIES.add("broken")(fails)  # type: ignore[arg-type]
    try:
        wrong = problems({"name": "broken", "train": 4})
    finally:
        del ENTRIES._entries["broken"]
    assert list(wrong) == ["name"]
    assert "dataset 'broken' cannot be created: ZeroDivisionError" in wrong["name"]
