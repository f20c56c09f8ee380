"""Server-sent events about changes: one stream for each page, without gaps.

One watcher polls the store and the files of the drivers while a page listens. A slow listener gets
fewer events, not a backlog: an event describes the current state, and its id is the state from
which a reconnected page continues.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import suppress

from assay.apps.web.shelf import Moment, Shelf
from assay.core.errors import StoreError
from assay.execution.live import LiveDriver, read_live

__all__ = ["HEARTBEAT_SECONDS", "Watcher", "summary"]

HEARTBEAT_SECONDS = 15.0
POLL_SECONDS = 0.25


def summary(said: LiveDriver) -> dict[str, object]:
    """Return the progress of a driver without the curves; "points" is their length."""
    curves = said.get("curves") or {}
    kept = {k: v for k, v in said.items() if k not in ("owner", "curves", "updated")}
    points = sum(len(values.get("step", ())) for values in curves.values())
    return {**kept, "training": len(curves), "points": points}


class Watcher:
    """Polls for changes while pages listen.

    Args:
        shelf: the store.
        heartbeat: seconds without changes after which a listener gets an empty event.
    """

    def __init__(self, shelf: Shelf, heartbeat: float = HEARTBEAT_SECONDS):
        self._shelf, self._heartbeat = shelf, heartbeat
        self._moment = Moment(0, {})
        self._live = "[]"
        self._listeners: set[asyncio.Event] = set()
        self._task: asyncio.Task[None] | None = None

    @property
    def listeners(self) -> int:
        """Pages that are listening."""
        return len(self._listeners)

    def stop(self) -> None:
        """End watching."""
        if self._task is not None:
            self._task.cancel()
            self._task = None

    async def events(self, since: str) -> AsyncIterator[str]:
        """Yield events in the format of `text/event-stream`, for as long as the client reads.

        "store" has the changed studies and their versions; "live" the running drivers.

        Args:
            since: the id of the last event that the page received; "" for none.
        """
        news = asyncio.Event()
        self._listeners.add(news)
        try:
            await self._look()
            if self._task is None or self._task.done():
                self._task = asyncio.create_task(self._watch())
            told, live = since, ""
            yield "retry: 2000\n\n"
            while True:
                news.clear()  # before looking: what comes while the client reads is not lost
                if told != self._moment.name or not told:
                    fresh = self._moment.since(told)
                    told = self._moment.name
                    yield _event("store", json.dumps({"studies": fresh}), told)
                if live != self._live:
                    live = self._live
                    yield _event("live", live, told)
                try:
                    await asyncio.wait_for(news.wait(), self._heartbeat)
                except TimeoutError:
                    yield _event("beat", "{}", told)
        finally:
            self._listeners.discard(news)

    async def _watch(self) -> None:
        while self._listeners:
            await self._look()
            await asyncio.sleep(POLL_SECONDS)

    async def _look(self) -> None:
        """Read the present state, and wake the listeners if it is another."""
        before = self._moment.name, self._live
        with suppress(StoreError):  # for example a failing disk: the page keeps its content
            self._moment = await asyncio.to_thread(self._shelf.poll)
        drivers = await asyncio.to_thread(read_live, self._shelf.path)
        self._live = json.dumps([summary(said) for said in drivers])
        if before != (self._moment.name, self._live):
            for listener in self._listeners:
                listener.set()


def _event(kind: str, data: str, number: str) -> str:
    return f"id: {number}\nevent: {kind}\ndata: {data}\n\n"
