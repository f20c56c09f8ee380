"""`clock-photos`: photos of clocks with published labels, in the user's own download."""

from __future__ import annotations

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image

from assay.core.config import Entry as Written
from assay.core.config import Option
from assay.core.errors import DataError
from assay.core.options import REQUIRED, integer
from assay.core.records import Spec
from assay.data.catalog import DatasetEntry, Raw, Survey
from assay.data.dataset import Split
from assay.data.near_duplicates import twin_notes, with_twin
from assay.data.pictures import counted, open_picture, printable
from assay.data.splits import fifth, hold_out, sizes
from assay.data.storage import once
from assay.subjects.clocks.dataset import SIDES
from assay.subjects.clocks.photo_labels import PhotoLabel, read_labels
from assay.subjects.clocks.reading.views import Square, cut_out
from assay.subjects.clocks.time import minutes_of, text

__all__ = ["ClockPhotos"]

NAMED = 5
"""Maximum number of missing pictures to name."""


class ClockPhotos(DatasetEntry):
    """Photos with boxes and times: each is cropped to its box, converted to grey and resized.

    Pictures below folders `train` and `test` are split that way; otherwise a fixed fifth,
    stratified by the hour, is the test part, if possible without clocks that occur twice. Missing
    pictures are skipped, counted and named.
    """

    def survey(self, spec: Spec, data_dir: Path | None = None) -> Survey:
        """Count the existing pictures, without opening them."""
        there, _ = _present(spec, data_dir)
        train, test = _parts(there)
        return Survey((spec["size"], spec["size"], 1), (), len(train), len(test))

    def own_files(self, spec: Spec, data_dir: Path | None = None) -> dict[str, Path]:
        """Name the labels, and every picture that is there."""
        there, _ = _present(spec, data_dir)
        folder = _find(spec["images"], data_dir, "images")
        pictures = {label.picture: folder / label.picture for label in there}
        return {"labels": _find(spec["csv"], data_dir, "csv"), **pictures}

    def check_files(self, spec: Spec, data_dir: Path | None = None) -> None:
        """Read every picture, unless this succeeded before."""
        labels = _find(spec["csv"], data_dir, "csv")
        state = labels.stat()
        facts = f"{labels}|{state.st_size}|{state.st_mtime_ns}"  # and not when it was read
        with once(f"{json.dumps(spec, sort_keys=True)}|{facts}") as unknown:
            if unknown:
                raw = self.read(spec, data_dir)
                sizes(spec, len(raw.train), len(raw.test))

    def read(self, spec: Spec, data_dir: Path | None = None) -> Raw:
        """Cut the clocks out of the photos."""
        there, missing = _present(spec, data_dir)
        folder, size = _find(spec["images"], data_dir, "images"), spec["size"]
        with ThreadPoolExecutor(4) as pool:
            drawn = list(pool.map(lambda label: cut_clock(folder, label, size), there))
        images = np.stack(drawn)
        targets = np.array([(label.hour, label.minute) for label in there], np.int64)
        notes = _missing(missing, len(there))
        if _split(there):
            train, test = _parts(there)
        else:
            train, test = _parts(there, twins := with_twin(images))
            photos = counted(len(test), "photo")
            notes += [f"a fixed fifth, stratified by hour, is held out: {photos}"]
            notes += twin_notes(twins, test)
        first, second = (Split(images[at], targets[at]) for at in (train, test))
        return Raw(first, second, (), tuple(notes))

    def target_name(self, target: np.ndarray, class_names: Sequence[str]) -> str:
        """The time, as on a clock."""
        return text(minutes_of(float(target[0]), float(target[1])))

    def strata(self, targets: np.ndarray) -> np.ndarray:
        """The hour, because most minutes occur once or never."""
        return targets[:, 0]


def cut_clock(folder: Path, label: PhotoLabel, size: int) -> np.ndarray:
    """Return the clock of one photo, uint8 (size, size, 1), with the picture's edge repeated
    outside.

    Raises:
        DataError: the file cannot be read, or the box is outside; the message names the file and
            the line of its label.
    """
    pixels = open_picture(folder / label.picture, grayscale=True)[..., 0]
    height, width = pixels.shape
    short = min(height, width)
    square = label.square or Square((width - short) / 2, (height - short) / 2, short)
    x, y = square.centre
    if not (0 <= x <= width and 0 <= y <= height):
        said = f"the box is beside {printable(label.picture)}, which is {width}x{height} pixels"
        raise DataError(f"{label.place}: {said}")
    around = int(np.ceil(square.side))
    wide = np.pad(pixels, around, mode="edge")
    left, top = int(square.left) + around, int(square.top) + around
    part = wide[max(top, 0) : top + around + 1, max(left, 0) : left + around + 1]
    whole = Square(0, 0, min(square.side, *part.shape))
    return cut_out(Image.fromarray(part), whole, size)


def _present(spec: Spec, data_dir: Path | None) -> tuple[list[PhotoLabel], list[PhotoLabel]]:
    """Return labels with and without their pictures; DataError if all are missing."""
    path, folder = (_find(spec[key], data_dir, key) for key in ("csv", "images"))
    labels = read_labels(path)
    exists = [(folder / label.picture).is_file() for label in labels]
    there = [label for label, found in zip(labels, exists, strict=True) if found]
    missing = [label for label, found in zip(labels, exists, strict=True) if not found]
    if not there:
        first = ", ".join(printable(label.picture) for label in missing[:NAMED])
        raise DataError(
            f"{printable(folder)}: none of the {counted(len(missing), 'picture')} of "
            f"{printable(path)} is "
            f"there (first: {first})"
        )
    return there, missing


def _missing(missing: Sequence[PhotoLabel], there: int) -> list[str]:
    if not missing:
        return []
    first = ", ".join(printable(label.picture) for label in missing[:NAMED])
    more = f" and {len(missing) - NAMED:,} more" if len(missing) > NAMED else ""
    are = "is" if len(missing) == 1 else "are"
    of = counted(there + len(missing), "picture")
    return [f"{len(missing):,} of {of} {are} missing: {first}{more}"]


def _split(labels: Sequence[PhotoLabel]) -> bool:
    """Whether the labels define the test part."""
    return {label.part for label in labels} == {"train", "test"}


def _parts(
    labels: Sequence[PhotoLabel], twins: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Return the positions of training and test pictures; how many there are does not depend on
    `twins`, the pictures with a near-duplicate."""
    tested = np.array([label.part == "test" for label in labels])
    if _split(labels):
        return np.flatnonzero(~tested), np.flatnonzero(tested)
    hours = np.array([label.hour for label in labels])
    return hold_out(hours, fifth(len(labels)), "clock-photos", kept_in=twins)


def _find(name: str, data_dir: Path | None, key: str) -> Path:
    """Find a file or folder: the given path, or inside the data folder."""
    tried = [Path(name).expanduser()]
    if data_dir is not None:
        tried.append(Path(data_dir).expanduser() / name)
    for path in tried:
        if path.is_dir() if key == "images" else path.is_file():
            return path
    where = " or ".join(printable(path) for path in tried)
    kind = "folder" if key == "images" else "file"
    raise DataError(f"dataset.{key}: there is no {kind} {where}")


def _path(what: str, help: str, example: str) -> Option:
    def read(entry: Written) -> str:
        if not isinstance(entry.value, str) or not entry.value:
            raise entry.expected(what)
        return entry.value

    return Option(read, REQUIRED, help, {"type": "string", "minLength": 1}, what, example)


PHOTOS = ClockPhotos(
    name="clock-photos",
    pictures_in="images",
    title="photos of clocks with published boxes and times: {csv: FILE, images: DIR}",
    licence="that of the photos",
    citation="C. Yang et al., It's About Time: Analog Clock Reading in the Wild, CVPR 2022",
    homepage="https://github.com/charigyang/itsabouttime",
    kept="your own download",
    task="tell_time",
    split_version=2,
    options={
        "csv": _path(
            "the path of a .csv or .json file",
            "Labels: a CSV file of It's About Time, or annotations.json of TickTockVQA.",
            "coco_final.csv",
        ),
        "images": _path(
            "a folder's path",
            "Folder of the pictures; a relative one is looked for here, then in the data folder.",
            "train2017",
        ),
        "size": integer(150, low=SIDES[0], high=SIDES[1], help="Side of the pictures."),
    },
)
