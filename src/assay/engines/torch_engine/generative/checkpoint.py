"""The state of a run on its way, in a file, so that another process goes on as if nothing was."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from assay.core import store_format as form
from assay.core.errors import StoreError

__all__ = ["Checkpoint"]


class Checkpoint:
    """A file for one run, written now and then, whole or not at all.

    Args:
        folder: where it is; None for a checkpoint that never is.
        run: the run's identity.
        identity: what else must be equal for the state to be of use (data, precision, versions).
        seconds: how often it is due.
    """

    def __init__(self, folder: Path | None, run: str, identity: str, seconds: float):
        self._file = folder / f"{run}.safetensors" if folder else None
        self._identity, self._seconds = identity, seconds
        self._last = time.monotonic()

    def due(self) -> bool:
        """Whether it is time to write it again."""
        return self._file is not None and time.monotonic() - self._last >= self._seconds

    def save(self, arrays: Mapping[str, np.ndarray], plain: dict[str, Any]) -> None:
        """Write it; where that fails, the run goes on without."""
        assert self._file is not None
        text = json.dumps({"identity": self._identity, **plain})
        told = np.frombuffer(text.encode(), np.uint8)
        unfinished = self._file.with_name(f"{self._file.name}.{os.getpid()}.part")
        with suppress(OSError):
            self._file.parent.mkdir(parents=True, exist_ok=True)
            content = form.encode_arrays({**arrays, "plain": told}, str(self._file))
            form.write_file(unfinished, content)
            unfinished.replace(self._file)
        self._last = time.monotonic()

    def load(self) -> tuple[dict[str, np.ndarray], dict[str, Any]] | None:
        """What was saved; None where there is nothing, or nothing that fits."""
        if self._file is None:
            return None
        try:
            arrays = form.decode_arrays(self._file.read_bytes(), str(self._file))
            plain = json.loads(arrays.pop("plain").tobytes())
        except (OSError, StoreError, KeyError, ValueError):
            return None
        return (arrays, plain) if plain.get("identity") == self._identity else None

    def remove(self) -> None:
        """The run is over."""
        if self._file is not None:
            with suppress(OSError):
                self._file.unlink()
