"""How pages look on paper, with long names, and with numbers that stand below each other."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import assay
from assay.apps.web.run_view import metric_columns

Visit = Callable[..., Any]


def first_run(store: Path) -> str:
    return min(record.run_id for record in assay.load(store)["small"].records())


def style(found: Any, name: str) -> str:
    """A computed property of the element that a locator finds."""
    return found.evaluate("(e, name) => getComputedStyle(e)[name]", name)


def test_a_printed_study_keeps_the_key_of_its_curves_and_its_colours(visit: Visit):
    page = visit("/study/small", color_scheme="dark")
    page.locator("#curve-grid canvas").first.wait_for()
    drawn, hidden = page.locator(".chips button").all()
    hidden.click()
    page.emulate_media(media="print", color_scheme="dark")
    assert drawn.is_visible()
    assert not hidden.is_visible()
    assert not page.locator("header").is_visible()
    # without this browsers print neither the intervals of effects nor the key of the curves
    assert style(page.locator(".track .reach").first, "printColorAdjust") == "exact"
    assert style(page.locator("body"), "backgroundColor") == "rgb(255, 255, 255)"
    page.wait_for_function("() => !theme.matches")  # by which the curves take their colours


def test_numbers_below_each_other_have_equal_decimals(visit: Visit):
    (loss,) = metric_columns({"test_loss": [0.0, 0.5, None]})
    assert loss["decimals"] == 4  # not "0" above "0.5000"
    epochs = [metric_columns({"epochs": values})[0] for values in ([2.0, 3.0], [0.8, 2.0])]
    assert [column["decimals"] for column in epochs] == [0, 2]
    page = visit("/study/small")
    page.locator("table.runs tbody tr").first.wait_for()
    assert page.evaluate("[fixed(0, 4), fixed(-1.25, 1), fixed(12000, 0), fixed(null, 2)]") == [
        "0.0000",
        "\u22121.3",
        "12,000",
        "-",
    ]
    ends = page.locator("details", has_text="As a table").last
    ends.locator("summary").click()
    heads, rows = ends.locator("thead th").all_inner_texts(), ends.locator("tbody tr").all()
    assert len(rows) == 2
    for row in rows:
        shown = dict(zip(heads, row.locator("th, td").all_inner_texts(), strict=True))
        assert re.fullmatch(r"\d+\.\d\d", shown["validation accuracy (%)"])
        assert re.fullmatch(r"\d+\.\d{4}", shown["validation loss"])


def test_the_smallest_p_is_sorted_first(visit: Visit):
    page = visit("/")
    given = ["1.00", "0.0010", "< 0.001", "no test", "0.049", "1,024", "-2.5"]
    ordered = page.evaluate("given => given.sort(compare)", given)
    assert ordered == ["-2.5", "< 0.001", "0.0010", "0.049", "1.00", "1,024", "no test"]


LONG = "a" * 70


def test_a_long_name_of_a_class_stays_within_the_page(visit: Visit, lab_store: Path):
    page = visit(f"/run/{first_run(lab_store)}", width=360)
    page.locator(".mistakes span").first.wait_for()
    for name in (".mistakes b", ".confusion thead th"):
        page.locator(name).last.evaluate("(e, text) => { e.textContent = text }", LONG)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.set_viewport_size({"width": 1180, "height": 900})
    assert page.locator(".confusion thead th").last.bounding_box()["width"] <= 170


def test_a_long_name_of_a_class_stays_within_a_report(
    visit: Visit, lab_store: Path, tmp_path: Path
):
    file = assay.load(lab_store)["small"].report(tmp_path / "report.html")
    page = visit(file.as_uri(), width=360)
    for caption in page.locator(".strip figcaption").all():
        caption.evaluate("(e, text) => { e.textContent = text }", LONG)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_a_curve_within_one_epoch_has_ticks_and_one_without_numbers_is_not_drawn(visit: Visit):
    page = visit("/")
    ticks = """() => {
      const texts = [], real = CanvasRenderingContext2D.prototype.fillText;
      CanvasRenderingContext2D.prototype.fillText = function (text, ...more) {
        texts.push(text); return real.call(this, text, ...more);
      };
      const curves = { epoch: [0.4, 0.8], val_loss: [2, 1], val_accuracy: [null, null] };
      const titles = { accuracy: "accuracy (%)", loss: "loss" };
      document.body.innerHTML = "";
      render(html`<${RunCurves} ...${{ curves, titles }} />`, document.body);
      return new Promise((done) => setTimeout(() => done(texts), 1000));
    }"""
    texts = page.evaluate(ticks)
    assert {"0.4", "0.6", "0.8"} <= set(texts)
    assert page.locator("figcaption").all_inner_texts() == ["loss"]


def test_a_server_that_was_stopped_is_said_to_be(visit: Visit):
    page = visit("/study/small")
    page.route("**/api/**", lambda route: route.abort())
    visit.wrong.clear()
    page.get_by_role("link", name="Studies").click()
    said = page.locator(".trouble").first
    said.wait_for()
    assert said.inner_text() == "The server does not answer; is assay serve still running?"
    visit.wrong.clear()  # the browser's own lines about it


def test_a_reading_without_certainty_is_not_called_one(visit: Visit):
    reading = {"name": "a", "title": "a", "minutes": 61.0, "text": "1:01", "error": 0.0}
    shares = [1.0] + 719 * [0.0]
    readings = [
        {**reading, "certainty": None, "shares": None},
        {**reading, "name": "b", "certainty": 1.0, "shares": shares},
    ]
    page = visit("/")
    page.route(
        "**/page/clock/draw",
        lambda route: route.fulfill(json={"image": "", "minutes": 61, "readings": readings}),
    )
    page.get_by_role("link", name="Clock", exact=True).click()
    page.locator(".reading svg").nth(1).wait_for()
    said = [ring.get_attribute("aria-label") for ring in page.locator(".reading svg").all()]
    assert said == ["The reading is 1:01", "Certainty over the 720 times; the likeliest is 1:01"]
