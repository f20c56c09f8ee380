"""Labels: shown as written, what cannot be shown as an escape, and never cut where they differ."""

from __future__ import annotations

import re
from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as st

from assay.core.text import visible
from assay.reports.figures import draw_runs
from assay.reports.html import render_html
from assay.reports.svg import svg
from assay.reports.texts import tell_apart, width, wrap
from assay.reports.views import run_values

ODD = [
    "中文 = +1",
    "שלום עולם",
    "e\u0301 \U0001f642\u200d\U0001f525",
    "$x_1$ costs $5",
    r"\alpha {{ 7*7 }} %d",
    "<script>alert(1)</script>",
    "\x1b[31mred\x07",
    "caf\udce9 \ud800",
    "\u202egnp.exe",
    "a\nb\tc",
    "very long " * 60,
]


def test_a_common_beginning_goes_and_the_differing_part_stays():
    long = "kernel_initializer = "
    assert tell_apart([f"{long}glorot_uniform", f"{long}he_uniform"], 20, lines=1) == [
        "glorot_uniform",
        "he_uniform",
    ]
    assert tell_apart(["relu", "tanh"], 20) == ["relu", "tanh"]
    middle = tell_apart([f"{'x' * 90}a{'y' * 90}", f"{'x' * 90}b{'y' * 90}"], 20)
    assert "a" in middle[0]
    assert "b" in middle[1]


@given(st.lists(st.text(max_size=80), min_size=1, max_size=6), st.integers(8, 30))
def test_different_labels_stay_different_and_keep_to_their_lines(labels, length):
    found = tell_apart(labels, length)
    texts = [" ".join(visible(label).split()) for label in labels]
    assert len(set(found)) == len(set(texts))
    assert all(width(line) <= length for label in found for line in label.split("\n"))


def test_wide_characters_take_two_columns():
    assert wrap("中文" * 4, 8) == "中文中文\n中文中文"
    assert width("e\u0301") == 1


class Drawn(HTMLParser):
    """The texts of all drawings."""

    def __init__(self, page):
        super().__init__()
        self.texts, self.inside = [], False
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.inside = tag == "text"

    def handle_data(self, data):
        if self.inside:
            self.texts.append(data)
        self.inside = False


def test_odd_labels_are_shown_as_written_in_figures_and_tables(study, images):
    plan, records = study("trouble")
    there = {r.trial_id for r in records if r.status == "finished"}
    ids = [t["trial_id"] for t in plan["trials"] if t["trial_id"] in there]
    labels = {trial: " ".join(ODD[i :: len(ids)]) for i, trial in enumerate(ids)}
    named = [{**t, "label": labels.get(t["trial_id"], t["label"])} for t in plan["trials"]]
    page = render_html({**plan, "trials": named, "question": ODD[6]}, records, images)
    page.encode("utf-8")
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]", page)
    assert "<script" not in page
    drawn = _solid("".join(Drawn(page).texts))
    shown = [text for text in labels.values() if len(text) < 70]
    assert len(shown) >= 4
    assert all(_solid(visible(text)) in drawn for text in shown)


def _solid(text):
    return "".join(text.split())


def test_a_label_with_characters_of_no_installed_font_gives_no_warning(study):
    plan, records = study("trouble")  # warnings are errors here
    trials = [{**t, "label": f"{t['label']} \U00012000 中文"} for t in plan["trials"]]
    entries = run_values({**plan, "trials": trials}, records, "test_accuracy")
    drawn = Drawn(svg(draw_runs({"digits": entries}, "test_accuracy"), "runs", "alt")).texts
    assert "steady \U00012000 中文" in drawn
