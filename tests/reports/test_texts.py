"""Labels: shown as written, what cannot be shown as an escape, and never cut where they differ."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.reports.html import render_html
from assay.reports.texts import clean, tell_apart, width, wrap

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


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain, 中文 e\u0301", "plain, 中文 e\u0301"),
        ("\x1b[31m", r"\x1b[31m"),
        ("caf\udce9", r"caf\xe9"),
        ("\ud800", r"\ud800"),
        ("\u202egnp", r"\u202egnp"),
        ("a\nb", "a\nb"),
    ],
)
def test_what_cannot_be_shown_is_written_as_an_escape(text, shown):
    assert clean(text) == shown
    assert clean(shown) == shown


def test_a_common_beginning_goes_and_the_differing_part_stays():
    long = "kernel_initializer = "
    assert tell_apart([f"{long}glorot_uniform", f"{long}he_uniform"], 20) == [
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
    texts = [" ".join(clean(label).split()) for label in labels]
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
    by_trial = [r.trial_id for r in records if r.status == "finished"]
    trials = [t for t in plan["trials"] if t["trial_id"] in by_trial]
    for start in range(0, len(ODD), len(trials)):
        labels = dict(zip((t["trial_id"] for t in trials), ODD[start:], strict=False))
        named = [{**t, "label": labels.get(t["trial_id"], t["label"])} for t in plan["trials"]]
        page = render_html({**plan, "trials": named, "question": ODD[6]}, records, images)
        page.encode("utf-8")
        assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]", page)
        drawn = Drawn(page).texts
        for label in labels.values():
            if len(label) < 35:
                assert " ".join(clean(label).split()) in drawn
        assert "<script" not in page


def test_a_label_with_characters_of_no_installed_font_gives_no_warning(study, images):
    plan, records = study("tour")  # warnings are errors here
    trials = [{**t, "label": f"{t['label']} \U00012000 中文"} for t in plan["trials"]]
    assert "\U00012000 中文" in render_html({**plan, "trials": trials}, records, images)
