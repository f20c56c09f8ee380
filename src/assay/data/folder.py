"""`folder`: the user's own pictures, one folder for each class, or all in one without classes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from assay.core.errors import DataError, nearest
from assay.core.text import visible
from assay.data.catalog import ENTRIES, Entry, Raw, Survey
from assay.data.dataset import Split
from assay.data.pictures import SUFFIXES, read_pictures
from assay.data.splits import hold_out

__all__ = ["Folder"]

TEST_SHARE = 0.2
MAX_SIDE = 2048
MAX_BYTES = 8 << 30
UNLABELLED = ""
SHRUNK = 2
"""A picture without a class is enlarged by less than this: nobody learns to draw from a blur."""


@dataclass(frozen=True)
class _Listing:
    """Pictures by class, in the order of their names, and what was left out.

    Pictures without classes are those of one class, which is called "".
    """

    classes: dict[str, list[Path]]
    others: list[str]

    @property
    def paths(self) -> list[Path]:
        return [path for paths in self.classes.values() for path in paths]

    @property
    def names(self) -> tuple[str, ...]:
        return () if self.unlabelled else tuple(map(visible, self.classes))

    @property
    def unlabelled(self) -> bool:
        return UNLABELLED in self.classes


class Folder(Entry):
    """Class folders of pictures, with or without `train` and `test` folders around them.

    A folder that holds pictures and no folders is a set without classes.
    """

    def check(self, spec: Mapping[str, Any]) -> dict[str, str]:
        """Check `path`, `size` and `grayscale`."""
        found = {}
        if not isinstance(spec["path"], str) or not spec["path"]:
            found["path"] = f"dataset.path must be a folder's path, got {spec['path']!r}"
        if not _is_size(spec["size"]):
            expected = f"[height, width], each from 1 to {MAX_SIDE}"
            found["size"] = f"dataset.size must be {expected}, got {spec['size']!r}"
        if not isinstance(spec["grayscale"], bool):
            found["grayscale"] = f"dataset.grayscale must be a bool, got {spec['grayscale']!r}"
        return found

    def survey(self, spec: Mapping[str, Any], data_dir: Path | None = None) -> Survey:
        """Count pictures by their names."""
        train, test = _list(_root(spec["path"], data_dir))
        images = len(train.paths)
        held_out = len(test.paths) if test else _held_out(images)
        height, width = spec["size"]
        return Survey(
            (height, width, 1 if spec["grayscale"] else 3),
            train.names,
            images if test else images - held_out,
            held_out,
        )

    def read(self, spec: Mapping[str, Any], data_dir: Path | None = None) -> Raw:
        """Read and resize every picture."""
        train, test = _list(_root(spec["path"], data_dir))
        names = train.names
        height, width = spec["size"]
        paths = train.paths + (test.paths if test else [])
        needed = len(paths) * height * width * (1 if spec["grayscale"] else 3)
        if needed > MAX_BYTES:
            raise DataError(
                f"{spec['path']}: {len(paths):,} pictures of {height}x{width} need "
                f"{needed / 2**30:.0f} GiB; choose a smaller dataset.size"
            )
        images, own = read_pictures(paths, (height, width), spec["grayscale"])
        if train.unlabelled:
            _refuse_tiny(paths, own, (height, width))
        notes = _notes(images, own, (height, width), train.others + (test.others if test else []))
        targets = _targets(train, tuple(train.classes))
        if test:
            count = len(targets)
            return Raw(
                Split(images[:count], targets),
                Split(images[count:], _targets(test, tuple(train.classes))),
                names,
                notes,
            )
        held_out = _held_out(len(targets))
        first, second = hold_out(targets, held_out, "folder")
        note = f"there is no test folder: a fixed, stratified {held_out} pictures are held out"
        return Raw(
            Split(images[first], targets[first]),
            Split(images[second], targets[second]),
            names,
            (*notes, note),
        )


def _is_size(size: Any) -> bool:
    return (
        isinstance(size, list | tuple)
        and len(size) == 2
        and all(type(side) is int and 1 <= side <= MAX_SIDE for side in size)
    )


def _held_out(images: int) -> int:
    return max(1, round(TEST_SHARE * images))


def _root(path: str, data_dir: Path | None) -> Path:
    """Find the folder: as it is given, else inside the data folder."""
    tried = [Path(path).expanduser()]
    if data_dir is not None:
        tried.append(Path(data_dir).expanduser() / path)
    for root in tried:
        if root.is_dir():
            return root
    where = " or ".join(str(root) for root in tried)
    raise DataError(f"dataset.path: there is no folder {where}")


def _refuse_tiny(paths: list[Path], own: np.ndarray, size: tuple[int, int]) -> None:
    """Raise DataError, naming the first ones, for pictures far smaller than what is wanted."""
    tiny = np.flatnonzero((own * SHRUNK <= size).any(1))
    if len(tiny):
        first = ", ".join(f"{paths[i]} ({own[i][1]}x{own[i][0]} pixels)" for i in tiny[:3])
        more = f" and {len(tiny) - 3} more" if len(tiny) > 3 else ""
        raise DataError(
            f"too small for dataset.size {size[1]}x{size[0]}: {first}{more}; expected more than "
            f"half of it; leave them out or choose a smaller dataset.size"
        )


def _list(root: Path) -> tuple[_Listing, _Listing | None]:
    """List training and test pictures; None where there is no test folder."""
    if not ((root / "train").is_dir() and (root / "test").is_dir()):
        return _classes(root), None
    train, test = _classes(root / "train"), _classes(root / "test", least=1)
    for name in test.classes:
        if name not in train.classes:
            close = nearest(name, train.classes)
            hint = f"; did you mean {close!r}?" if close else ""
            raise DataError(f"{root / 'test' / name}: no such class in {root / 'train'}{hint}")
    return train, test


def _classes(root: Path, least: int = 2) -> _Listing:
    """List the class folders of `root`, with at least `least` pictures directly in each."""
    classes, others = {}, []
    try:
        if plain := _pictures(root):
            return plain
        for folder in sorted(_visible(root)):
            if not folder.is_dir():
                others.append(folder.name)
                continue
            found = sorted(_visible(folder))
            pictures = [p for p in found if p.suffix.lower() in SUFFIXES and p.is_file()]
            chosen = set(pictures)
            others += [f"{folder.name}/{p.name}" for p in found if p not in chosen]
            if len(pictures) < least:
                raise DataError(
                    f"{folder}: {len(pictures)} picture(s), a class needs at least {least} "
                    f"(kinds read: {', '.join(SUFFIXES)})"
                )
            classes[folder.name] = pictures
    except OSError as error:
        raise DataError(f"{error.filename}: cannot be read ({error.strerror})") from error
    if len(classes) < least:
        raise DataError(
            f"{root}: {len(classes)} class folder(s) of pictures, at least {least} expected"
        )
    return _Listing(classes, others)


def _pictures(root: Path) -> _Listing | None:
    """The pictures of a folder that has some and no folders inside; None for any other."""
    found = sorted(_visible(root))
    pictures = [p for p in found if p.suffix.lower() in SUFFIXES and p.is_file()]
    if not pictures or any(p.is_dir() for p in found):
        return None
    return _Listing({UNLABELLED: pictures}, [p.name for p in found if p not in set(pictures)])


def _visible(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if not path.name.startswith(".")]


def _targets(listing: _Listing, names: tuple[str, ...]) -> np.ndarray:
    counts = [len(listing.classes.get(name, ())) for name in names]
    return np.repeat(np.arange(len(names), dtype=np.int64), counts)


def _notes(
    images: np.ndarray, own: np.ndarray, size: tuple[int, int], others: list[str]
) -> tuple[str, ...]:
    """Say in words what was done to the pictures."""
    notes = []
    height, width = size
    resized = int((own != size).any(1).sum())
    if resized:
        shape = own[:, 0] * width / (own[:, 1] * height)
        stretched = int((np.abs(np.log(shape)) > 0.02).sum())
        extra = f", {stretched} of them stretched to another shape" if stretched else ""
        notes.append(f"{resized} of {len(own)} pictures were resized to {height}x{width}{extra}")
    copies = len(images) - len({image.tobytes() for image in images})
    if copies:
        notes.append(f"{copies} pictures are copies of others and may be on both sides of a split")
    if others:
        notes.append(
            f"{len(others)} other files or folders were left out (first: {visible(others[0])})"
        )
    return tuple(notes)


ENTRIES.add("folder")(
    Folder(
        name="folder",
        title="your own pictures: {name: folder, path: DIR}, in class folders or all in one",
        licence="yours",
        citation="yours",
        options={"path": None, "size": [32, 32], "grayscale": False},
    )
)
