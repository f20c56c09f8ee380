"""Locations of the store, of the datasets and of files to write."""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from pathlib import Path

from assay.core.errors import ConfigError, StoreError
from assay.core.files import make_folder, part_of

__all__ = ["HTML", "check_ending", "check_report", "data_folder", "nothing_stored", "store_folder"]


HTML = (".html", ".htm")
"""Endings of a report."""


def store_folder(given: str | Path | None = None) -> Path:
    """Return the folder of records: the one given, or env ASSAY_STORE, or ./assay-store.

    Raises:
        ConfigError: the given name is empty.
    """
    return (_named("store", given, "ASSAY_STORE") or Path("assay-store")).expanduser()


def nothing_stored(store: Path) -> bool:
    """Whether a folder of records is not there yet, or still empty."""
    try:
        with os.scandir(store) as entries:
            return not any(entries)
    except FileNotFoundError:
        return True
    except OSError:  # opening it says what is wrong
        return False


def data_folder(given: str | Path | None = None) -> Path | None:
    """Return the folder with the datasets: the one given, or env ASSAY_DATA, or None.

    Raises:
        ConfigError: the given name is empty.
    """
    named = _named("data_dir", given, "ASSAY_DATA")
    return named.expanduser() if named else None


def _named(name: str, given: str | Path | None, variable: str) -> Path | None:
    if given == "":
        raise ConfigError(f"{name} must name a folder, got ''; None is the default")
    named = given if given is not None else os.environ.get(variable)
    return Path(named) if named else None


def check_ending(option: str, path: Path, endings: Sequence[str], because: str = "") -> None:
    """Raise ConfigError unless the name of a file to write ends in one of `endings`.

    So nothing is written over a study, a table or a script that someone named by mistake.

    Args:
        because: why no other ending is possible, for the message.
    """
    if path.suffix.lower() not in endings:
        expected = " or ".join(filter(None, (", ".join(endings[:-1]), endings[-1])))
        if path.name.lower() in endings:
            expected += " and has something before it"
        raise ConfigError(f"{option} {path}: expected a name that ends in {expected}{because}")


def check_report(path: Path) -> None:
    """Raise StoreError unless a report can be written there; an existing one is not touched."""
    trial = part_of(path) if path.name else path
    try:
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        make_folder(path.parent)
        trial.touch()
        trial.unlink()
    except OSError as error:
        raise StoreError(f"cannot write the report {str(path)!r}: {error.strerror}") from None
