"""How functions are compiled here, and where they are kept.

numba notices a change of the file that a function is in, but not of the files that this one uses,
so the folder's name holds a digest of all of them. Each of its files is written under another name
and renamed: two processes may compile at once. What numba keeps is its own format, read by it
alone.
"""

from __future__ import annotations

import functools
import hashlib
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import llvmlite.binding
import numba

from assay.data.storage import cache_dir

__all__ = ["Piece", "cache_folder", "compiled", "features", "once"]

_CONFIG: Any = numba.config

RELAXED = {"contract", "nsz", "reassoc"}
"""What the compiler may take for true of numbers: sums in any order, a product and a sum as one
operation. It must not take NaN and infinity for impossible, or no run would be seen to diverge."""


@functools.cache
def features() -> frozenset[str]:
    """What the processor can do, as LLVM calls it."""
    return frozenset(k for k, able in llvmlite.binding.get_host_cpu_features().items() if able)


@functools.cache
def cache_folder() -> Path | None:
    """The folder for compiled functions, in that of NUMBA_CACHE_DIR or in the user's cache; None
    where nothing can be kept."""
    digest = hashlib.sha256(numba.__version__.encode())
    for file in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(file.read_bytes())
    name = f"compiled-{digest.hexdigest()[:16]}"
    user = getattr(os, "getuid", lambda: 0)()
    given = [Path(_CONFIG.CACHE_DIR)] if _CONFIG.CACHE_DIR else []
    for parent in (*given, cache_dir(), Path(tempfile.gettempdir()) / f"assay-{user}"):
        folder = parent / name
        with suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            with tempfile.TemporaryFile(dir=folder):
                return folder
    return None


def compiled(function: Callable[..., Any], *, keep: bool = True) -> Any:
    """Compile a function when it is first called, without the GIL, and keep the result."""
    with _kept() as kept:
        settings: dict[str, Any] = {"fastmath": RELAXED, "error_model": "numpy", "nogil": True}
        return numba.njit(cache=kept and keep, **settings)(function)


class Piece:
    """A function that is compiled by itself and called by its address.

    What trains is put together from pieces, so that a change of one, or another number format,
    does not compile all the others again: numba would optimise a whole for each of its parts.

    Args:
        function: takes C pointers and numbers; module-level names only, or it cannot be kept.
        signature: from the number format, as numba calls it, to the types of the arguments.
    """

    def __init__(self, function: Callable[..., Any], signature: Callable[[Any], Any]):
        self._function, self._signature = function, signature
        self.name = function.__name__
        self._made: dict[str, Any] = {}

    def address(self, dtype: str) -> int:
        """Where the compiled function for a number format is."""
        if dtype not in self._made:
            signature = self._signature(getattr(numba.types, dtype))
            settings: dict[str, Any] = {"fastmath": RELAXED, "error_model": "numpy"}
            with _kept() as kept:
                made = numba.cfunc(signature, cache=kept, **settings)(self._function)
            self._made[dtype] = made
        return self._made[dtype].address


@contextmanager
def _kept() -> Iterator[bool]:
    """Let numba keep what is made inside in our folder, if there is one; whether it does."""
    folder, before = cache_folder(), _CONFIG.CACHE_DIR
    _CONFIG.CACHE_DIR = str(folder) if folder else before  # read when a function is made
    try:
        yield folder is not None
    finally:
        _CONFIG.CACHE_DIR = before


@contextmanager
def once(what: str) -> Iterator[bool]:
    """Whether `what` is still to be compiled. Another process that compiles it is waited for."""
    folder = cache_folder()
    if folder is None:
        yield True
        return
    done = folder / f"{what}.done"
    if done.exists():
        yield False
        return
    with _locked(folder / "lock"):
        missing = not done.exists()
        yield missing
        if missing:
            with suppress(OSError):
                done.touch()


@contextmanager
def _locked(file: Path) -> Iterator[None]:
    """Hold a file for this process; where that cannot be, two may do the same work."""
    try:
        import fcntl
    except ImportError:
        yield
        return
    with open(file, "w") as held:
        with suppress(OSError):
            fcntl.flock(held, fcntl.LOCK_EX)
        yield
