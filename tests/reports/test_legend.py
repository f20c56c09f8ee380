"""Legends: they are read row by row, as wide as the figure and no wider."""

from __future__ import annotations

import pytest

from assay.reports.style import NARROW, WIDE, draw_legend, legend_height, new_figure, styled

VERDICTS = ["better", "worse", "no significant difference"]
TRIALS = [f"{name} with a mean of 0.5 mm" for name in ("one", "two", "three", "four", "five")]


@styled
def draw(labels, width):
    figure = new_figure(2.0 + legend_height(labels, width), width)
    lines = figure.subplots().plot([0, 1], [[i] * len(labels) for i in range(2)])
    draw_legend(figure, lines, labels, width)
    return figure


def drawn(labels, width):
    figure = draw(labels, width)
    figure.draw_without_rendering()  # places the texts
    return figure


def rows(figure):
    """The labels of a legend as they stand on the figure, from the top, each from the left."""
    places = {}
    for text in figure.legends[0].get_texts():
        box = text.get_window_extent()
        places.setdefault(round((box.y0 + box.y1) / 20), []).append((box.x0, text.get_text()))
    return [[label for _, label in sorted(places[y])] for y in sorted(places, reverse=True)]


def test_what_fits_stands_in_one_row_and_more_is_read_row_by_row():
    assert rows(drawn(VERDICTS, WIDE)) == [VERDICTS]
    assert rows(drawn(VERDICTS, NARROW)) == [VERDICTS[:2], VERDICTS[2:]]
    wrapped = rows(drawn(TRIALS, WIDE))
    assert 1 < len(wrapped) < len(TRIALS)
    assert [label for row in wrapped for label in row] == TRIALS


@pytest.mark.parametrize("width", [WIDE, NARROW])
@pytest.mark.parametrize("labels", [VERDICTS, TRIALS, ["W" * 20, "M" * 20], list("0123456789ab")])
def test_a_legend_stays_on_its_figure(labels, width):
    figure = drawn(labels, width)
    box = figure.legends[0].get_window_extent()
    assert box.x0 >= 0
    assert box.x1 <= width * figure.dpi
    assert figure.axes[0].get_window_extent().y1 < box.y0
