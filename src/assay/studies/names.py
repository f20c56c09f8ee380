"""Names of studies and of their scales, which become names of files on every system."""

from __future__ import annotations

from assay.core.config import Entry

__all__ = ["read_name", "read_scale_name"]

MOST = 100
"""Bytes of a name: with a scale and an ending it must fit into a file's name, 255 bytes."""

_RESERVED = {"con", "prn", "aux", "nul"} | {
    f"{d}{i}" for d in ("com", "lpt") for i in "0123456789¹²³"
}
"""Names that Windows keeps for devices, whatever their ending."""


def read_name(entry: Entry) -> str:
    """The name of a study.

    Raises:
        ConfigError: it cannot be a file's name everywhere, or needs quotes on a command line.
    """
    plain = isinstance(entry.value, (str, int)) and not isinstance(entry.value, bool)
    name = str(entry.value) if plain else ""
    said = _wrong(name)
    if said:
        raise entry.expected(said)
    return name


def read_scale_name(entry: Entry, name: str) -> None:
    """Raise ConfigError, at the key, unless a scale may be called so."""
    if said := _wrong(name):
        raise entry.error(f"a scale's name must be {said}, got {name!r}"[:300], key=True)


def _wrong(name: str) -> str:
    """What a name must be and is not; "" for a good one."""
    if not name or not all(c.isalnum() or c in "-_." for c in name) or not name[0].isalnum():
        return "a name of letters, digits, '-', '_' and '.'"
    if name.endswith("."):
        return "a name that does not end with '.'"
    if len(name.encode()) > MOST:
        return f"a name of at most {MOST} bytes"
    if name.partition(".")[0].lower() in _RESERVED:
        return "a name that is not reserved for a device on Windows"
    return ""
