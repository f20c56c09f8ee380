"""What is new reaches every page: nothing is missed, and a hidden tab hears nothing."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("starlette")

from assay.apps.web.shelf import Shelf
from assay.apps.web.stream import Watcher
from assay.core.records import Record
from assay.core.store import Store


@pytest.fixture
def lacking(store: Path, tmp_path: Path) -> tuple[Path, Record]:
    """The store of the small study without one of its records, and that record."""
    mine = tmp_path / "mine"
    with Store(store, read_only=True) as full, Store(mine) as fresh:
        first, *others = full.records(full.run_ids())
        fresh.save_plan(full.plan("small"))
        for record in others:
            fresh.add(record)
    return mine, first


def heard(watcher: Watcher, since: str, count: int) -> list[dict[str, Any]]:
    """So many events, each with its id, event and data; `retry` is left out."""

    async def listen() -> list[dict[str, Any]]:
        found = []
        events = watcher.events(since)
        async for text in events:
            fields = dict(line.split(": ", 1) for line in text.strip().splitlines())
            if "event" in fields:
                found.append({**fields, "data": json.loads(fields["data"])})
            if len(found) == count:
                break
        await events.aclose()  # type: ignore[attr-defined]
        watcher.stop()
        return found

    return asyncio.run(asyncio.wait_for(listen(), 20))


def test_who_comes_again_misses_nothing_and_hears_nothing_twice(lacking: tuple[Path, Record]):
    folder, record = lacking
    shelf = Shelf(folder)
    watcher = Watcher(shelf, heartbeat=0.05)
    first, live = heard(watcher, "", 2)
    assert (first["event"], list(first["data"]["studies"])) == ("store", ["small"])
    assert (live["event"], live["data"]) == ("live", [])

    still = heard(watcher, first["id"], 2)
    assert [event["event"] for event in still] == ["live", "beat"]

    with Store(folder) as store:  # while nobody listens
        store.add(record)
    again, _ = heard(watcher, first["id"], 2)
    assert again["event"] == "store"
    assert again["data"]["studies"]["small"] != first["data"]["studies"]["small"]
    assert again["id"] != first["id"]
    shelf.close()


def test_a_heartbeat_says_that_nothing_is_new(lacking: tuple[Path, Record]):
    shelf = Shelf(lacking[0])
    began = time.monotonic()
    first, _, *beats = heard(Watcher(shelf, heartbeat=0.1), "", 5)
    assert [beat["event"] for beat in beats] == ["beat"] * 3
    assert {beat["id"] for beat in beats} == {first["id"]}
    assert time.monotonic() - began >= 0.3
    shelf.close()


async def next_store_event(events: AsyncIterator[str]) -> str:
    async with asyncio.timeout(20):
        async for text in events:
            if "event: store" in text:
                return text
    raise AssertionError("the stream ended")


def test_what_changes_while_a_page_still_reads_is_not_lost(lacking: tuple[Path, Record]):
    folder, record = lacking
    shelf = Shelf(folder)
    watcher = Watcher(shelf, heartbeat=3600)

    async def listen() -> None:
        slow, quick = watcher.events(""), watcher.events("")
        before = await next_store_event(slow)
        assert await next_store_event(quick) == before
        with Store(folder) as store:  # the slow one has not asked for more yet
            store.add(record)
        after = await next_store_event(quick)
        assert after != before
        assert await next_store_event(slow) == after
        watcher.stop()

    asyncio.run(listen())
    shelf.close()


def test_what_is_found_as_another_page_comes_reaches_those_that_listen(
    lacking: tuple[Path, Record], monkeypatch: pytest.MonkeyPatch
):
    folder, record = lacking
    shelf = Shelf(folder)
    watcher = Watcher(shelf, heartbeat=3600)
    monkeypatch.setattr("assay.apps.web.stream.POLL_SECONDS", 3600)

    async def listen() -> None:
        first = watcher.events("")
        await next_store_event(first)
        hears = asyncio.create_task(next_store_event(first))
        await asyncio.sleep(0.5)  # it waits, and the watcher sleeps
        with Store(folder) as store:
            store.add(record)
        after = await next_store_event(watcher.events(""))
        assert await hears == after
        watcher.stop()

    asyncio.run(listen())
    shelf.close()


@pytest.fixture
def served(lacking: tuple[Path, Record]) -> Iterator[tuple[str, Any]]:
    """A server of that store in this process: its address and its Lab."""
    import uvicorn

    from assay.apps.web.guard import Guard
    from assay.apps.web.server import Lab

    lab = Lab(lacking[0], None)
    with socket.create_server(("127.0.0.1", 0)) as plug:
        app = Guard(lab.app, frozenset({"127.0.0.1"}))
        how = uvicorn.Config(app, log_level="error", timeout_graceful_shutdown=1)
        server = uvicorn.Server(how)
        thread = threading.Thread(target=lambda: server.run(sockets=[plug]), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{plug.getsockname()[1]}", lab
        server.should_exit = True
        thread.join(20)


def until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_a_hidden_tab_is_silent_and_catches_up(
    browser: Any, served: tuple[str, Any], lacking: tuple[Path, Record]
):
    address, lab = served
    folder, record = lacking
    page = browser.new_page()
    page.goto(f"{address}/study/small")
    page.locator(".facts", has_text="3 of 4 runs finished").wait_for()
    until(lambda: lab.watcher.listeners == 1)

    def hide(hidden: bool) -> None:
        page.evaluate(
            "hidden => { Object.defineProperty(document, 'hidden', {value: hidden, "
            "configurable: true}); document.dispatchEvent(new Event('visibilitychange')); }",
            hidden,
        )

    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))

    def silent() -> bool:
        asked.clear()
        page.wait_for_timeout(600)  # two looks of the server
        return asked == []

    hide(True)
    until(lambda: lab.watcher.listeners == 0)
    until(silent)  # on a busy machine, what came before is only now asked for
    with Store(folder) as store:
        store.add(record)
    assert silent(), asked
    hide(False)
    page.locator(".facts", has_text="4 of 4 runs finished").wait_for()
    page.close()
