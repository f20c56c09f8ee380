"""`clocks`: the user's own `images.npy` and `labels.npy`, in the course's format."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from assay.core.array_file import map_array
from assay.core.errors import DataError
from assay.core.records import Spec
from assay.data.catalog import DatasetEntry, Raw, Survey
from assay.data.dataset import Split
from assay.data.splits import fifth, hold_out
from assay.data.storage import places
from assay.subjects.clocks.time import minutes_of, text

__all__ = ["Clocks"]

FILES = ("images.npy", "labels.npy")


class Clocks(DatasetEntry):
    """Grey pictures of clocks with hour and minute; a fifth, stratified by time, is for testing."""

    def survey(self, spec: Spec, data_dir: Path | None = None) -> Survey:
        """Count by the file's header."""
        images, _ = self._open(data_dir)
        count = len(images)
        held_out = fifth(count)
        return Survey((*images.shape[1:], 1), (), count - held_out, held_out)

    def own_files(self, spec: Spec, data_dir: Path | None = None) -> dict[str, Path]:
        """Name both files."""
        folder = self._folder(data_dir)
        return {name: folder / name for name in FILES}

    def read(self, spec: Spec, data_dir: Path | None = None) -> Raw:
        """Map the images into memory and split them."""
        images, targets = self._open(data_dir)
        train, test = hold_out(self.strata(targets), fifth(len(images)), self.name)
        pictures = images[..., None]
        return Raw(
            Split(pictures[train], targets[train]), Split(pictures[test], targets[test]), (),
            (self.note,),
        )  # fmt: skip

    def target_name(self, target: np.ndarray, class_names: Sequence[str]) -> str:
        """The time, as on a clock."""
        return text(minutes_of(float(target[0]), float(target[1])))

    def strata(self, targets: np.ndarray) -> np.ndarray:
        """The time."""
        return 60 * targets[:, 0] + targets[:, 1]

    def _open(self, data_dir: Path | None) -> tuple[np.ndarray, np.ndarray]:
        """Images uint8 (n, h, w), mapped, and targets int64 (n, 2)."""
        folder = self._folder(data_dir)
        images, labels = (_map(folder / name) for name in FILES)
        where = folder / FILES[0]
        if images.ndim != 3 or images.dtype != np.uint8 or not images.size:
            raise DataError(
                f"{where}: expected uint8 (n, height, width), got {images.dtype} {images.shape}"
            )
        where = folder / FILES[1]
        if labels.ndim != 2 or labels.shape[1] != 2 or labels.dtype.kind not in "iu":
            raise DataError(
                f"{where}: expected whole numbers (n, 2), hour and minute, got {labels.dtype} "
                f"{labels.shape}"
            )
        if len(labels) != len(images):
            raise DataError(f"{where}: {len(labels):,} labels for {len(images):,} images")
        targets = np.array(labels, np.int64)
        _in_range(where, targets[:, 0], "hour", 12)
        _in_range(where, targets[:, 1], "minute", 59)
        targets[:, 0] %= 12
        return images, targets

    def _folder(self, data_dir: Path | None) -> Path:
        looked = list(dict.fromkeys(places(self, data_dir)))
        for folder in looked:
            present = [name for name in FILES if (folder / name).is_file()]
            if len(present) == len(FILES):
                return folder
            if present:
                (missing,) = set(FILES) - set(present)
                raise DataError(f"{folder} has {present[0]}, but no {missing}")
        raise DataError(
            f"dataset clocks needs {' and '.join(FILES)}; looked in "
            f"{', '.join(map(str, looked))}\npoint --data at their folder, or draw such files: "
            "assay clocks render --out FOLDER"
        )


def _map(path: Path) -> np.ndarray:
    """A .npy file mapped into memory; one that holds Python objects is never opened."""
    try:
        return map_array(path)
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read as a .npy file of numbers ({error})") from error


def _in_range(path: Path, values: np.ndarray, what: str, largest: int) -> None:
    wrong = np.flatnonzero((values < 0) | (values > largest))
    if len(wrong):
        row = int(wrong[0])
        raise DataError(f"{path}: row {row} has {what} {values[row]}, expected 0 to {largest}")


OWN = Clocks(
    name="clocks",
    title="your own clocks: images.npy (n, h, w) and labels.npy (n, 2)",
    licence="the licence of your files",
    citation="your own",
    folders=("clocks",),
    task="tell_time",
    note="clocks come without a test set: a fixed fifth, stratified by time, is held out",
)
