"""The clock's page in a real browser, with its server and without."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("starlette")

from assay.apps.cli.app import main
from assay.core.errors import ConfigError, DataError
from assay.subjects.clocks.page import PAGE
from assay.subjects.clocks.render import render
from assay.subjects.clocks.time import distance


@pytest.fixture(scope="module")
def ask(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The answers of the page, for a store that is not there."""
    from assay.apps.web.pages import Site
    from assay.apps.web.shelf import Shelf

    store = tmp_path_factory.mktemp("clock") / "store"
    return PAGE.answers(Site(store, None, Shelf(store)))


def photo(minutes: float, size: int = 150, seed: int = 3) -> bytes:
    """A clock as a PNG file."""
    image = render(np.array([minutes]), style="course", seed=seed, size=size).images[0]
    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG")
    return file.getvalue()


def test_a_drawn_clock_is_read(ask: Any):
    for minutes in (130, 475.5):
        found = ask["draw"]({"minutes": minutes, "turn": 0.1, "tilt": 0.05, "strength": 0.4})
        (read,) = found["readings"]
        assert distance(read["minutes"], minutes) <= 2
        assert read["error"] == pytest.approx(distance(read["minutes"], minutes))
        assert len(read["shares"]) == 720
        assert sum(read["shares"]) == pytest.approx(1, abs=0.01)


def test_what_cannot_be_drawn_is_said(ask: Any):
    for wrong in ("x", True, float("nan"), float("inf"), None, [1]):
        with pytest.raises(ConfigError, match="minutes must be a number, got"):
            ask["draw"]({"minutes": wrong})
    for wrong in (None, [], {"style": "../x"}):
        with pytest.raises(ConfigError):
            ask["draw"](wrong)
    for far in (1e9, 10**400):
        assert ask["draw"]({"minutes": far, "tilt": far, "seed": far})["readings"]


def test_a_photo_is_read_and_what_is_none_is_said(ask: Any):
    found = ask["photo"](photo(222))
    assert distance(found["minutes"], 222) <= 2
    assert found["readable"]
    bomb = io.BytesIO()
    Image.new("L", (30_000, 30_000)).save(bomb, "PNG")
    for wrong in (b"", b"not a picture", bomb.getvalue(), {"a": 1}, photo(3, 16)):
        with pytest.raises(DataError) as said:
            ask["photo"](wrong)
        assert "/tmp" not in str(said.value)


def test_every_label_representation_of_the_store_is_asked(tmp_path: Path):
    from assay.apps.web.pages import Site
    from assay.apps.web.shelf import Shelf

    study = tmp_path / "two.yaml"
    study.write_text(
        "study: two\n"
        "dataset: {name: clocks-rendered, size: 75, train: 40, validation: 20, test: 20}\n"
        "network: clock-cnn\ntask: tell_time\ntraining: {steps: 2, batch_size: 8}\n"
        "repeats: 1\ntrials:\n"
        "  joint: {task: {name: tell_time, labels: joint, looks: 5}}\n"
        "  regression: {task: {name: tell_time, labels: regression}}\n"
    )
    store = tmp_path / "store"
    assert main(["run", str(study), "--store", str(store), "--workers", "1"]) == 0
    found = PAGE.answers(Site(store, None, Shelf(store)))["draw"]({"minutes": 60})
    titles = [read["title"].split(" ")[0] for read in found["readings"]]
    assert titles[0] == "assay's"
    assert sorted(titles[1:]) == ["joint", "regression"]
    known = {read["title"].split(" ")[0]: read for read in found["readings"]}
    assert known["regression"]["certainty"] is None
    assert known["regression"]["shares"] is None


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory, hand_out: Callable[[Path], str]) -> str:
    """The page without its server, handed out by a plain web server."""
    pytest.importorskip("onnx")
    folder = tmp_path_factory.mktemp("alone")
    assert main(["export-page", "clock", "--out", str(folder), "--store", str(folder / "x")]) == 0
    return hand_out(folder)


def open_page(browser: Any, address: str, **how: Any) -> tuple[Any, list[str]]:
    wrong: list[str] = []
    page = browser.new_context(**how).new_page()
    host = address.split("/")[2]
    page.on("pageerror", lambda e: wrong.append(str(e)))
    page.on("console", lambda m: m.type == "error" and wrong.append(m.text))
    own = (f"http://{host}/", "data:", "blob:")
    page.on("request", lambda r: r.url.startswith(own) or wrong.append(f"asked {r.url}"))
    page.goto(address)
    page.locator(".reading").first.wait_for(timeout=60_000)
    return page, wrong


def read_minutes(page: Any) -> float:
    return float(page.locator(".reading").first.get_attribute("data-minutes"))


def drag(page: Any, hand: str, turns: float, radius: float) -> None:
    """Drag a hand to a direction."""
    box = page.locator(".dial").bounding_box()
    x, y, half = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2, box["width"] / 2

    def at(turn: float, far: float) -> tuple[float, float]:
        angle = 2 * np.pi * turn
        return float(x + far * half * np.sin(angle)), float(y - far * half * np.cos(angle))

    line = page.locator(f".hand.{hand} .ink").bounding_box()
    tip = (line["x"] + line["width"] / 2, line["y"] + line["height"] / 2)
    page.mouse.move(*tip)
    page.mouse.down()
    page.mouse.move(*at(turns, radius), steps=8)
    page.mouse.up()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server of the pages."""
    uvicorn = pytest.importorskip("uvicorn")
    import socket

    from assay.apps.web.server import make_app

    plug = socket.socket()
    plug.bind(("127.0.0.1", 0))
    app = make_app(tmp_path_factory.mktemp("served") / "store")
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", timeout_graceful_shutdown=1))
    thread = threading.Thread(target=lambda: server.run(sockets=[plug]), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{plug.getsockname()[1]}"
    server.should_exit = True
    thread.join(20)


@pytest.mark.parametrize("where", ["server", "alone"])
def test_hands_are_dragged_and_the_reading_follows(where: str, request: Any, browser: Any):
    address = (
        f"{request.getfixturevalue('site')}/page/clock"
        if where == "server"
        else (request.getfixturevalue("alone") + "/")
    )
    page, wrong = open_page(browser, address, viewport={"width": 1200, "height": 900})
    drag(page, "minute", 40 / 60, 0.7)
    page.wait_for_function(
        "() => document.querySelector('.hands .time').textContent.endsWith(':40')"
    )
    page.wait_for_function(
        "() => Math.abs(document.querySelector('.reading').dataset.minutes % 60 - 40) <= 2"
    )
    hand = page.get_by_role("slider", name="hour hand")
    hand.focus()
    before = hand.get_attribute("aria-valuetext")
    page.keyboard.press("ArrowRight")
    page.wait_for_function(
        f"() => document.querySelector('.hour').getAttribute('aria-valuetext') !== '{before}'"
    )
    true = float(hand.get_attribute("aria-valuenow"))
    page.wait_for_function(
        f"() => Math.abs(document.querySelector('.reading').dataset.minutes - {true}) <= 2"
    )
    assert wrong == []
    page.context.close()


def test_both_read_the_same_time_from_a_photo(site: str, alone: str, browser: Any, ask: Any):
    pages = [open_page(browser, f"{site}/page/clock"), open_page(browser, f"{alone}/")]
    for minutes in (37, 400):
        file = {"name": "clock.png", "mimeType": "image/png", "buffer": photo(minutes)}
        found = []
        for page, _ in pages:
            page.locator("input[type=file]").set_input_files(file)
            place = page.locator("[data-reader=photo]")
            page.wait_for_function(
                "m => Math.abs(document.querySelector('[data-reader=photo]')?.dataset.minutes - m)"
                " <= 2", arg=minutes,
            )  # fmt: skip
            found.append(float(place.get_attribute("data-minutes")))
        assert abs(found[0] - found[1]) <= 1  # the server asks two readers, the page alone one
    for page, wrong in pages:
        assert wrong == []
        page.context.close()


def test_what_is_no_photo_is_said_on_the_page(site: str, browser: Any):
    page, _ = open_page(browser, f"{site}/page/clock", viewport={"width": 360, "height": 740})
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    file = {"name": "clock.jpg", "mimeType": "image/jpeg", "buffer": b"this is text"}
    page.locator("input[type=file]").set_input_files(file)
    page.locator(".trouble").wait_for()
    assert "the photo" in page.locator(".trouble").inner_text()
    page.context.close()


def test_the_camera_is_read(site: str, browser: Any):
    page, wrong = open_page(browser, f"{site}/page/clock", permissions=["camera"])
    page.get_by_role("button", name="Use the camera").click()
    page.locator("[data-reader=photo]").wait_for(timeout=60_000)
    page.get_by_role("button", name="Stop the camera").click()
    assert wrong == []
    page.context.close()


def test_the_exported_page_says_what_it_needs(tmp_path: Path, capsys: Any):
    assert main(["export-page", "cloc", "--out", str(tmp_path / "x")]) == 2
    assert "did you mean 'clock'?" in capsys.readouterr().err
    (tmp_path / "file").write_text("")
    pytest.importorskip("onnx")
    assert main(["export-page", "clock", "--out", str(tmp_path / "file" / "x")]) == 2
    assert "cannot write" in capsys.readouterr().err
