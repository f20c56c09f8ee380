"""The page on a telephone, on paper, and when a part of it cannot be made."""

from __future__ import annotations

import io
import math
import re

import numpy as np
import pytest
from PIL import Image

from assay.core.records import trial_id
from assay.networks.families import build_network
from assay.reports import forest, predictions, write_html
from assay.reports.html import ReportError, render_html
from assay.reports.paper.drawn import save
from assay.reports.settings import network_tables
from assay.statistics import effects

PHONE = 360 - 2 * 20
"""Pixels between the margins of the page."""


@pytest.mark.parametrize("name", ["tour", "factors", "trouble"])
def test_text_of_figures_can_be_read_on_a_telephone(page, name):
    page = page(name)
    drawings = re.findall(r'<div class="narrow">(<svg.*?</svg>)', page, re.S)
    assert len(drawings) == page.count('<div class="wide">') > 2
    for drawing in drawings:
        shown = PHONE / float(re.search(r'viewBox="0 0 ([\d.]+)', drawing)[1])
        sizes = [float(s) for s in re.findall(r"font-size: ([\d.]+)px", drawing)]
        assert sizes
        assert min(sizes) * shown >= 9


def test_paper_shows_what_a_screen_may_fold_and_numbers_its_pages(page):
    page = page("trouble")
    printed = page[page.index("@media print") :]
    assert "details::details-content" in printed
    assert "counter(page)" in printed
    assert "orphans: 3" in printed
    for title in ("The study file", "How to read the numbers"):
        assert f"<details open><summary>{title}" in page


def test_only_classes_with_mistakes_are_listed(page):
    page = page("factors")
    assert "<span>0 wrong</span>" not in page


def test_networks_and_settings_stand_in_plain_sight(page):
    page = page("factors")
    part = page[page.index('<section id="networks"') : page.index('<section id="data"')]
    assert "<details" not in part
    assert "Network of every trial" in part
    assert "dense 16" in part
    assert "1,210 trainable parameters" in part
    assert "training.epochs" in part


@pytest.mark.parametrize("dpi", [72, 200])
def test_numbers_beside_a_figure_are_not_cut_in_any_resolution(study, dpi):
    figure = forest.draw_effects(effects(*study("factors")))
    buffer = io.BytesIO()
    save(figure, buffer, "png", dpi=dpi)
    grey = np.asarray(Image.open(buffer).convert("L"))
    inked = np.flatnonzero((grey < 250).any(axis=0))
    assert inked[0] > 0
    assert grey.shape[1] - 1 - inked[-1] >= dpi // 72  # a point


def test_networks_that_differ_in_an_option_alone_share_a_table(study):
    plan, _ = study("factors")
    kinds = {t["trial_id"]: "zeros" if i else "he_normal" for i, t in enumerate(plan["trials"])}

    def one(config):
        network = {"family": "mlp", "hidden": [16], "kernel_initializer": kinds[trial_id(config)]}
        return build_network(network, (8, 8, 1), {"classes": 10})

    (table,) = network_tables(plan, one)
    assert [r["layer"] for r in table.rows if r["name"] == "trunk.1"] == ["dense 16, …"]
    assert "see the settings" in table.notes[1]


def broken(*args, **kwargs):
    raise ValueError("no \x1b pen")


def test_a_figure_that_cannot_be_drawn_costs_no_report(study, images, tmp_path, monkeypatch):
    monkeypatch.setattr(forest, "draw_effects", broken)
    monkeypatch.setattr(predictions, "mistakes", broken)
    with pytest.raises(ReportError, match="Effect of each factor") as caught:
        write_html(*study("tour"), tmp_path / "report.html", images)
    assert caught.value.path == tmp_path / "report.html"
    assert isinstance(caught.value.__cause__, ValueError)
    page = caught.value.path.read_text(encoding="utf-8")
    assert r"This figure could not be drawn: ValueError: no \x1b pen." in page
    assert r"Mistakes: ValueError: no \x1b pen" in page
    assert "Every run" in page
    assert [p.name for p in tmp_path.iterdir()] == ["report.html"]
    with pytest.raises(ValueError, match="pen"):
        render_html(*study("tour"), images)  # tests see it


def test_tables_of_layers_end_where_they_are_too_many_but_the_first_is_whole():
    trials = [
        {"label": str(depth), "trial_id": str(depth), "config": {"depth": depth}, "levels": {}}
        for depth in (2, 3, 4)
    ]
    plan = {"study": "deep", "trials": trials}

    def network_of(config):
        hidden = {"family": "mlp", "hidden": [8] * config["depth"]}
        return build_network(hidden, (4, 4, 1), {"classes": 2})

    def shown(most):
        return [len(table.rows) for table in network_tables(plan, network_of, most)]

    every = shown(math.inf)
    assert len(every) == 3
    assert shown(every[0] + every[1]) == every[:2]
    assert shown(1) == every[:1]
    (table,) = network_tables(plan, network_of, 1)
    assert table.notes[-1] == "2 more networks: assay network show deep --trial LABEL."
