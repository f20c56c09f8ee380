"""A report says when test images are read: once at the end, for a curve, or while tuning."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest

from assay.reports.html import render_html
from assay.reports.paper.content import manuscript

ONCE = "the test images are read once for each run, at its end."
CURVE = "the test images choose nothing; they are read at every evaluation, for a curve."


def changed(plan, section, settings):
    """The plan with other settings of its trials."""
    plan = copy.deepcopy(plan)
    for trial in plan["trials"]:
        trial["config"][section].update(settings)
    return plan


@pytest.mark.parametrize(
    ("section", "settings", "said"),
    [
        ("training", {}, [ONCE]),
        ("training", {"test_curve": True}, [CURVE]),
        ("dataset", {"validate_on_test": True}, []),
    ],
)
def test_page_and_paper_say_when_test_images_are_read(
    study, images, material, section, settings, said
):
    plan, records = study("factors")
    page = render_html(changed(plan, section, settings), records, images)
    of_study = material("factors")
    paper = str(manuscript([replace(of_study, plan=changed(of_study.plan, section, settings))]))
    for text in (page, paper):
        assert [known for known in (ONCE, CURVE) if known in text] == said
        assert ("were read while tuning" in text) == (section == "dataset")
