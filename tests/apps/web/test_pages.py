"""The pages in a real browser: each opens, shows the numbers of the reports, and can be sent."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import assay

AXE = Path(__file__).with_name("vendor") / "axe.min.js"

Visit = Callable[..., Any]


def serious(page: Any) -> list[str]:
    """What axe-core calls serious or critical on a page."""
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{v['id']}: {node['html'][:200]}"
        for v in found["violations"]
        if v["impact"] in ("serious", "critical")
        for node in v["nodes"][:3]
    ]


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
    page.get_by_label("Find").fill("small rate")
    has(page.locator("table.studies tbody tr"), 1)
    assert "find=small+rate" in page.url
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
    cells = page.locator(".confusion td").all_inner_texts()
    assert sum(int(c) for c in cells if c) == len(record.predictions["test_target"])
    page.get_by_role("link", name="small").click()
    page.wait_for_url("**/study/small")


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
@pytest.mark.parametrize(("width", "scheme"), [(360, "light"), (1600, "dark")])
def test_pages_fit_and_are_accessible(
    visit: Visit, lab_store: Path, address: str, width: int, scheme: str
):
    address = f"/run/{first_run(lab_store)}" if address == "RUN" else address
    page = visit(address, width, color_scheme=scheme)
    page.wait_for_load_state("load")
    page.locator(".loading").first.wait_for(state="detached")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert serious(page) == []


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
    page.locator("table.runs").wait_for()


def test_a_page_is_saved_as_one_file_that_needs_nothing(visit: Visit, tmp_path: Path):
    page = visit("/study/small")
    page.locator("#curve-grid canvas").first.wait_for()
    page.locator("table.runs tbody tr").first.wait_for()
    page.locator("#effects table.forest").wait_for()
    page.get_by_text("Download", exact=True).click()
    with page.expect_download() as waiting:
        page.get_by_role("button", name="This page as one file").click()
    file = tmp_path / "saved.html"
    waiting.value.save_as(file)
    context = page.context.browser.new_context()
    asked: list[str] = []
    alone = context.new_page()
    alone.on("request", lambda r: asked.append(r.url))
    errors: list[str] = []
    alone.on("pageerror", lambda e: errors.append(str(e)))
    alone.on("console", lambda m: m.type == "error" and errors.append(m.text))
    alone.goto(file.as_uri())
    alone.locator("#curve-grid canvas").first.wait_for()
    assert alone.locator("table.runs tbody tr").count() == 4
    assert alone.locator("h1").inner_text() == page.locator("h1").inner_text()
    assert [url for url in asked if not url.startswith(("file:", "data:", "blob:"))] == []
    assert errors == []
    context.close()


def test_what_is_not_there_is_said(visit: Visit):
    page = visit("/nothing/here")
    assert "no such page" in page.locator("h1").inner_text()
    visit.wrong.clear()  # type: ignore[attr-defined]
    page.goto(page.url.replace("/nothing/here", "/study/smal"))
    page.locator(".trouble").wait_for()
    assert "did you mean 'small'?" in page.locator(".trouble").inner_text()
    visit.wrong[:] = [w for w in visit.wrong if "404" not in w]  # type: ignore[attr-defined]
