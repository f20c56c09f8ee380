"""Pages of subjects, plugins and the playground: all of them open; the playground trains."""

from __future__ import annotations

import contextlib
import http.client
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from assay.apps.web.pages import PAGES, Page, Site
from assay.apps.web.playground import PAGE
from assay.apps.web.shelf import Shelf
from assay.core.errors import ConfigError, StoreError
from assay.core.extend import register_page

SETTINGS = {"hidden": [16], "activation": "tanh", "optimizer": "adam", "learning_rate": 0.03}


def points() -> list[list[float]]:
    return [[x / 5, y / 5, float(x * y > 0)] for x in range(-20, 21, 4) for y in range(-20, 21, 4)]


@pytest.fixture
def ask(tmp_path: Path) -> Any:
    return PAGE.answers(Site(tmp_path, None, Shelf(tmp_path)))


def test_three_seeds_learn_points_and_digits(ask: Any):
    for given in ({"data": "points", "points": points()}, {"data": "digits"}):
        begun = ask["begin"]({**given, **SETTINGS})
        assert begun["epoch"] == 0
        after = ask["step"]({"name": begun["name"], "epochs": 20})
        assert after["epoch"] == 20
        assert len(after["seeds"]) == 3
        assert len({seed["loss"] for seed in after["seeds"]}) == 3
        for before, now in zip(begun["seeds"], after["seeds"], strict=True):
            assert now["loss"] < before["loss"]
        assert ("map" in after["seeds"][0]) == (given["data"] == "points")


@pytest.mark.parametrize(
    "wrong",
    [
        None, {"data": "points", "points": []}, {"data": "points", "points": [[1, 2]] * 9},
        {"data": "points", "points": [[0, 0, 1]] * 9}, {"data": "digits", "hidden": [999]},
        {"data": "digits", "hidden": "x"}, {"data": "digits", "activation": "reul"},
        {"data": "points", "points": [[float("nan"), 0, 1]] * 9},
        {"data": "points", "points": [[0, 0, True]] * 9}, {"data": "digits", "hidden": [20000.0]},
        {"data": "digits", "hidden": 20000}, {"data": "digits", "hidden": None},
    ],
)  # fmt: skip
def test_settings_that_are_none_are_said(ask: Any, wrong: Any):
    with pytest.raises(ConfigError):
        ask["begin"]({**SETTINGS, **wrong} if isinstance(wrong, dict) else wrong)


def test_numbers_that_no_float_can_hold_are_moved_into_their_range_or_said(ask: Any):
    far = [[10**400, 0, 10**400], [-(10**400), 0, 0], *points()]
    name = ask["begin"]({"data": "points", "points": far, **SETTINGS})["name"]
    for epochs in (10**400, True, 1.5, "1"):
        with pytest.raises(ConfigError, match="epochs must be a whole number from 0 to 50"):
            ask["step"]({"name": name, "epochs": epochs})


def test_networks_that_nobody_asks_for_are_forgotten(ask: Any):
    first = ask["begin"]({"data": "points", "points": points(), **SETTINGS})["name"]
    for _ in range(8):
        ask["begin"]({"data": "points", "points": points(), **SETTINGS})
    with pytest.raises(StoreError, match="start again"):
        ask["step"]({"name": first, "epochs": 1})


def test_a_plugin_adds_a_page(tmp_path: Path):
    page = Page("Mine", "A page.", tmp_path, lambda site: {})
    register_page("mine", page)
    try:
        assert PAGES["mine"] is page
    finally:
        PAGES._entries.pop("mine")


PLUGIN = """\
import time
from pathlib import Path
import assay
from assay.apps.web.pages import Page

answers = {"add": lambda numbers: sum(numbers), "wait": lambda seconds: time.sleep(seconds)}
folder = Path(__file__).with_name("mine")
assay.register_page("mine", Page("Mine", "About.", folder, lambda site: answers))
"""


@pytest.fixture
def plugin(tmp_path: Path) -> Path:
    """A plugin with a page that adds, and one that takes its time."""
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "page.js").write_text('assay.page("mine", () => null);')
    (tmp_path / "parts.py").write_text(PLUGIN)
    return tmp_path / "parts.py"


def test_the_server_loads_a_plugin_with_a_page_and_ends_while_it_computes(
    tmp_path: Path, plugin: Path
):
    from test_abuse import OURS, ask
    from web_server import serving

    said: list[str] = []
    with serving(tmp_path / "store", "--plugin", str(plugin), said=said) as site:
        assert b"Mine" in ask(site, "/")[1]
        assert ask(site, "/page/mine/page.js")[0] == 200
        assert ask(site, "/page/mine/add", "POST", b"[1, 2]", **OURS) == (200, b"3")
        with contextlib.suppress(OSError, http.client.HTTPException):
            ask(site, "/page/mine/wait", "POST", b"100", seconds=1, **OURS)
    assert "Traceback" not in said[-1]


def test_a_plugin_that_is_none_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    from assay.apps.cli.app import main

    assert main(["serve", "--plugin", str(tmp_path / "none.py")]) == 2
    assert "none.py" in capsys.readouterr().err


@pytest.mark.parametrize("name", sorted(PAGES.names()))
def test_every_page_opens_and_is_accessible(visit: Callable[..., Any], name: str):
    from test_pages import fits

    page = visit(f"/page/{name}")
    page.locator(".loading").first.wait_for(state="detached", timeout=60_000)
    fits(page)


def test_points_are_drawn_by_keyboard_alone(visit: Callable[..., Any]):
    page = visit("/page/network?data=blobs")
    field = page.get_by_role("button", name="the network of seed 0")
    field.focus()
    for key in ("ArrowRight", "ArrowUp", "ArrowUp", "Enter"):
        page.keyboard.press(key)
    page.locator("button:not([disabled])", has_text="Remove my points").wait_for()
