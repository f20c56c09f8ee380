"""Studies that train: curves grow without a reload, and a page starts, stops and resumes them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("starlette")

from web_server import serving

import assay
from assay.core.store import Store
from assay.execution.live import read_live

LONG = """\
study: long
question: Does it take long?
dataset: {name: digits, train: 200, test: 100}
network: {family: mlp, hidden: [16]}
training: {epochs: 100000, batch_size: 32, evaluate_every: 300, learning_rate: 0.001}
repeats: 1
"""


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """A server of a store that is not there yet."""
    store = tmp_path_factory.mktemp("lab") / "store"
    with serving(store) as address:
        yield address.rstrip("/"), store


@pytest.fixture
def page(browser: Any, fresh: tuple[str, Path]) -> Iterator[Any]:
    context = browser.new_context()
    errors: list[str] = []
    found = context.new_page()
    found.on("pageerror", lambda e: errors.append(str(e)))
    yield found
    context.close()
    assert errors == []


def until(true: Callable[[], Any], what: str, seconds: float = 60) -> Any:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := true():
            return found
        time.sleep(0.1)
    raise AssertionError(f"{what}: not within {seconds:.0f} seconds")


def test_a_study_is_written_checked_started_watched_stopped_and_resumed(
    page: Any, fresh: tuple[str, Path]
):
    site, store = fresh
    page.goto(f"{site}/new")
    text = page.get_by_label("Text of the study")
    text.fill(LONG.replace("mlp", "mpl"))
    page.locator(".problems li").first.wait_for()
    assert "did you mean 'mlp'?" in page.locator(".problems").inner_text()
    assert page.locator(".problems button").first.inner_text().startswith("line 4, column ")
    text.fill(LONG)
    page.locator(".fine", has_text="1 run").wait_for()
    page.get_by_role("button", name="Start (full)").click()
    page.wait_for_url("**/study/long", timeout=60_000)

    until(lambda: store.joinpath("index.sqlite").exists(), "the store is there")
    page.goto(f"{site}/study/long")
    grid = page.locator("#curve-grid")
    grid.wait_for(timeout=90_000)
    page.evaluate("window.unchanged = true")

    def points() -> int:
        return int(grid.get_attribute("data-points") or 0)

    before = points()
    until(lambda: points() > before + 1, "the curve grows")
    assert page.evaluate("window.unchanged")  # without a reload
    assert "1 run in training" in page.inner_text("main")

    (said,) = read_live(store)
    page.get_by_role("button", name="Stop long").click()
    until(lambda: not read_live(store), "the driver ends")
    with Store(store, read_only=True) as opened:
        assert opened.run_ids() == []
        assert len(list(opened.checkpoints.glob("*.safetensors"))) == 1
    step = max(said["curves"][next(iter(said["curves"]))]["step"])

    page.get_by_role("button", name="Resume long").click()
    (again,) = until(lambda: [d for d in read_live(store) if d["curves"]], "it trains again")
    assert min(next(iter(again["curves"].values()))["step"]) >= step  # from the checkpoint
    page.get_by_role("button", name="Stop long").click()
    until(lambda: not read_live(store), "the driver ends")


def test_a_driver_outlives_the_server(tmp_path: Path):
    import json
    import urllib.request

    def post(site: str, name: str, **data: Any) -> dict[str, Any]:
        request = urllib.request.Request(
            f"{site}/api/{name}",
            json.dumps(data).encode(),
            {"X-Assay": "1", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)

    store = tmp_path / "store"
    with serving(store) as site:
        text = LONG.replace("100000", "400").replace("study: long", "study: short")
        assert post(site.rstrip("/"), "save", text=text)["problems"] == []
        post(site.rstrip("/"), "start", study="short")
        until(lambda: read_live(store), "it trains")
    until(lambda: not read_live(store), "it ends by itself")
    (record,) = assay.load(store)["short"].records()
    assert record.status == "finished"
