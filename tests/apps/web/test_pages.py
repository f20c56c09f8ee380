"""The pages in a real browser: each opens, shows the numbers of the reports, and can be sent."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import assay
from assay.apps.web import run_view
from assay.apps.web.shelf import Shelf
from assay.core.records import Record
from assay.core.store import Store

AXE = Path(__file__).with_name("vendor") / "axe.min.js"

Visit = Callable[..., Any]


def faults(page: Any) -> list[str]:
    """What axe-core finds on a page."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{v['id']}: {node['html'][:200]}" for v in found["violations"] for node in v["nodes"][:3]
    ]


LOOKS = [(w, scheme) for w in (360, 1600) for scheme in ("light", "dark")]


def fits(page: Any) -> None:
    """A page has no faults for axe-core, and nothing beyond its edge, in all sizes and colours."""
    for width, scheme in LOOKS:
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme=scheme)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert faults(page) == [], f"{width} pixels, {scheme}"


def has(found: Any, count: int) -> None:
    """Wait until a locator finds so many."""
    from playwright.sync_api import expect

    expect(found).to_have_count(count)


def first_run(store: Path, study: str = "small") -> str:
    return sorted(record.run_id for record in assay.load(store)[study].records())[0]


def test_studies_are_a_table_with_their_best(visit: Visit, lab_store: Path):
    page = visit("/")
    row = page.locator("table.studies tr", has_text="Does the rate matter?")
    row.locator("b").wait_for()
    table = assay.load(lab_store)["small"].trials_table()
    best = next(r for r in table.rows if r["best"])
    assert f"{100 * best['test_accuracy']:.2f}" in row.inner_text()
    assert "4 of 4" in row.inner_text()
    page.get_by_label("Find").fill("small matter")
    has(page.locator("table.studies tbody tr"), 1)
    assert "find=small+matter" in page.url
    row.get_by_role("link").click()
    page.wait_for_url("**/study/small")


def test_a_study_shows_what_the_reports_say(visit: Visit, lab_store: Path):
    page = visit("/study/small")
    results = assay.load(lab_store)["small"]
    page.locator("#effects table.forest tr").first.wait_for()
    page.locator("#curve-grid canvas").first.wait_for()
    page.locator("table.runs tbody tr").first.wait_for()
    text = page.inner_text("main").replace("\u2212", "-")
    for sentence in results.sentences():
        assert sentence.replace("\u2212", "-") in text
    for texts in results.trials_table().texts():
        assert all(cell in text for cell in texts)
    has(page.locator("table.runs tbody tr"), 4)
    # the mean of a curve is that of all its runs
    curves = json.loads(page.evaluate("fetch('/api/curves?name=small').then((r) => r.text())"))
    records = [r for r in results.records() if r.trial_id == curves["chosen"][0]]
    means = sum(r.curves["val_loss"].astype(float) for r in records) / len(records)
    assert curves["curves"][0]["series"]["val_loss"]["mean"] == pytest.approx(means.tolist())
    # in the unit of the tables
    percent = 100 * sum(r.curves["val_accuracy"].astype(float) for r in records) / len(records)
    assert curves["curves"][0]["series"]["val_accuracy"]["mean"] == pytest.approx(percent.tolist())
    titles = page.locator("#curve-grid figcaption").all_inner_texts()
    assert titles[:2] == ["validation accuracy (%)", "training accuracy (%)"]


def test_runs_are_filtered_sorted_and_compared_and_the_address_says_how(visit: Visit):
    page = visit("/study/small")
    page.locator("table.runs tbody tr").first.wait_for()
    page.get_by_label("Filter").fill("seed=1")
    has(page.locator("table.runs tbody tr"), 2)
    page.locator("table.runs").get_by_role("button", name="validation loss").click()
    for box in page.locator("table.runs input[type=checkbox]").all():
        box.check()
    page.locator("#comparison").wait_for()
    assert "training.learning_rate" in page.locator("#comparison").inner_text()
    other = visit(page.url)
    other.locator("#comparison").wait_for()
    has(other.locator("table.runs tbody tr"), 2)
    assert other.locator("th[aria-sort]").inner_text().startswith("validation loss")


def test_trials_are_drawn_by_a_click(visit: Visit):
    page = visit("/study/small")
    page.locator("#curve-grid canvas").first.wait_for()
    chips = page.locator(".chips button")
    has(chips, 2)
    chips.nth(1).click()
    assert chips.nth(1).get_attribute("aria-pressed") == "false"
    assert "trials=" in page.url
    page.wait_for_function(
        "() => !document.querySelector('.plot').getAttribute('aria-label').includes(';')"
    )


def test_a_run_shows_its_record(visit: Visit, lab_store: Path):
    run = first_run(lab_store)
    page = visit(f"/run/{run[:10]}")
    (record,) = [r for r in assay.load(lab_store)["small"].records() if r.run_id == run]
    page.locator("#mistakes img").first.wait_for()
    text = page.inner_text("main")
    assert f"{100 * record.metrics['test_accuracy']:.2f}" in text
    assert "optimizer" in text
    steps = page.locator("#metrics tr", has_text="steps").locator("td").inner_text()
    assert steps == f"{record.metrics['steps']:.0f}"
    assert page.locator("#curves figcaption").all_inner_texts() == ["accuracy (%)", "loss"]
    drawn = page.locator("#curves .plot").first.get_attribute("aria-label") or ""
    assert f"validation ends at {100 * record.curves['val_accuracy'][-1]:.5g}" in drawn
    took = page.locator("#time tr", has_text="training").first.locator("td").inner_text()
    assert re.fullmatch(r"[\d.]+ (ms|s)", took)
    cells = page.locator(".confusion td").all_inner_texts()
    assert sum(int(c) for c in cells if c) == len(record.predictions["test_target"])
    page.get_by_role("link", name="small").click()
    page.wait_for_url("**/study/small")


def test_a_metric_that_was_recorded_with_its_interval_is_shown_with_it(tmp_path: Path):
    metrics = {"test_distance": 12.0, "test_low_distance": 10.25, "test_high_distance": 14.5}
    with Store(tmp_path) as store:
        store.add(Record("a" * 16, "b" * 16, 0, "finished", {}, {}, metrics))
    (row,) = run_view.run(Shelf(tmp_path), "a" * 16)["metrics"]
    assert row["text"] == "12.00 (10.25 to 14.50)"


def test_a_run_is_called_as_in_its_study(visit: Visit, lab_store: Path):
    """The trial of the first level is the baseline; everywhere it is called by its level."""
    results = assay.load(lab_store)["small"]
    baseline = next(r for r in results.trials_table().rows if r["baseline"])
    run = next(r.run_id for r in results.records() if r.trial_id == baseline["trial_id"])
    page = visit(f"/run/{run}")
    assert page.locator("h1").inner_text().startswith("0.01, seed ")


def test_a_study_whose_runs_failed_says_why_and_is_resumed(visit: Visit):
    page = visit("/study/broken")
    page.locator("table.runs tbody tr").first.wait_for()
    page.locator(".loading").first.wait_for(state="detached")
    assert "KeyError: 'units'" in page.locator("table.runs tbody tr").inner_text()
    assert page.get_by_role("button", name="Resume broken").count() == 1
    assert page.get_by_role("link", name="Edit").count() == 0  # its text is not here
    page = visit("/")
    page.locator("tr", has_text="broken").locator(".state.failed").wait_for()


def test_an_imported_study_is_not_to_be_trained(visit: Visit):
    page = visit("/study/elsewhere")
    page.locator("table.runs tbody tr").first.wait_for()
    assert page.locator("table.runs tbody tr").first.inner_text().endswith("-")  # no time is known
    for name in ("Resume", "Edit"):
        assert page.get_by_text(name, exact=True).count() == 0


def test_a_search_shows_its_trials(visit: Visit):
    page = visit("/study/small-search")
    page.locator("#search svg polyline").first.wait_for()
    has(page.locator("#search svg polyline"), 9)
    has(page.locator("#tried tbody tr"), 9)
    page.locator("table.shares tr").first.wait_for()
    page.locator("#search svg polyline").first.dispatch_event("click")
    has(page.locator("#tried tbody tr"), 1)
    assert "trial=" in page.url


@pytest.mark.parametrize("address", ["/", "/study/small", "/study/small-search", "RUN", "/new"])
def test_pages_fit_and_are_accessible(visit: Visit, lab_store: Path, address: str):
    page = visit(f"/run/{first_run(lab_store)}" if address == "RUN" else address)
    page.wait_for_load_state("load")
    page.locator(".loading").first.wait_for(state="detached")
    fits(page)


def test_pages_work_by_keyboard_alone(visit: Visit):
    page = visit("/")
    page.locator("table.studies a").first.wait_for()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent") == "small":
            break
    page.keyboard.press("Enter")
    page.wait_for_url("**/study/small")
    page.locator("table.runs tbody tr").first.wait_for()
    assert page.evaluate("document.activeElement.id") == "main"  # read from the start
    page.get_by_role("button", name="seed", exact=True).focus()
    page.keyboard.press("Enter")
    assert page.locator("th[aria-sort]").inner_text() == "seed"
    page.get_by_text("Download", exact=True).focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Report"
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement.textContent") == "Download"
    assert page.locator("details.menu[open]").count() == 0


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("/", "table.studies b"), ("/study/small", "#effects table.forest"),
        ("/study/small-search", "#search polyline"), ("RUN", "#mistakes img"),
    ],
)  # fmt: skip
def test_a_page_is_saved_as_one_file_that_needs_nothing(
    visit: Visit, lab_store: Path, tmp_path: Path, address: str, shown: str
):
    page = visit(f"/run/{first_run(lab_store)}" if address == "RUN" else address)
    page.wait_for_load_state("load")
    page.locator(shown).first.wait_for()
    for canvas in ("#curve-grid canvas", "table.runs tbody tr") if "study" in address else ():
        page.locator(canvas).first.wait_for()
    if "study" in address:
        page.get_by_text("Download", exact=True).click()
    with page.expect_download() as waiting:
        page.get_by_role("button", name="This page as one file").click()
    file = tmp_path / "saved.html"
    waiting.value.save_as(file)
    alone = visit(file.as_uri())  # no error, no request to a server
    alone.locator(shown).first.wait_for()
    assert alone.locator(".trouble").count() == 0
    for what in ("h1", shown, "canvas", "table.runs tbody tr"):
        assert alone.locator(what).all_inner_texts() == page.locator(what).all_inner_texts()


def test_a_file_is_opened_in_the_editor(visit: Visit):
    page = visit("/new")
    text = b"study: mine\ndataset: digits\nnetwork: {family: mlp, hidden: [4]}\nrepeats: 7\n"
    text += b"training: {epochs: 1}\n"
    file = {"name": "mine.yaml", "mimeType": "text/yaml", "buffer": text}
    page.get_by_label("Open a file").set_input_files(file)
    page.locator(".fine", has_text="mine: 1 trial, 7 runs").wait_for()
    assert page.get_by_label("Text of the study").input_value() == text.decode()


def test_what_is_not_there_is_said(visit: Visit):
    page = visit("/nothing/here")
    assert "no such page" in page.locator("h1").inner_text()
    visit.wrong.clear()  # type: ignore[attr-defined]
    page.goto(page.url.replace("/nothing/here", "/study/smal"))
    page.locator(".trouble").wait_for()
    assert "did you mean 'small'?" in page.locator(".trouble").inner_text()
    visit.wrong[:] = [w for w in visit.wrong if "404" not in w]  # type: ignore[attr-defined]


def test_a_report_has_no_faults_for_axe(visit: Visit, lab_store: Path, tmp_path: Path):
    report = assay.load(lab_store)["small"].report(tmp_path / "report.html")
    fits(visit(Path(report).as_uri(), bypass_csp=True))
