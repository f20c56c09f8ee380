"""Search for dataset files, and verification of their checksums."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import platformdirs
from filelock import FileLock

from assay.core.digests import Unsound, seal, unseal
from assay.core.errors import DataError
from assay.core.files import open_file, written_whole
from assay.data.catalog import ENTRIES, DatasetEntry, DatasetSource, File

__all__ = [
    "cache_dir",
    "download_dir",
    "find",
    "fitted_once",
    "how_to_get",
    "keep_arrays",
    "kept_arrays",
    "locate",
    "once",
    "places",
    "save_array",
    "search",
    "sha256",
    "verify",
]


def cache_dir() -> Path:
    """Return the folder for downloads: env ASSAY_CACHE, or the user's cache folder."""
    given = os.environ.get("ASSAY_CACHE")
    if given:
        return Path(given).expanduser()
    return platformdirs.user_cache_path("assay", appauthor=False)


def download_dir(entry: DatasetEntry) -> Path:
    """Return the folder into which `entry` is downloaded."""
    return cache_dir() / "data" / entry.name


def places(entry: DatasetEntry, data_dir: Path | None = None) -> Iterator[Path]:
    """Yield the folders that may hold the files of `entry`, in the order of search."""
    from_env = os.environ.get("ASSAY_DATA")
    for root in (data_dir, Path(from_env) if from_env else None):
        if root is not None:
            yield from (Path(root).expanduser() / name for name in entry.folders)
            yield Path(root).expanduser()
    yield download_dir(entry)


def search(
    entry: DatasetEntry, data_dir: Path | None = None
) -> tuple[DatasetSource, dict[str, Path]]:
    """Find a complete set of files by name, without reading them.

    Returns:
        The source that was found and the path of each of its files by name.

    Raises:
        DataError: there is none; the message says where it looked and what was missing.
    """
    looked, incomplete = [], []
    for folder in dict.fromkeys(places(entry, data_dir)):
        looked.append(str(folder))
        for source in entry.sources:
            found = {f.name: folder / f.name for f in source.files if (folder / f.name).is_file()}
            if not found or _belongs_elsewhere(entry, source, found):
                continue
            missing = [f.name for f in source.files if f.name not in found]
            if not missing:
                return source, found
            incomplete.append(f"{folder} has {len(found)} of its files, but no {missing[0]}")
    reasons = "".join(f"\n  {text}" for text in incomplete)
    raise DataError(
        f"dataset {entry.name!r} was not found; looked in {', '.join(looked)}{reasons}\n"
        f"{how_to_get(entry)}"
    )


def how_to_get(entry: DatasetEntry) -> str:
    """Say how to get the files of `entry`."""
    if any(source.mirrors for source in entry.sources):
        return f"download it with: assay data get {entry.name}"
    wanted = " and ".join(file.name for file in entry.sources[0].files)
    return (
        f"there is no download address; put {wanted} into {download_dir(entry)}, or into "
        f"{entry.folders[0]} in the folder that --data names, or read your own pictures with "
        "{name: folder, path: DIR}"
    )


def find(name: str, data_dir: Path | None = None) -> Path | None:
    """Return the folder with all files of dataset `name`, without reading them; None if there is
    none.

    Datasets without files (embedded, or the user's own) have none.
    """
    try:
        _, found = search(ENTRIES[name], data_dir)
    except DataError:
        return None
    return next(iter(found.values())).parent


def locate(
    entry: DatasetEntry, data_dir: Path | None = None
) -> tuple[DatasetSource, dict[str, Path]]:
    """Find a complete set of files and check that they are the published ones.

    Raises:
        DataError: as for `search`, or a file differs from the published one.
    """
    source, found = search(entry, data_dir)
    for file in source.files:
        verify(found[file.name], file)
    return source, found


def _belongs_elsewhere(entry: DatasetEntry, source: DatasetSource, found: dict[str, Path]) -> bool:
    """Whether these files are another dataset's (MNIST and Fashion-MNIST share their names)."""
    size = {f.name: f.bytes for f in source.files}
    for name, path in found.items():
        if path.stat().st_size == size[name]:
            continue
        for other in (ENTRIES[n] for n in ENTRIES if n != entry.name):
            files = [f for s in other.sources for f in s.files if f.name == name]
            if any(f.bytes == path.stat().st_size for f in files):
                return True
    return False


def verify(path: Path, file: File) -> None:
    """Check size and SHA-256; the result is cached until the file changes.

    Raises:
        DataError: `path` differs from the published file.
    """
    status = path.stat()
    advice = "delete it and download it again"
    if status.st_size != file.bytes:
        raise DataError(
            f"{path}: {status.st_size:,} bytes, expected {file.bytes:,} (truncated?); {advice}"
        )
    identity = f"{path.resolve()}|{status.st_size}|{status.st_mtime_ns}|{file.sha256}"
    with once(identity) as unknown:
        if unknown and (found := sha256(path)) != file.sha256:
            raise DataError(
                f"{path}: wrong checksum: sha256 is {found}, expected {file.sha256}; {advice}"
            )


@contextmanager
def once(identity: str) -> Iterator[bool]:
    """Yield whether something must be checked; success of the block is cached.

    Args:
        identity: what is checked, and its state; any change requires a new check.
    """
    verdict = cache_dir() / "verified" / hashlib.sha256(os.fsencode(identity)).hexdigest()
    unknown = not verdict.exists()
    yield unknown
    if unknown:
        try:
            verdict.parent.mkdir(parents=True, exist_ok=True)
            verdict.touch()
        except OSError:
            pass  # without a cache, the check is only repeated


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal."""
    try:
        with open_file(path) as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from error


def save_array(path: Path, array: np.ndarray) -> None:
    """Write a .npy file atomically.

    Raises:
        OSError: it cannot be written; then there is nothing of it.
    """
    with written_whole(path) as part, open(part, "wb") as stream:
        np.save(stream, array, allow_pickle=False)


def keep_arrays(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write arrays to a file of the cache with their digest, atomically.

    If the disk is full, nothing is written.
    """
    with suppress(OSError), written_whole(path) as part:
        part.write_bytes(seal({k: np.ascontiguousarray(v) for k, v in arrays.items()}))


def fitted_once(
    kind: str, key: str, images: np.ndarray, fit: Callable[[], dict[str, np.ndarray]]
) -> dict[str, np.ndarray]:
    """Return what was fitted on images, cached by them: computed by the first process that needs
    it, while others wait.

    Args:
        kind: its folder in the cache.
        key: version and settings of the computation.
    """
    digest = hashlib.sha256(f"{key}{images.shape}{images.dtype}".encode())
    digest.update(np.ascontiguousarray(images).data)
    path = cache_dir() / kind / f"{digest.hexdigest()[:24]}.safetensors"
    lock = FileLock(path.with_suffix(".lock"))
    with suppress(OSError, NotImplementedError):  # without a cache, each process fits
        path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    try:
        kept = kept_arrays(path)
        if kept is None:
            kept = fit()
            keep_arrays(path, kept)
    finally:
        lock.release()
    return kept


def kept_arrays(path: Path) -> dict[str, np.ndarray] | None:
    """Return what `keep_arrays` wrote; None if it is missing or damaged."""
    try:
        return unseal(path.read_bytes())
    except (OSError, Unsound):
        return None
