"""`digits`: 1,797 real handwritten digits that come with scikit-learn; no download."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np

from assay.core.records import Spec
from assay.data.catalog import ENTRIES, DatasetEntry, Raw
from assay.data.dataset import Split
from assay.data.splits import hold_out

__all__ = ["Digits"]

TEST = 360


class Digits(DatasetEntry):
    """8x8 digits; grey values 0..16 are scaled to 0..255."""

    def read(self, spec: Spec, data_dir: Path | None = None) -> Raw:
        """Read the embedded images and hold out a fixed test set of 360."""
        values, labels = _values()
        # 0, 1, 2, ..., 16 become 0, 16, 32, ..., 255
        images = np.rint(np.asarray(values) * (255 / 16)).astype(np.uint8).reshape(-1, 8, 8, 1)
        targets = np.asarray(labels).astype(np.int64)
        train, test = hold_out(targets, TEST, "digits")
        return Raw(
            Split(images[train], targets[train]),
            Split(images[test], targets[test]),
            self.class_names,
            (self.note,),
        )


def _values() -> tuple[np.ndarray, np.ndarray]:
    """Return values (1797, 64) in 0..16, and labels (1797,).

    The file is read without importing scikit-learn, which takes a second in every process.
    """
    package = importlib.util.find_spec("sklearn")
    for place in (package.submodule_search_locations if package else None) or ():
        if (file := Path(place) / "datasets" / "data" / "digits.csv.gz").is_file():
            table = np.loadtxt(file, delimiter=",", dtype=np.uint8)
            return table[:, :-1], table[:, -1]
    from sklearn.datasets import load_digits

    values, labels = load_digits(return_X_y=True)
    return np.asarray(values), np.asarray(labels)


ENTRIES.add("digits")(
    Digits(
        name="digits",
        title="handwritten digits, 8x8 greyscale, included in scikit-learn",
        kept="in scikit-learn",
        licence="CC BY 4.0 (UCI Machine Learning Repository)",
        citation=(
            "E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, "
            "UCI Machine Learning Repository, 1998"
        ),
        homepage="https://archive.ics.uci.edu/dataset/80",
        image_shape=(8, 8, 1),
        class_names=tuple("0123456789"),
        train=1797 - TEST,
        test=TEST,
        note="digits has no official test set: a fixed, stratified 360 of its 1,797 images are "
        "held out",
    )
)
