"""Names of studies and scales, which must be valid file names on every system."""

from __future__ import annotations

from assay.core.config import Entry

__all__ = ["read_name", "read_scale_name"]

MOST = 100
"""Maximum length of a name in bytes: with a scale and an ending it must fit into 255 bytes."""

_RESERVED = {"con", "prn", "aux", "nul"} | {
    f"{d}{i}" for d in ("com", "lpt") for i in "0123456789¹²³"
}
"""Names that Windows reserves for devices, with any ending."""


def read_name(entry: Entry) -> str:
    """Read the name of a study.

    Raises:
        ConfigError: it is not a valid file name on every system, or needs quotes on a command line.
    """
    plain = isinstance(entry.value, (str, int)) and not isinstance(entry.value, bool)
    name = str(entry.value) if plain else ""
    said = _wrong(name)
    if said:
        raise entry.expected(said)
    return name


def read_scale_name(entry: Entry, name: str) -> None:
    """Raise ConfigError, at the key, unless the name is valid for a scale."""
    if said := _wrong(name):
        raise entry.error(f"a scale's name must be {said}, got {name!r}"[:300], key=True)


def _wrong(name: str) -> str:
    """Return what is wrong with a name; "" for a valid one."""
    if not name or not all(c.isalnum() or c in "-_." for c in name) or not name[0].isalnum():
        return "a name of letters, digits, '-', '_' and '.'"
    if name.endswith("."):
        return "a name that does not end with '.'"
    if len(name.encode()) > MOST:
        return f"a name of at most {MOST} bytes"
    if name.partition(".")[0].lower() in _RESERVED:
        return "a name that is not reserved for a device on Windows"
    return ""
