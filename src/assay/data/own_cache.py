"""Cache of the user's own arrays for worker processes, in folders named by their content.

The name is the digest of the content, which is verified on reading. Folders are written atomically,
and removed if unused for a month.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import numpy as np

from assay.core.array_file import map_array
from assay.core.digests import digest
from assay.core.errors import DataError
from assay.data.dataset import Split
from assay.data.loading import fingerprint
from assay.data.own_content import Content
from assay.data.storage import cache_dir

__all__ = ["identity", "is_kept", "keep", "kept"]

UNUSED_SECONDS = 30 * 24 * 3600.0
"""Seconds after which unused arrays are removed."""

_ARRAYS = ("images", "targets", "test_images", "test_targets")
_ABOUT = "about.json"


def identity(content: Content) -> str:
    """Return 16 hexadecimal digits that depend on every image, label and class."""
    parts = [Split(content.images, content.targets)]
    if content.test_images is not None and content.test_targets is not None:
        parts.append(Split(content.test_images, content.test_targets))
    return digest("arrays", json.dumps(content.class_names), fingerprint(*parts))[:16]


def keep(content: Content) -> str:
    """Write arrays to the cache, where workers find them, and return their identity.

    Raises:
        DataError: the folder cannot be written.
    """
    name = identity(content)
    target = _folder(name)
    try:
        if _sound(name) is not None:
            return name
        target.parent.mkdir(parents=True, exist_ok=True)
        _remove_unused(target.parent)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".part-") as temporary:
            _write(Path(temporary) / name, content)
            with suppress(OSError):  # another process was faster
                os.rename(Path(temporary) / name, target)
    except OSError as error:
        raise DataError(
            f"arrays for the workers cannot be stored in {error.filename or target}: "
            f"{error.strerror}; set ASSAY_CACHE to another folder"
        ) from None
    return name


def is_kept(name: str) -> bool:
    """Whether arrays of this identity are cached; they are verified on reading."""
    return (_folder(name) / _ABOUT).is_file()


def kept(name: str, verified: bool = True) -> Content | None:
    """Return the cached arrays of an identity, mapped into memory; None if there are none.

    Args:
        verified: read all of them and check their identity.

    Raises:
        DataError: they are damaged; they are then removed, so that they are converted again.
    """
    if not is_kept(name):
        return None
    content = _sound(name) if verified else _load(name)
    if content is None:
        raise DataError(
            f"{_folder(name)} was damaged and has been removed; run the same command again"
        )
    return content


def _sound(name: str) -> Content | None:
    """Return the arrays if they match their name; otherwise remove them."""
    content = _load(name)
    if content is not None and identity(content) == name:
        with suppress(OSError):  # another user's cache may be read-only
            os.utime(_folder(name) / _ABOUT)
        return content
    shutil.rmtree(_folder(name), ignore_errors=True)
    return None


def _load(name: str) -> Content | None:
    folder = _folder(name)
    try:
        about = json.loads((folder / _ABOUT).read_text(encoding="utf-8"))
        arrays = {key: map_array(folder / f"{key}.npy") for key in about["arrays"]}
        names, notes = (tuple(map(str, about[key])) for key in ("class_names", "notes"))
        return Content(**arrays, class_names=names, notes=notes)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _write(folder: Path, content: Content) -> None:
    folder.mkdir()
    arrays = {key: getattr(content, key) for key in _ARRAYS}
    there = [key for key, array in arrays.items() if array is not None]
    for key in there:
        with open(folder / f"{key}.npy", "wb") as stream:
            np.lib.format.write_array(stream, np.ascontiguousarray(arrays[key]), allow_pickle=False)
    about = {"arrays": there, "class_names": content.class_names, "notes": content.notes}
    (folder / _ABOUT).write_text(json.dumps(about), encoding="utf-8")


def _remove_unused(root: Path) -> None:
    """Remove arrays that are no longer used, and remains of killed processes."""
    limit = time.time() - UNUSED_SECONDS
    for folder in root.iterdir():
        about = folder / _ABOUT
        with suppress(OSError):
            if (about if about.exists() else folder).stat().st_mtime < limit:
                shutil.rmtree(folder, ignore_errors=True)


def _folder(name: str) -> Path:
    return cache_dir() / "arrays" / name
