"""Studies that train: curves grow without a reload, and a page starts, stops and resumes them."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("starlette")

from web_server import serving

from assay.apps.web.drivers import Drivers
from assay.core.store import Store
from assay.execution.live import read_live

LONG = """\
study: long
question: Does it take long?
engine: numpy
dataset: {name: digits, train: 200, test: 100}
network: {family: mlp, hidden: [16]}
training: {epochs: 100000, batch_size: 32, evaluate_every: 300, learning_rate: 0.001}
repeats: 1
"""


def until(true: Callable[[], Any], what: str, seconds: float = 60) -> Any:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := true():
            return found
        time.sleep(0.1)
    raise AssertionError(f"{what}: not within {seconds:.0f} seconds")


def points(store: Path) -> list[float]:
    """The steps of the live curve."""
    return [s for said in read_live(store) for c in said["curves"].values() for s in c["step"]]


def test_a_study_is_written_checked_started_watched_stopped_and_resumed(
    browser: Any, tmp_path: Path
):
    """All in one: starting a driver costs seconds."""
    store = tmp_path / "store"
    page = browser.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda e: errors.append(str(e)))
    page.on("response", lambda r: errors.append(f"{r.status} {r.url}") if not r.ok else None)
    with serving(store) as address:
        page.goto(f"{address}new")
        text = page.get_by_label("Text of the study")
        text.fill(LONG.replace("mlp", "mpl"))
        page.locator(".problems li").first.wait_for()
        assert "did you mean 'mlp'?" in page.locator(".problems").inner_text()
        assert page.locator(".problems button").first.inner_text().startswith("line 5, column ")
        text.fill(LONG)
        page.locator(".fine", has_text="1 run").wait_for()
        page.get_by_role("button", name="Start (full)").click()
        page.wait_for_url("**/study/long", timeout=60_000)

        grid = page.locator("#curve-grid")  # it comes and grows without a reload
        page.evaluate("window.unchanged = true")
        grid.wait_for(timeout=90_000)

        def drawn() -> int:
            return int(grid.get_attribute("data-points") or 0)

        before = drawn()
        until(lambda: drawn() > before + 1, "the curve grows")
        assert page.evaluate("window.unchanged")
        assert "1 run in training" in page.inner_text("main")

        reached = max(points(store))
        page.get_by_role("button", name="Stop long").click()
        until(lambda: not read_live(store), "the driver ends")
        with Store(store, read_only=True) as opened:
            assert opened.run_ids() == []
            assert len(list(opened.checkpoints.glob("*.safetensors"))) == 1

        page.get_by_role("button", name="Resume long").click()
        until(lambda: points(store), "it trains again")
        assert min(points(store)) >= reached  # from the checkpoint
    page.close()
    assert errors == []

    after = max(points(store))  # the server is gone, the driver is not
    until(lambda: max(points(store)) > after, "it trains without the server")
    Drivers(store, None).stop("long")
    until(lambda: not read_live(store), "the driver ends")
