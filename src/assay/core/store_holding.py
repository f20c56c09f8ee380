"""Owners of claims, which renew them while they work."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from assay.core.errors import StoreError
from assay.core.store import Store
from assay.core.store_owner import HEARTBEAT_SECONDS, new_owner, retire_owner

__all__ = ["Owner", "holding"]


class Owner:
    """An owner of claims on runs of a store, until it ends.

    It renews them from a thread of its own: an engine in this process may be silent for minutes,
    while it compiles a program, say, or a metric is computed of all images, and copying one run may
    take as long. Other hosts would take its runs for abandoned then.

    Attributes:
        name: what the store's claims call it.
    """

    def __init__(self, store: Path):
        self.name, self._store = new_owner(), store
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._renew, daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Stop; claims that are not released are void from now on."""
        self._ended.set()
        self._thread.join()
        retire_owner(self.name)

    def _renew(self) -> None:
        while not self._ended.wait(HEARTBEAT_SECONDS):
            # a full disk, say: whoever stores the next record says so
            with suppress(StoreError), Store(self._store, create=False) as store:
                store.heartbeat(self.name)


@contextmanager
def holding(store: Store, run_ids: Iterable[str]) -> Iterator[None]:
    """Claim runs within this context, so that no command cleans or repairs the store before the
    plan that names them is stored."""
    owner = Owner(store.path)
    try:
        mine = store.claim(run_ids, owner.name)
        yield
        store.release(mine, owner.name)
    finally:
        owner.end()  # after an error: its claims are void
