"""The state of a run on its way, in a file, so that another process goes on as if nothing was.

Nothing is wrong without it: a run that has none is trained from its start.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path

import numpy as np

from assay.core import store_format as form
from assay.core.errors import StoreError

__all__ = ["Checkpoint"]


class Checkpoint:
    """A file for one run, written now and then, whole or not at all.

    Args:
        folder: where it is; None disables checkpoints.
        run: the run's identity.
        identity: what else must be equal for the state to be of use (data, precision, versions).
        seconds: how often it is due.

    Attributes:
        loaded: whether a state was found that fits; None where there was none at all.
        ignored: names of the run's files, this one or others, that are damaged.
    """

    def __init__(
        self, folder: Path | None = None, run: str = "", identity: str = "", seconds: float = 0.0
    ):
        self._file = folder / f"{run}.unfinished.safetensors" if folder else None
        self._identity, self._seconds = identity, seconds
        self._last = time.monotonic()
        self.loaded: bool | None = None
        self.ignored: list[str] = []

    def exists(self) -> bool:
        """Whether anything was saved."""
        return self._file is not None and self._file.exists()

    def due(self) -> bool:
        """Whether it is time to write it again."""
        return self._file is not None and time.monotonic() - self._last >= self._seconds

    def save(self, arrays: dict[str, np.ndarray]) -> None:
        """Write it; where that fails, the run goes on without."""
        if self._file is None:
            return
        told = np.frombuffer(self._identity.encode(), np.uint8)
        unfinished = self._file.with_name(f"{self._file.name}.{os.getpid()}.tmp")
        with suppress(OSError):
            self._file.parent.mkdir(parents=True, exist_ok=True)
            content = form.encode_arrays({**arrays, "identity": told}, str(self._file))
            form.write_file(unfinished, content)
            unfinished.replace(self._file)
        self._last = time.monotonic()

    def load(self) -> dict[str, np.ndarray] | None:
        """What was saved; None where there is nothing, or nothing that fits."""
        if self._file is None or not self._file.exists():
            return None
        self.loaded = False
        try:
            arrays = form.decode_arrays(self._file.read_bytes(), str(self._file), sealed=True)
        except (OSError, StoreError):
            self.ignored.append(self._file.name)
            return None
        told = arrays.pop("identity", np.empty(0, np.uint8)).tobytes()
        self.loaded = told == self._identity.encode()
        return arrays if self.loaded else None

    def remove(self) -> None:
        """The run is over."""
        if self._file is not None:
            with suppress(OSError):
                self._file.unlink()
