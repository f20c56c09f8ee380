"""Downloads with resume, several mirrors and checksums."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import IO

from assay.core.errors import DataError
from assay.data.catalog import ENTRIES, File
from assay.data.storage import download_dir, how_to_get, search, sha256, verify

try:
    import fcntl
except ImportError:  # Windows, where concurrent downloads of one file are not locked
    fcntl = None  # type: ignore[assignment]

__all__ = ["Progress", "fetch", "get"]

Progress = Callable[[str, int, int], None]
"""Called with a file's name, the number of bytes received and the total."""

TIMEOUT = (10, 30)
"""Seconds to wait for a connection and for the next bytes."""
ATTEMPTS = 3
"""Number of consecutive empty responses before the next mirror is tried."""
CHUNK = 1 << 16


class _Failed(Exception):
    """One mirror failed; the next one is tried."""


class _Wrong(_Failed):
    """The download is complete, but differs from the published file."""


def get(name: str, data_dir: Path | None = None, progress: Progress | None = None) -> Path | None:
    """Download the missing files of a dataset, and check all of them.

    Args:
        name: a dataset of the catalog.
        data_dir: a folder that may contain the files; next, env ASSAY_DATA is searched.
        progress: called for every chunk that arrives.

    Returns:
        The folder of the files; None for a dataset that needs none (embedded, or the user's own).

    Raises:
        ConfigError: there is no such dataset.
        DataError: no mirror delivers the published file (the message says what each one did), no
            address is known, or existing files are damaged.
    """
    entry = ENTRIES[name]
    if not entry.sources:
        return None
    target = download_dir(entry)
    try:
        source, found = search(entry, data_dir)
    except DataError:
        pass
    else:
        folder = next(iter(found.values())).parent
        if folder != target:  # files of the user: check them, never change them
            for file in source.files:
                verify(found[file.name], file)
            return folder
    source = next((source for source in entry.sources if source.mirrors), None)
    if source is None:
        raise DataError(f"{name}: {how_to_get(entry)}")
    for file in source.files:
        fetch(file, source.mirrors, target, progress)
    return target


def fetch(
    file: File, mirrors: tuple[str, ...], folder: Path, progress: Progress | None = None
) -> Path:
    """Download one file into `folder` unless it exists there with the right checksum.

    A partial download is kept as `NAME.part` and resumed by the next call; the file gets its name
    only after size and SHA-256 have been checked.

    Raises:
        DataError: no mirror delivers it, or the disk is full.
    """
    target = folder / file.name
    reasons = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if target.exists():
            try:
                verify(target, file)
                return target
            except DataError:
                target.unlink()
        for mirror in mirrors:
            try:
                _download(mirror + file.name, file, target, progress or (lambda *_: None))
                return target
            except _Failed as failure:
                reasons.append(f"\n  {mirror}{file.name}: {failure}")
    except OSError as error:
        raise DataError(f"{target}: cannot be written ({error.strerror or error})") from error
    raise DataError(f"{file.name} could not be downloaded:{''.join(reasons)}")


def _download(url: str, file: File, target: Path, progress: Progress) -> None:
    """Get `file` from one address, or raise _Failed."""
    part = target.with_name(f"{target.name}.part")
    with open(part, "ab") as output:
        if fcntl is not None:
            fcntl.flock(output, fcntl.LOCK_EX)  # another process may be downloading it: wait for it
        if target.exists():
            part.unlink(missing_ok=True)
            return
        resumed = output.tell() > 0
        try:
            _complete(url, file, output, progress)
        except _Wrong:
            if not resumed:
                raise
            # the old part may have been damaged: download once more from the start
            _complete(url, file, output, progress)
        os.fsync(output.fileno())
        if fcntl is not None:  # while the lock is held
            os.replace(part, target)
            return
    os.replace(part, target)  # Windows cannot rename an open file


def _complete(url: str, file: File, output: IO[bytes], progress: Progress) -> None:
    """Append to `output` until `file` is complete; truncate it if the checksum is wrong."""
    stalled, best = 0, output.tell()
    while output.tell() < file.bytes:
        reason = _continue(url, file, output, progress)
        stalled = 0 if output.tell() > best else stalled + 1
        best = max(best, output.tell())
        if stalled == ATTEMPTS:
            raise _Failed(reason)
    found = sha256(Path(output.name)) if output.tell() == file.bytes else "rejected: too long"
    if found != file.sha256:
        _empty(output)
        raise _Wrong(f"wrong content (sha256 {found}, expected {file.sha256})")


def _continue(url: str, file: File, output: IO[bytes], progress: Progress) -> str:
    """Append the content of one response; return why it ended."""
    import requests
    import urllib3

    # the raw bytes: a server may declare .gz as a transfer encoding
    headers = {"Accept-Encoding": "identity"}
    if done := output.tell():
        headers["Range"] = f"bytes={done}-"
    try:
        with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT) as response:
            if response.status_code == 206:
                start = response.headers.get("Content-Range", "").partition("-")[0]
                if start != f"bytes {done}":
                    raise _Failed(f"continued at {start!r} instead of 'bytes {done}'")
            elif response.status_code in (200, 416):  # from the start, now or next time
                _empty(output)
                done = 0
            if response.status_code not in (200, 206):
                return f"HTTP {response.status_code} {response.reason}"
            for chunk in response.raw.stream(CHUNK, decode_content=False):
                output.write(chunk)
                done += len(chunk)
                progress(file.name, done, file.bytes)
                if done > file.bytes:
                    break
            return f"stopped after {done:,} of {file.bytes:,} bytes"
    except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
        return _brief(error)
    finally:
        output.flush()
        output.seek(0, os.SEEK_END)


def _empty(output: IO[bytes]) -> None:
    output.seek(0)
    output.truncate()


def _brief(error: Exception) -> str:
    reason = getattr(error.args[0], "reason", error.args[0]) if error.args else error
    return f"{type(error).__name__}: {reason}"
