"""Identity of the user's own data: of files that a dataset reads by their path, and of arrays in
Python, both of which may change.

A planned run contains the digest of their content (`fingerprint`): other pictures in the same
folder are other data, and their runs have other names.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path

from assay.core.config import Entry, Option
from assay.core.errors import DataError
from assay.core.files import write_whole
from assay.core.records import Spec
from assay.data.catalog import ENTRIES, DatasetEntry
from assay.data.storage import cache_dir, sha256

__all__ = [
    "FINGERPRINT",
    "check_unchanged",
    "digest_of_files",
    "fingerprint_option",
    "identified",
    "identities",
    "of_files",
    "read_once",
]

FINGERPRINT = "fingerprint"
"""Key of a specification with the identity of the user's own data."""

_HEX = set("0123456789abcdef")

_IDENTITIES: ContextVar[dict[str, str] | None] = ContextVar("identities", default=None)


@contextmanager
def read_once(known: dict[str, str] | None = None) -> Iterator[None]:
    """Within this context, data in Python is converted and identified once: all trials of a study
    train on the same images, whatever a function returns when it is called again.

    Args:
        known: the identities, which outlive the context; those of the context around by default.
    """
    if known is None:
        known = identities()
    token = _IDENTITIES.set(known)
    try:
        yield
    finally:
        _IDENTITIES.reset(token)


def identities() -> dict[str, str]:
    """Return the identities that are known in this context; outside of any, nothing is."""
    known = _IDENTITIES.get()
    return {} if known is None else known


def identified(spec: Spec, data_dir: Path | None = None) -> Spec:
    """Return a resolved specification with the digest of the user's own files, if it reads any.

    Files that are missing are reported by whoever reads them.
    """
    if FINGERPRINT in spec:
        return spec
    with suppress(DataError):
        if files := ENTRIES[spec["name"]].own_files(spec, data_dir):
            return {**spec, FINGERPRINT: digest_of_files(files)}
    return spec


def check_unchanged(spec: Spec, data_dir: Path | None = None) -> None:
    """Require the files that a specification was planned with.

    Raises:
        DataError: their content has changed, or they are not there.
    """
    if FINGERPRINT not in spec:
        return
    files = ENTRIES[spec["name"]].own_files(spec, data_dir)
    if files and (found := digest_of_files(files)) != spec[FINGERPRINT]:
        raise DataError(
            f"the files of dataset {spec['name']} have changed since these runs were planned: "
            f"their fingerprint is {found}, expected {spec[FINGERPRINT]}; the same command again "
            "trains with the new files"
        )


def digest_of_files(files: Mapping[str, Path]) -> str:
    """Return 16 hexadecimal digits that depend on the name and the content of every file.

    The files are read once, and again when one of them has changed. That one cannot be read is part
    of its content, because a dataset may leave it out.
    """
    names = sorted(files)
    state, content = hashlib.sha256(), hashlib.sha256()
    for name in names:
        facts: tuple[int, ...] = ()
        with suppress(OSError):
            found = files[name].stat()
            facts = (found.st_size, found.st_mtime_ns, found.st_ino, found.st_ctime_ns)
        state.update(os.fsencode(f"{name}|{files[name].resolve()}|{facts}\n"))
    memo = cache_dir() / "digests" / state.hexdigest()
    with suppress(OSError):
        return memo.read_text(encoding="ascii")
    for name in names:
        held = "unreadable"
        with suppress(DataError):
            held = sha256(files[name])
        content.update(os.fsencode(f"{name}|{held}\n"))
    digest = content.hexdigest()[:16]
    with suppress(OSError):  # without a cache they are only read again
        memo.parent.mkdir(parents=True, exist_ok=True)
        write_whole(memo, digest.encode())
    return digest


def _read(entry: Entry) -> str:
    if not isinstance(entry.value, str) or not entry.value or not _HEX.issuperset(entry.value):
        raise entry.expected("hexadecimal digits")
    return entry.value


def fingerprint_option(help: str) -> Option:
    """Return the declaration of the key, which users do not write."""
    return Option(
        _read,
        None,
        help,
        {"type": "string", "pattern": "^[0-9a-f]*$"},
        "hexadecimal digits",
        "0123456789abcdef",
    )


def of_files(entry: DatasetEntry) -> dict[str, Option]:
    """Return the further key of a dataset that reads the user's own files by their path."""
    if type(entry).own_files is DatasetEntry.own_files:
        return {}
    help = "Digest of the files' content, which assay adds: other files make other runs."
    return {FINGERPRINT: fingerprint_option(help)}
