"""Errors that users may see.

A message says what was received, where, what was expected and the nearest valid name. The command
line prints it and exits with status 2. Any other exception that reaches a user is a bug in assay.
"""

from __future__ import annotations

import difflib
import errno
from collections.abc import Iterable

__all__ = [
    "did_you_mean",
    "AssayError",
    "CodeChangedError",
    "ConfigError",
    "DataError",
    "EngineError",
    "MissingExtraError",
    "NO_BUG",
    "NetworkError",
    "StoreError",
    "StudyDetached",
    "StudyInterrupted",
    "brief",
    "install_extra",
    "nearest",
    "unknown_name",
]


NO_BUG = {
    getattr(errno, name)
    for name in (
        "EACCES",
        "EPERM",
        "EROFS",
        "ENOSPC",
        "EDQUOT",
        "ENAMETOOLONG",
        "ELOOP",
        "EIO",
        "EEXIST",
        "ENOTDIR",
        "EISDIR",
    )
    if hasattr(errno, name)
}
"""What a system refuses: rights, a full disk, an impossible path."""


class AssayError(Exception):
    """Base class of all errors that assay raises.

    Errors about invalid input are a ValueError as well, as in scikit-learn.
    """

    def __reduce__(self) -> tuple[object, ...]:
        # processes of joblib and concurrent.futures send errors to each other; by itself, Python
        # would call __init__ with the finished message alone
        return _unpickled, (type(self), self.args), self.__dict__


def _unpickled(kind: type[AssayError], args: tuple[object, ...]) -> AssayError:
    error = kind.__new__(kind, *args)
    error.args = args
    return error


class ConfigError(AssayError, ValueError):
    """A study file, a setting or an argument is invalid."""


class CodeChangedError(ConfigError):
    """A file of code is no longer what this process has loaded; nothing can be trained until it
    starts again."""

    def __init__(self, file: object):
        super().__init__(
            f"{file} has changed since this process has loaded it, and its parts are still the "
            "earlier ones; start it again"
        )


class DataError(AssayError, ValueError):
    """A dataset is missing, damaged or not what it claims to be."""


class NetworkError(AssayError, ValueError):
    """A network description is impossible, for example because a shape does not fit."""


class EngineError(AssayError, ValueError):
    """An engine cannot run what was requested.

    Attributes:
        setting: dotted name of the setting that it is about, which has a place in a study:
            "training.minutes"; or "device", which has one on the command line.
    """

    def __init__(self, message: str, setting: str = "engine"):
        super().__init__(message)
        self.setting = setting


class StoreError(AssayError):
    """The store cannot be read or written."""


class MissingExtraError(AssayError, ImportError):
    """An optional library is missing; the message names the extra that installs it."""


class StudyInterrupted(AssayError, KeyboardInterrupt):
    """The user stopped a study; finished runs are stored. Exit status 130.

    It is a KeyboardInterrupt too, so that it ends a script as Ctrl-C does.

    Attributes:
        kept: what is saved of unfinished runs, as further lines of the message.
    """

    exit_code = 130

    def __init__(self, message: str, kept: str = ""):
        super().__init__(message + kept)
        self.kept = kept


class StudyDetached(AssayError):
    """A study trains elsewhere without this process; the same command collects its results.

    Exit status 0.
    """

    exit_code = 0


_LONGEST = 100
"""Maximum length of a value in a message, and of a name that is compared with valid ones."""


def brief(text: str) -> str:
    """Return a text for a message, shortened if it is long."""
    return (
        text if len(text) <= _LONGEST else f"{text[: _LONGEST - 20]}... ({len(text):,} characters)"
    )


def install_extra(name: str) -> str:
    """Say how to install an extra of assay, which is not on a package index."""
    return f'install it with ./scripts/setup extras, or pip install -e ".[{name}]" in its folder'


def nearest(name: object, candidates: Iterable[str], cutoff: float = 0.6) -> str | None:
    """Return the candidate most like `name`, or None when nothing is closer than the cutoff."""
    if len(str(name)) > _LONGEST:
        return None
    found = difflib.get_close_matches(str(name), list(candidates), n=1, cutoff=cutoff)
    return found[0] if found else None


def did_you_mean(close: str | None, what: str = "") -> str:
    """The end of a message that suggests a name, after `what` it is; "" for None."""
    return f"; did you mean {what}{close!r}?" if close else ""


def unknown_name(
    kind: str,
    name: object,
    candidates: Iterable[str],
    listed_by: str | None = None,
    *,
    also: Iterable[str] = (),
) -> str:
    """Say that `name` is no `kind`, with the nearest valid name and all of them.

    Args:
        listed_by: a command that lists the valid names, which are too many for a message.
        also: other valid names, which are only suggested.
    """
    valid = sorted(str(c) for c in candidates)
    hint = did_you_mean(nearest(name, [*valid, *also]))
    between = "; " if any(", " in name for name in valid) else ", "
    known = f"`{listed_by}` lists all" if listed_by else f"known: {between.join(valid) or 'none'}"
    return f"unknown {kind} {brief(repr(name))}{hint} ({known})"
