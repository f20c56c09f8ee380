"""How pages look on paper, with long names, and with numbers that stand below each other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Visit = Callable[..., Any]


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
