"""Arrays in the user's own .npy and .npz files."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from assay.core.array_file import array_names, map_array, read_arrays
from assay.core.errors import DataError, did_you_mean, nearest
from assay.core.records import Spec
from assay.data.own_content import ROLES, Content, converted, roles_of
from assay.data.pictures import printable

__all__ = ["KEYS", "content_of_files", "state_of"]

KEYS = {
    "images": "arrays",
    "labels": "labels",
    "test_images": "test_images",
    "test_labels": "test_labels",
}
"""Role of an array -> the setting of `dataset:` with its file."""

MOST = 8 << 30
"""Maximum size of an array in a .npz file in bytes."""

_UNPACKED = 1032
"""Maximum ratio of unpacked to compressed size of a file."""

_MEMBER = re.compile(r"(?P<file>.*\.npz):(?P<name>[^:/\\]+)", re.IGNORECASE | re.DOTALL)


def content_of_files(spec: Spec, folders: Sequence[Path]) -> Content:
    """Read and convert the arrays that a specification names.

    Args:
        spec: keys `arrays`, `labels`, `test_images`, `test_labels`, `data_format`. A value is
            `FILE.npy`, `FILE.npz` or `FILE.npz:NAME`.
        folders: folders to search for relative names, before the current folder.

    Raises:
        DataError: a file cannot be read or used; the message begins with `dataset.KEY: `.
    """
    roles: dict[str, Any] = {}
    words = {role: f"dataset.{key}: the {role.replace('_', ' ')}" for role, key in KEYS.items()}
    notes: list[str] = []
    for role, (path, name) in _files(spec, folders).items():
        key = KEYS[role]
        if path.suffix.lower() == ".npy":
            roles[role] = _read(key, path, None)
        elif name is None and role == "images":
            found, others = roles_of(_names(key, path))
            if role not in found:
                said = f"has the arrays {', '.join(others) or 'none'}"
                expected = ", ".join(ROLES["images"])
                raise DataError(
                    f"dataset.{key}: {printable(path)} {said}, expected one of: {expected}; or "
                    f"select one: {path.name}:NAME"
                )
            for other, name in found.items():
                if spec.get(KEYS[other]) is None or other == role:
                    roles[other] = _read(key, path, name)
            if others:
                notes.append(
                    f"{path.name} has other arrays, which were ignored: {', '.join(others)}"
                )
        else:
            roles[role] = _read(key, path, name or _only(key, path, role))
    return converted(roles, words, spec.get("data_format"), None, notes)


def state_of(spec: Spec, folders: Sequence[Path]) -> str:
    """Return a value that shows whether the files of a specification have changed."""
    states = []
    for role, (path, name) in _files(spec, folders).items():
        status = path.stat()
        facts = (status.st_size, status.st_mtime_ns, status.st_ino, status.st_ctime_ns)
        states.append(f"{role} {path.resolve()} {name} {facts}")
    return "|".join([*states, str(spec.get("data_format"))])


def _files(spec: Spec, folders: Sequence[Path]) -> dict[str, tuple[Path, str | None]]:
    """Return role -> its file and the name of the array in it."""
    return {
        role: _find(key, str(spec[key]), folders)
        for role, key in KEYS.items()
        if spec.get(key) is not None
    }


def _find(key: str, text: str, folders: Sequence[Path]) -> tuple[Path, str | None]:
    """Find a file beside the study, in the data folder or in the current folder."""
    member = _MEMBER.fullmatch(text)
    given = Path(member["file"] if member else text).expanduser()
    if given.suffix.lower() not in (".npy", ".npz"):
        said = f"must be a .npy or .npz file, got {printable(text)!r}"
        raise DataError(f"dataset.{key}: {said}")
    tried = list(dict.fromkeys([*(folder / given for folder in folders), given]))
    for path in tried:
        try:
            if path.is_file():
                return path, member["name"] if member else None
        except (OSError, ValueError) as error:
            raise DataError(f"dataset.{key}: {printable(path)}: {_said(error)}") from None
    if there := next((path for path in tried if path.exists()), None):
        what = "a folder" if there.is_dir() else "not a regular file"
        raise DataError(f"dataset.{key}: {printable(there)} is {what}, expected an array file")
    close = nearest(given.name, _beside(tried))
    hint = did_you_mean(printable(close) if close else None)
    where = " or ".join(printable(path) for path in tried)
    raise DataError(f"dataset.{key}: there is no file {where}{hint}")


def _beside(tried: Sequence[Path]) -> list[str]:
    """Return the names of the array files in the searched folders."""
    names = []
    for folder in {path.parent for path in tried}:
        try:
            names += [p.name for p in folder.iterdir() if p.suffix.lower() in (".npy", ".npz")]
        except OSError:
            continue
    return names


def _names(key: str, path: Path) -> list[str]:
    try:
        return array_names(path)
    except (OSError, ValueError) as error:
        raise DataError(f"dataset.{key}: {printable(path)}: {_said(error)}") from None


def _only(key: str, path: Path, role: str) -> str:
    """Return the array of a .npz file if its name is not given."""
    names = _names(key, path)
    base = role.removeprefix("test_")
    for known in (ROLES[role], ROLES[base]):
        for name in known:
            if name in names:
                return name
    if len(names) == 1:
        return names[0]
    said = f"has the arrays {', '.join(names) or 'none'}"
    raise DataError(f"dataset.{key}: {printable(path)} {said}; select one: {path.name}:NAME")


def _read(key: str, path: Path, name: str | None) -> np.ndarray:
    """Read an array of numbers or text, never Python objects."""
    try:
        if name is None:
            return map_array(path, text=True)
        most = min(MOST, _UNPACKED * path.stat().st_size)
        return read_arrays(path, name, most=most, text=True)[0]
    except MemoryError:
        raise DataError(f"dataset.{key}: {printable(path)}: not enough memory to read it") from None
    except (OSError, ValueError) as error:
        raise DataError(f"dataset.{key}: {printable(path)}: {_said(error)}") from None


def _said(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)
