"""The pictures of `assay serve` and of a report in README and docs, taken in a real browser.

    python benchmarks/screenshots.py [--store DIR]

DIR must hold the studies `tour` and `how-good-on-digits`; without it, the script trains them first,
which takes about a minute. It writes docs/serve-*.png and docs/report.png, in 256 colours.
"""

from __future__ import annotations

import argparse
import io
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image

import assay
from pages import CHROMIUM, FLAGS, QUIET, serving

DOCS = Path(__file__).parents[1] / "docs"

SEARCH = {
    "study": "how-good-on-digits",
    "question": "How good an MLP for small digits does a search find?",
    "dataset": {"name": "digits", "train": 800},
    "network": {"family": "mlp", "hidden": [32]},
    "training": {"epochs": 20, "batch_size": 32, "optimizer": "adam"},
    "repeats": 3,
    "search": {
        "sampler": "random",
        "trials": 40,
        "repeats": 2,
        "space": {
            "training.learning_rate": {"float": [3e-4, 3e-2], "log": True},
            "network.activation": {"choice": ["relu", "tanh", "sigmoid"]},
            "training.batch_size": {"choice": [16, 32, 64]},
        },
    },
}


def study(page: Any) -> None:
    """The answer, the effects and the curves."""
    page.locator("#effects table.forest tr").first.wait_for()
    page.locator("#curve-grid canvas").nth(3).wait_for()


def search(page: Any) -> None:
    """From the heading of the search on."""
    page.locator("#search polyline").first.wait_for()
    page.locator("#search table.shares tr").first.wait_for()
    page.locator("#search").evaluate("e => scrollTo(0, e.offsetTop - 8)")


def clock(page: Any) -> None:
    """A slightly rotated and tilted dial."""
    page.locator(".reading").first.wait_for(timeout=120_000)
    for name, value in (("Turn", "0.06"), ("Tilt", "0.08")):
        page.get_by_label(name, exact=True).fill(value)
    page.get_by_role("slider", name="minute hand").focus()
    for _ in range(27):
        page.keyboard.press("ArrowRight")
    page.locator(".hands .time", has_text="2:37").wait_for()
    page.get_by_role("slider", name="minute hand").blur()
    page.wait_for_timeout(2000)  # the reading follows


def network(page: Any) -> None:
    """Three seeds that have learned the spiral."""
    page.get_by_role("button", name="Train").click()
    page.wait_for_function("() => document.querySelector('#epoch')?.dataset.epoch >= 80")
    page.get_by_role("button", name="Pause").click()


PICTURES: dict[str, tuple[str, tuple[int, int], Any, Callable[[Any], None]]] = {
    "study": ("/study/tour", (1180, 1000), "light", study),
    "search": ("/study/how-good-on-digits", (1180, 1180), "light", search),
    "clock": ("/page/clock", (1180, 760), "light", clock),
    "network": ("/page/network", (1180, 960), "light", network),
    "phone": ("/page/clock", (390, 844), "dark", clock),
}


def trained(folder: Path) -> Path:
    """Train both studies into a store."""
    for made in (SEARCH, "tour"):
        assay.run(made, store=folder)
    return folder


def save(page: Any, name: str) -> None:
    """Write what a page shows to a file of docs."""
    page.wait_for_timeout(500)
    image = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    file = DOCS / f"{name}.png"
    few = image.quantize(256, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    few.save(file, optimize=True)
    print(f"{file.name}: {file.stat().st_size / 1000:.0f} kB")
    page.close()


def report(browser: Any, store: Path, folder: Path) -> None:
    """The beginning of the report of tour, with all combinations shown."""
    file = assay.load(store)["tour"].report(folder / "report.html")
    page = browser.new_page(viewport={"width": 1040, "height": 2040}, color_scheme="light")
    page.goto(file.as_uri())
    for more in page.locator("#answer details").all():
        more.evaluate("e => e.open = true")
    save(page, "report")


def main() -> None:
    """Open each page and take a screenshot."""
    from playwright.sync_api import sync_playwright

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--store", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=[*FLAGS, *QUIET])
        store = given.store or trained(Path(folder) / "store")
        report(browser, store, Path(folder))
        with serving(store) as (site, _):
            for name, (path, (width, height), scheme, ready) in PICTURES.items():
                size = {"width": width, "height": height}
                page = browser.new_page(viewport=size, color_scheme=scheme)
                page.goto(site + path)
                ready(page)
                save(page, f"serve-{name}")


if __name__ == "__main__":
    main()
