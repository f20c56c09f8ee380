"""Compilation of functions, and their cache.

Numba notices changes in the file of a function, but not in other files that it uses, so the name of
the folder contains a digest of all of them. Files are written atomically, because two processes may
compile at once. The format of the cache is Numba's own.
"""

from __future__ import annotations

import functools
import hashlib
import os
import stat
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import llvmlite.binding
import numba

from assay.data.storage import cache_dir

if TYPE_CHECKING:
    from numba import types
    from numba.core.typing.templates import Signature

__all__ = ["Piece", "cache_folder", "compiled", "exactly", "features", "once"]

_CONFIG: Any = numba.config

RELAXED = {"contract", "nsz", "reassoc"}
"""Fast-math flags: sums may be reordered, and products fused with sums. NaN and infinity must
remain possible, because they show that a run has diverged."""


@functools.cache
def features() -> frozenset[str]:
    """Return the processor's features, as LLVM names them."""
    return frozenset(k for k, able in llvmlite.binding.get_host_cpu_features().items() if able)


P = ParamSpec("P")
R = TypeVar("R")


@functools.cache
def cache_folder() -> Path | None:
    """Return the cache folder for compiled functions; None if there is none to write and trust."""
    digest = hashlib.sha256(numba.__version__.encode())
    for file in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(file.read_bytes())
    name = f"compiled-{digest.hexdigest()[:16]}"
    user = getattr(os, "getuid", lambda: 0)()
    given = [Path(_CONFIG.CACHE_DIR)] if _CONFIG.CACHE_DIR else []
    shared = Path(tempfile.gettempdir(), f"assay-{user}-{name}")
    for folder in (*(parent / name for parent in (*given, cache_dir())), shared):
        with suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            if folder == shared and not _only_ours(folder):
                continue
            with tempfile.TemporaryFile(dir=folder):
                return folder
    return None


def _only_ours(folder: Path) -> bool:
    """Whether nobody else can have put anything there: Numba runs what its cache holds, and in the
    folder for temporary files anybody may have made a folder of that name."""
    if not hasattr(os, "getuid"):
        return True  # Windows has a folder for temporary files for each user
    found = folder.lstat()
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o022


def compiled(function: Callable[P, R], *, keep: bool = True) -> Callable[P, R]:
    """Compile a function on its first call, without the GIL, and cache the result."""
    with _kept() as kept:
        settings: dict[str, Any] = {"fastmath": RELAXED, "error_model": "numpy", "nogil": True}
        return numba.njit(cache=kept and keep, **settings)(function)


def exactly(function: Callable[P, R]) -> Callable[P, R]:
    """Compile like `compiled`, but with sums in the order in which they are written; in a function
    that calls it they stay so."""
    with _kept() as kept:
        settings: dict[str, Any] = {"fastmath": {"contract"}, "error_model": "numpy"}
        return numba.njit(cache=kept, nogil=True, **settings)(function)


class Piece:
    """A separately compiled function that is called by its address.

    Programs are composed of pieces, so that a change of one, or another number format, does not
    recompile the others. In one large function, Numba would optimise the whole for each part.

    Args:
        function: takes C pointers and numbers; uses module-level names only, so that it can be
            cached.
        signature: function from Numba's number format to the types of the arguments.
    """

    def __init__(self, function: Callable[..., None], signature: Callable[[types.Type], Signature]):
        self._function, self._signature = function, signature
        self.name = function.__name__
        self._made: dict[str, Any] = {}

    def address(self, dtype: str) -> int:
        """Return the address of the compiled function for a number format."""
        if dtype not in self._made:
            with _kept() as kept:
                if dtype not in self._made:  # not even by another thread meanwhile
                    self._made[dtype] = self._compiled(dtype, kept)
        return self._made[dtype].address

    def _compiled(self, dtype: str, keep: bool) -> Any:
        signature = self._signature(getattr(numba.types, dtype))
        settings: dict[str, Any] = {"fastmath": RELAXED, "error_model": "numpy"}
        return numba.cfunc(signature, cache=keep, **settings)(self._function)


_FOLDER_IS_OURS = threading.RLock()
"""Held while Numba's setting, which all threads share, is changed."""


@contextmanager
def _kept() -> Iterator[bool]:
    """Let Numba cache in our folder inside this context; yield whether it does."""
    with _FOLDER_IS_OURS:
        folder, before = cache_folder(), _CONFIG.CACHE_DIR
        _CONFIG.CACHE_DIR = str(folder) if folder else before  # read when a function is created
        try:
            yield folder is not None
        finally:
            _CONFIG.CACHE_DIR = before


@contextmanager
def once(what: str) -> Iterator[bool]:
    """Yield whether `what` must be compiled, after waiting for other processes that compile it."""
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
    """Lock a file; if this is impossible, two processes may do the same work."""
    try:
        import fcntl
    except ImportError:
        yield
        return
    with open(file, "w") as held:
        with suppress(OSError):
            fcntl.flock(held, fcntl.LOCK_EX)
        yield
