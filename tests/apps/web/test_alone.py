"""A run's classifier as a page without its server: it names what is painted or dropped."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from test_pages import fits

import assay
from assay.apps.cli.app import main
from assay.core.records import Record
from assay.data import load


@pytest.fixture(scope="module")
def record(store: Path) -> Record:
    """The best run of the small study."""
    return max(assay.load(store)["small"].records(), key=lambda r: r.metrics["val_accuracy"] or 0)


@pytest.fixture(scope="module")
def alone(
    record: Record,
    store: Path,
    tmp_path_factory: pytest.TempPathFactory,
    hand_out: Callable[[Path], str],
) -> str:
    pytest.importorskip("onnx")
    folder = tmp_path_factory.mktemp("digits")
    run = record.run_id[:10]
    assert main(["export-page", run, "--out", str(folder), "--store", str(store)]) == 0
    return hand_out(folder)


@pytest.fixture
def page(browser: Any, alone: str) -> Any:
    wrong: list[str] = []
    context = browser.new_context(viewport={"width": 360, "height": 800}, has_touch=True)
    page = context.new_page()
    page.on("pageerror", lambda e: wrong.append(str(e)))
    page.on("console", lambda m: m.type == "error" and wrong.append(m.text))
    own = (alone, "data:", "blob:")
    page.on("request", lambda r: r.url.startswith(own) or wrong.append(f"asked {r.url}"))
    page.goto(alone)
    page.get_by_label("Paint here").wait_for(timeout=60_000)
    yield page
    context.close()
    assert wrong == []


def shares(page: Any) -> list[float]:
    cells = page.locator(".shares td.right").all_inner_texts()
    return [float(cell.removesuffix("%")) for cell in cells]


def test_a_digit_is_painted_and_each_class_gets_a_probability(page: Any):
    box = page.get_by_label("Paint here").bounding_box()

    def at(x: float, y: float) -> tuple[float, float]:
        return box["x"] + x * box["width"], box["y"] + y * box["height"]

    page.mouse.move(*at(0.5, 0.1))
    page.mouse.down()
    page.mouse.move(*at(0.5, 0.9), steps=6)
    page.mouse.up()
    page.locator(".answer").wait_for()
    found = shares(page)
    assert len(found) == 10
    assert found == sorted(found, reverse=True)
    assert sum(found) == pytest.approx(100, abs=1)
    fits(page)
    page.get_by_role("button", name="Clear").click()
    page.locator(".answer").wait_for(state="detached")


def test_a_picture_is_taken_for_what_the_run_took_it_for(page: Any, record: Record):
    """The network gets a test image to the pixel, be it dropped as it is or enlarged."""
    said = record.predictions["test_predicted"]
    images = load(record.config["dataset"]).test.images[..., 0]
    for index, times in ((0, 1), (1, 35), (2, 70)):
        file = io.BytesIO()
        Image.fromarray(np.kron(images[index], np.ones((times, times), np.uint8))).save(file, "PNG")
        picture = {"name": "digit.png", "mimeType": "image/png", "buffer": file.getvalue()}
        page.get_by_label("A picture").set_input_files(picture)
        page.locator(f".answer[data-class='{said[index]}']").wait_for()
        seen = page.get_by_alt_text("The picture as the network gets it").get_attribute("src")
        got = Image.open(io.BytesIO(base64.b64decode(seen.partition(",")[2]))).convert("L")
        np.testing.assert_array_equal(np.asarray(got), images[index])
        page.get_by_role("button", name="Clear").click()


def test_what_is_no_picture_is_said(page: Any):
    file = {"name": "digit.png", "mimeType": "image/png", "buffer": b"this is text"}
    page.get_by_label("A picture").set_input_files(file)
    page.locator(".trouble", has_text="digit.png is no picture").wait_for()


def test_the_page_looks_once_and_says_so(tmp_path: Path):
    pytest.importorskip("onnx")
    spec = {
        "study": "looks",
        "dataset": {"name": "digits", "train": 100},
        "network": {"family": "mlp", "hidden": [8]},
        "training": {"epochs": 1},
        "task": {"test_time": "translate"},
    }
    (run,) = assay.run(spec, store=tmp_path, workers=1).records()
    asked = ["export-page", run.run_id[:10], "--out", str(tmp_path / "page")]
    assert main([*asked, "--store", str(tmp_path)]) == 0
    assert json.loads((tmp_path / "page" / "about.json").read_text())["views"] == 5


def test_images_that_the_page_cannot_compute_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    spec = {
        "study": "whitened",
        "dataset": {"name": "digits", "train": 100, "zca_whitening": True},
        "network": {"family": "mlp", "hidden": [8]},
        "training": {"epochs": 1},
    }
    (run,) = assay.run(spec, store=tmp_path, workers=1).records()
    asked = ["export-page", run.run_id[:10], "--out", str(tmp_path / "page")]
    assert main([*asked, "--store", str(tmp_path)]) == 2
    assert "changed by dataset.zca_whitening" in capsys.readouterr().err


def test_a_network_of_ones_own_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    code = (
        "from torch import nn\n\n\ndef net():\n"
        "    return nn.Sequential(nn.Flatten(), nn.Linear(64, 10))\n"
    )
    (tmp_path / "own_page_parts.py").write_text(code, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    spec = {
        "study": "own",
        "dataset": {"name": "digits", "train": 100},
        "network": {"module": "own_page_parts:net"},
        "training": {"epochs": 1},
    }
    (run,) = assay.run(spec, store=tmp_path, on="inline").records()
    asked = ["export-page", run.run_id[:10], "--out", str(tmp_path / "page")]
    assert main([*asked, "--store", str(tmp_path)]) == 2
    said = "a page needs a network that assay describes"
    assert said in capsys.readouterr().err
