"""`folder`: the user's own pictures, one folder for each class, or one folder without classes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from assay.core.config import Entry as Written
from assay.core.config import Option
from assay.core.errors import DataError
from assay.core.options import REQUIRED, choice, flag
from assay.core.records import Spec
from assay.data.catalog import ENTRIES, DatasetEntry, Raw, Survey
from assay.data.dataset import Split
from assay.data.layout import Listing, find_layout, first_of
from assay.data.near_duplicates import twin_notes, with_twin
from assay.data.pictures import Pictures, counted, printable, read_pictures
from assay.data.splits import fifth, hold_out, sizes
from assay.data.storage import once

__all__ = ["Folder"]

MAX_SIDE = 2048
FEWEST = 2
ON_ERROR = ("raise", "skip")
"""What to do with unreadable pictures: raise an error, or skip them."""
MAX_BYTES = 8 << 30
SHRUNK = 2
"""Pictures without classes must be enlarged by less than this: a generator would learn the blur."""


class Folder(DatasetEntry):
    """Class folders of pictures, with or without `train` and `test` folders around them.

    A folder that contains pictures and no folders is a dataset without classes.
    """

    def survey(self, spec: Spec, data_dir: Path | None = None) -> Survey:
        """Count pictures by their file names."""
        layout = find_layout(_root(spec["path"], data_dir))
        images = len(layout.train.paths)
        held_out = len(layout.test.paths) if layout.test else fifth(images)
        height, width = spec["size"]
        return Survey(
            (height, width, 1 if spec["grayscale"] else 3),
            layout.train.names,
            images if layout.test else images - held_out,
            held_out,
        )

    def own_files(self, spec: Spec, data_dir: Path | None = None) -> dict[str, Path]:
        """Name every picture from its folder on."""
        root = _root(spec["path"], data_dir)
        layout = find_layout(root)
        paths = layout.train.paths + (layout.test.paths if layout.test else [])
        return {path.relative_to(root).as_posix(): path for path in paths}

    def check_files(self, spec: Spec, data_dir: Path | None = None) -> None:
        """Read every picture, unless this succeeded before and no file has changed since."""
        layout = find_layout(_root(spec["path"], data_dir))
        paths = layout.train.paths + (layout.test.paths if layout.test else [])
        with once(f"{json.dumps(spec, sort_keys=True)}|{_state(paths)}") as unknown:
            if unknown:
                raw = self.read(spec, data_dir)
                sizes(spec, len(raw.train), len(raw.test))

    def read(self, spec: Spec, data_dir: Path | None = None) -> Raw:
        """Read and resize every picture."""
        layout = find_layout(_root(spec["path"], data_dir))
        train, test = layout.train, layout.test
        paths = train.paths + (test.paths if test else [])
        height, width = size = spec["size"][0], spec["size"][1]
        needed = len(paths) * height * width * (1 if spec["grayscale"] else 3)
        if needed > MAX_BYTES:
            raise DataError(
                f"{printable(spec['path'])}: {len(paths):,} pictures of {height}x{width} need "
                f"{needed / 2**30:.0f} GiB; choose a smaller dataset.size"
            )
        found = read_pictures(paths, size, spec["grayscale"])
        failures = list(found.failures.values())
        if failures and spec.get("on_error", ON_ERROR[0]) == ON_ERROR[0]:
            raise DataError(
                f"{len(failures):,} of {len(paths):,} pictures cannot be read (dataset.on_error: "
                f"skip leaves such pictures out):\n  {first_of(failures, f'{chr(10)}  ')}"
            )
        kept = np.delete(np.arange(len(paths)), list(found.failures))
        paths = [paths[i] for i in kept]
        if train.unlabelled:
            _refuse_tiny(paths, np.array([f.size for f in found.facts]), size)
        keys = tuple(train.classes)
        targets = np.concatenate([_targets(train, keys), _targets(test, keys)])[kept]
        count = int((kept < len(train.paths)).sum())
        _refuse_few(train, np.bincount(targets[:count], minlength=len(keys)))
        notes = (*layout.notes, *_skipped(failures), *_notes(found, paths, size, layout.others))
        first, second = np.arange(count), np.arange(count, len(targets))
        if not test:
            held_out = fifth(count)
            twins = with_twin(found.images)
            first, second = hold_out(targets, held_out, "folder", kept_in=twins)
            chosen = counted(held_out, "picture is", "pictures are")
            said = f"there is no test folder: a fixed, stratified {chosen} held out"
            notes = (*notes, said, *twin_notes(twins, second))
        elif not len(second):
            raise DataError(f"{printable(spec['path'])}: no test picture can be read")
        learned, tested = (Split(found.images[at], targets[at]) for at in (first, second))
        return Raw(learned, tested, train.names, notes)


def _is_size(size: Any) -> bool:
    return (
        isinstance(size, list | tuple)
        and len(size) == 2
        and all(type(side) is int and 1 <= side <= MAX_SIDE for side in size)
    )


def _root(path: str, data_dir: Path | None) -> Path:
    """Find the folder: the given path, or inside the data folder."""
    tried = [Path(path).expanduser()]
    if data_dir is not None:
        tried.append(Path(data_dir).expanduser() / path)
    for root in tried:
        if root.is_dir():
            return root
    where = " or ".join(printable(root) for root in tried)
    raise DataError(f"dataset.path: there is no folder {where}")


def _refuse_tiny(paths: list[Path], own: np.ndarray, size: tuple[int, int]) -> None:
    """Raise a DataError that names the first pictures far smaller than the requested size."""
    tiny = np.flatnonzero((own * SHRUNK <= size).any(1))
    if len(tiny):
        first = ", ".join(
            f"{printable(paths[i])} ({own[i][1]}x{own[i][0]} pixels)" for i in tiny[:3]
        )
        more = f" and {len(tiny) - 3} more" if len(tiny) > 3 else ""
        raise DataError(
            f"too small for dataset.size {size[1]}x{size[0]}: {first}{more}; expected more than "
            f"half of it; leave them out or choose a smaller dataset.size"
        )


def _refuse_few(train: Listing, counts: np.ndarray) -> None:
    """Raise a DataError for classes with too few readable pictures."""
    few = [f"{n} ({c})" for n, c in zip(train.names, counts, strict=False) if c < FEWEST]
    if few or not counts.sum():
        raise DataError(
            f"too few pictures can be read: {first_of(few) or 'none'}; expected at least {FEWEST} "
            f"of each class"
        )


def _state(paths: list[Path]) -> str:
    """Return names, sizes and times of files, which show whether they have changed."""
    try:
        stats = ((path, path.stat()) for path in paths)
        return "|".join(f"{p.resolve()} {s.st_size} {s.st_mtime_ns}" for p, s in stats)
    except OSError as error:
        where = printable(str(error.filename))
        raise DataError(f"{where}: cannot be read ({error.strerror})") from error


def _targets(listing: Listing | None, keys: tuple[str, ...]) -> np.ndarray:
    counts = [len(listing.classes.get(key, ())) if listing else 0 for key in keys]
    return np.repeat(np.arange(len(keys), dtype=np.int64), counts)


def _skipped(failures: list[str]) -> tuple[str, ...]:
    if not failures:
        return ()
    said = counted(
        len(failures),
        "picture that cannot be read was left out",
        "pictures that cannot be read were left out",
    )
    return (f"{said} (first: {failures[0]})",)


def _span(low: int, high: int) -> str:
    return f"{low}" if low == high else f"{low} to {high}"


def _notes(
    found: Pictures, paths: list[Path], size: tuple[int, int], others: list[str]
) -> tuple[str, ...]:
    """Describe what was done to the pictures."""
    notes = []
    height, width = size
    own = np.array([facts.size for facts in found.facts])
    resized = int((own != size).any(1).sum())
    if resized:
        shape = own[:, 0] * width / (own[:, 1] * height)
        stretched = int((np.abs(np.log(shape)) > 0.02).sum())
        extra = f", {stretched} of them stretched to another shape" if stretched else ""
        (low, least), (high, most) = own.min(0), own.max(0)
        notes.append(
            f"{resized} of {counted(len(own), 'picture')} {'was' if resized == 1 else 'were'} "
            f"resized to {height}x{width}{extra}; they were "
            f"{_span(low, high)} pixels high and {_span(least, most)} wide"
        )
    deep = [i for i, facts in enumerate(found.facts) if facts.short]
    if deep:
        low, high, top = found.facts[deep[0]].span or (0, 0, 0)
        use = ("picture with more than 8 bits uses", "pictures with more than 8 bits use")
        its, keep = ("its", "keeps") if len(deep) == 1 else ("their", "keep")
        notes.append(
            f"{counted(len(deep), *use)} only a small part of {its} range and {keep} few levels in "
            f"8 bits (first: {printable(paths[deep[0]])}, {low:,} to {high:,} of 0 to {top:,})"
        )
    if frames := sum(facts.frames for facts in found.facts):
        said = counted(frames, "picture has", "pictures have")
        notes.append(f"{said} several frames or pages: the first one is used")
    if others:
        first = ", ".join(others[:3])
        said = counted(len(others), "other file or folder was", "other files or folders were")
        notes.append(f"{said} left out (first: {first})")
    return tuple(notes)


def _read_path(entry: Written) -> str:
    if not isinstance(entry.value, str) or not entry.value:
        raise entry.expected("a folder's path")
    return entry.value


def _read_size(entry: Written) -> list[int]:
    if not _is_size(entry.value):
        raise entry.expected(f"[height, width], each from 1 to {MAX_SIDE}")
    return entry.value


_SIDE = {"type": "integer", "minimum": 1, "maximum": MAX_SIDE}

ENTRIES.add("folder")(
    Folder(
        name="folder",
        pictures_in="path",
        title="your own pictures: {name: folder, path: DIR}, with or without class folders",
        licence="yours",
        citation="yours",
        split_version=2,
        options={
            "path": Option(
                _read_path,
                REQUIRED,
                "The folder; a relative path is looked up here, then in the data folder.",
                {"type": "string", "minLength": 1},
                "a folder's path",
                "my-pictures",
            ),
            "size": Option(
                _read_size,
                [32, 32],
                "Height and width to which all pictures are resized.",
                {"type": "array", "items": _SIDE, "minItems": 2, "maxItems": 2},
                f"[height, width], each from 1 to {MAX_SIDE}",
            ),
            "grayscale": flag(help="One channel instead of three."),
        },
        optional={
            "on_error": choice(
                ON_ERROR[0],
                "choice",
                ON_ERROR,
                help="What to do with a picture that cannot be read: stop with an error, or "
                "leave it out.",
            ),
        },
    )
)
