"""Claims on runs that are being trained or copied, so that several commands share a store."""

from __future__ import annotations

import time
from collections.abc import Iterable

from assay.core.store_index import Index
from assay.core.store_owner import is_alive
from assay.core.store_soundness import Soundness

__all__ = ["Claims"]


class Claims:
    """The part of a store that records which process trains or copies which runs."""

    _index: Index
    _sound: Soundness

    def claim(self, run_ids: Iterable[str], owner: str) -> list[str]:
        """Claim runs that no other process trains, so that two commands on one store share the
        work.

        Stored runs cannot be claimed; claims of dead processes are void.

        Args:
            run_ids: the runs wanted.
            owner: the claimant, from `core.store_owner.new_owner`.

        Returns:
            The runs that `owner` now holds, in the order of `run_ids`.
        """
        wanted, now = list(run_ids), time.time()
        with self._index.writing() as db:
            rows = self._index.select(
                "SELECT run_id, owner, heartbeat FROM claims WHERE run_id IN ({})", wanted
            )
            # a heartbeat in the future counts as an old one, because a clock may have been set back
            beats = {name: abs(now - beat) for _, name, beat in rows}
            dead = [(name,) for name, silent in beats.items() if not is_alive(name, silent)]
            db.executemany("DELETE FROM claims WHERE owner = ?", dead)
            gone = {name for (name,) in dead}
            taken = {run for run, name, _ in rows if name != owner and name not in gone}
            taken |= self._sound.present(wanted)
            mine = [run for run in dict.fromkeys(wanted) if run not in taken]
            db.executemany(
                "REPLACE INTO claims VALUES (?, ?, ?)", [(run, owner, now) for run in mine]
            )
        return mine

    def release(self, run_ids: Iterable[str], owner: str) -> None:
        """Release the owner's claims on runs."""
        with self._index.writing() as db:
            db.executemany(
                "DELETE FROM claims WHERE run_id = ? AND owner = ?", [(r, owner) for r in run_ids]
            )

    def heartbeat(self, owner: str) -> None:
        """Renew the claims of `owner`; without renewal, other hosts take them over."""
        with self._index.writing() as db:
            db.execute("UPDATE claims SET heartbeat = ? WHERE owner = ?", (time.time(), owner))
