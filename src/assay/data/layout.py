"""Finds the pictures of a folder: class folders, folders of parts, and other files."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from assay.core.errors import DataError, did_you_mean, nearest
from assay.data.pictures import SUFFIXES, printable

__all__ = ["Layout", "Listing", "find_layout", "first_of"]

UNLABELLED = ""
PARTS = {
    "train": ("train", "training"),
    "test": ("test", "testing"),
    "validation": ("val", "valid", "validation"),
}
"""Names of the folders around class folders, in upper or lower case."""

CLUTTER = {"__macosx", "desktop.ini", "ehthumbs.db", "icon\r", "thumbs.db"}
"""Files of operating systems in folders of pictures, apart from hidden ones."""

_FEWEST = 2
_SHOWN = 5


@dataclass(frozen=True)
class Listing:
    """Pictures by class, sorted by name, and ignored files.

    Pictures without classes form one class named "".
    """

    classes: dict[str, list[Path]]
    others: list[str]

    @property
    def paths(self) -> list[Path]:
        """All pictures, class by class."""
        return [path for paths in self.classes.values() for path in paths]

    @property
    def names(self) -> tuple[str, ...]:
        """Return printable class names; empty if there are no classes."""
        return () if self.unlabelled else tuple(printable(name) for name in self.classes)

    @property
    def unlabelled(self) -> bool:
        """Whether these are pictures without classes."""
        return UNLABELLED in self.classes


@dataclass(frozen=True)
class Layout:
    """The pictures of a folder.

    Attributes:
        train: pictures for training and validation; all if there is no test part.
        test: the test pictures; None if there are none.
        others: names of ignored files.
        notes: how the folders were interpreted, in words.
    """

    train: Listing
    test: Listing | None
    others: list[str]
    notes: tuple[str, ...] = ()


def find_layout(root: Path) -> Layout:
    """List the pictures of `root`.

    Raises:
        DataError: classes have too few pictures, or the folder cannot be interpreted.
    """
    try:
        return _layout(root)
    except OSError as error:
        where = printable(str(error.filename or root))
        raise DataError(f"{where}: cannot be read ({error.strerror})") from error


def first_of(names: Iterable[str], separator: str = ", ") -> str:
    """Return the first few, and how many more there are."""
    names = list(names)
    more = f"{separator}and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return separator.join(names[:_SHOWN]) + more


def _layout(root: Path) -> Layout:
    parts = _parts(root)
    train, test = parts.get("train"), parts.get("test") or parts.get("validation")
    if train is None or (test is None and not _around(train)):
        if train is None and test is not None and _around(test):
            raise DataError(f"{printable(test)}: there is no train folder beside it")
        listing = _classes(root)
        return Layout(listing, None, listing.others)
    notes, held_out = (), None
    validation, drawn = parts.get("validation"), f"validation pictures are taken from {train.name}"
    if test is not None and test == validation:
        notes = (f"there is no test folder: the pictures in {test.name} are the test set; {drawn}",)
    elif validation is not None:
        notes = (f"the pictures in {validation.name} are not used: {drawn}",)
    listing = _classes(train)
    if test is not None:
        held_out = _held_out(test, train, listing)
    beside = [path for path in _visible(root) if path not in (train, test)]
    beside.sort(key=lambda path: not path.is_dir())
    others = [*(printable(path.name) for path in beside), *listing.others]
    return Layout(listing, held_out, others + (held_out.others if held_out else []), notes)


def _parts(root: Path) -> dict[str, Path]:
    """Return the folders in `root` that have the name of a part; lower case takes precedence."""
    found: dict[str, Path] = {}
    folders = [path for path in _visible(root) if path.is_dir()]
    for part, names in PARTS.items():
        mine = [path for path in folders if path.name.lower() in names]
        mine.sort(key=lambda path: (names.index(path.name.lower()), not path.name.islower()))
        if mine:
            found[part] = mine[0]
    return found


def _around(folder: Path) -> bool:
    """Whether a folder contains folders and no pictures, so that these may be classes."""
    inside = _visible(folder)
    return any(path.is_dir() for path in inside) and not _pictures(inside)


def _held_out(test: Path, train: Path, listing: Listing) -> Listing:
    """Return the test pictures, whose classes must be classes of the training pictures."""
    found = _classes(test, least=0)
    if found.unlabelled != listing.unlabelled:
        named = {True: "pictures without classes", False: "class folders"}
        raise DataError(
            f"{printable(test)} holds {named[found.unlabelled]}, {printable(train)} "
            f"{named[listing.unlabelled]}; expected the same in both"
        )
    for name in found.classes:
        if name not in listing.classes:
            hint = did_you_mean(nearest(printable(name), listing.names))
            where = printable(test / name)
            raise DataError(f"{where}: this class does not exist in {printable(train)}{hint}")
    return found


def _classes(root: Path, least: int = _FEWEST) -> Listing:
    """List the class folders of `root`, with at least `least` pictures directly in each.

    With 0, folders without pictures are skipped, and at least one must contain some.
    """
    inside = _visible(root)
    plain = _pictures(inside)
    if plain and not any(path.is_dir() for path in inside):
        others = [printable(path.name) for path in inside if path not in set(plain)]
        return Listing({UNLABELLED: plain}, others)
    classes, others, wrong = {}, [], []
    for folder in inside:
        name = printable(folder.name)
        if not folder.is_dir():
            others.append(name)
            continue
        found = _visible(folder)
        pictures = _pictures(found)
        chosen = set(pictures)
        if pictures or least:
            classes[folder.name] = pictures
            others += [f"{name}/{printable(path.name)}" for path in found if path not in chosen]
        else:
            others.append(name)
        if len(pictures) < least:
            deeper = " directly in it" if any(path.is_dir() for path in found) else ""
            wrong.append(f"{printable(folder)}: {len(pictures)} picture(s){deeper}")
    if wrong:
        kinds = f"a class needs at least {least} (kinds read: {', '.join(SUFFIXES)})"
        if len(wrong) == 1:
            raise DataError(f"{wrong[0]}, {kinds}")
        raise DataError(f"{kinds}:\n  {first_of(wrong, f'{chr(10)}  ')}")
    if len(classes) < (expected := max(1, least)):
        hint = "; pictures without classes must be in one folder without subfolders"
        raise DataError(
            f"{printable(root)}: {len(classes)} class folder(s) of pictures, "
            f"at least {expected} expected{hint}"
        )
    return Listing(classes, others)


def _pictures(paths: list[Path]) -> list[Path]:
    return [path for path in paths if path.suffix.lower() in SUFFIXES and path.is_file()]


def _visible(folder: Path) -> list[Path]:
    """List a folder by name, without hidden files and files of operating systems."""
    found = (path for path in folder.iterdir() if path.name.lower() not in CLUTTER)
    return sorted(path for path in found if not path.name.startswith("."))
