"""Renewal of claims while their runs are trained."""

from __future__ import annotations

import threading
from contextlib import suppress
from pathlib import Path

from assay.core.errors import StoreError
from assay.core.store import Store
from assay.core.store_owner import HEARTBEAT_SECONDS

__all__ = ["Heartbeat"]


class Heartbeat:
    """Renews the claims of an owner from a thread of its own.

    An engine in this process may be silent for minutes, while it compiles a program, say, or a
    metric is computed of all images. Other hosts would take its runs for abandoned then.
    """

    def __init__(self, store: Path, owner: str):
        self._store, self._owner = store, owner
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Stop; claims that are not released become void after a while."""
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ended.wait(HEARTBEAT_SECONDS):
            # a full disk, say: whoever stores the next record says so
            with suppress(StoreError), Store(self._store, create=False) as store:
                store.heartbeat(self._owner)
