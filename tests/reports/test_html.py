"""The page: complete, closed to the outside, safe with any text, and the same every time."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from assay.core.errors import StoreError
from assay.data import load
from assay.reports import predictions, write_html
from assay.reports.html import render_html
from assay.reports.pixel_grid import FRAMES, animation

VOID = {"meta", "img", "br", "link", "input", "hr"}


class Page(HTMLParser):
    """Collects what the tests ask about; fails on tags that do not match."""

    def __init__(self, text):
        super().__init__()
        self.open, self.ids, self.addresses, self.tags = [], [], [], []
        self.attributes = []
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.tags.append(tag)
        self.attributes.append((tag, found))
        self.ids += [found["id"]] if "id" in found else []
        self.addresses += [v for k, v in attrs if k in ("src", "href", "srcset", "action", "data")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.mark.parametrize("name", ["tour", "factors", "trouble"])
def test_a_page_is_well_formed_and_needs_nothing_outside(page, name):
    text = page(name)
    found = Page(text)
    assert len(found.ids) == len(set(found.ids))
    assert all(a.startswith(("#", "data:image/png;base64,")) for a in found.addresses)
    assert {a[1:] for a in found.addresses if a.startswith("#")} <= set(found.ids)
    inside = set(re.findall(r"url\(#([^)]+)\)", text))
    assert inside <= set(found.ids)
    assert not re.search(r"@import|url\((?!#)", text)
    assert not {"script", "link", "iframe", "object"} & set(found.tags)
    assert "default-src 'none'" in text


def test_a_page_can_be_used_without_eyes_or_mouse(page):
    found = Page(page("tour"))
    assert {"main", "nav", "header", "footer", "h1", "caption"} <= set(found.tags)
    assert found.tags.count("h1") == 1
    assert all(a.get("alt") for tag, a in found.attributes if tag == "img")
    assert all(a.get("scope") in ("row", "col") for tag, a in found.attributes if tag == "th")
    labels = [a["aria-labelledby"] for tag, a in found.attributes if tag == "svg"]
    assert labels
    assert set(labels) <= set(found.ids)
    assert found.tags.count("table") == found.tags.count("caption")


def test_the_answer_comes_first_and_a_command_is_said_once(page):
    text = page("tour")
    names = ["answer", "figures", "closer", "tables", "published", "networks", "data",
             "environment", "study"]  # fmt: skip
    places = [text.index(f'<section id="{name}"') for name in names]
    assert places == sorted(places)
    Page(text)
    assert text.count("assay report tour") == 1
    assert text.count("assay results tour<") == 1
    assert "is the best of 2 networks by validation accuracy" in text


def test_text_of_a_study_cannot_become_markup(study, images):
    plan, records = study("trouble")
    evil = '<script>alert(1)</script>"><img src=x onerror=y>'
    trials = [{**plan["trials"][0], "label": evil}, *plan["trials"][1:]]
    nasty = {**plan, "question": evil, "study": evil, "trials": trials, "source": {"a": evil},
             "command": evil}  # fmt: skip
    text = render_html(nasty, records, images)
    found = Page(text)
    assert "script" not in found.tags
    assert not any("onerror" in a for _, a in found.attributes)
    assert "&lt;script&gt;" in text


def test_without_images_the_page_says_what_is_missing(study):
    text = render_html(*study("tour"), lambda spec: None)
    assert "No examples: the images were not found" in text
    assert "Not shown: the images were not found" in text
    assert "<img" not in text
    assert "Confusion" in text  # it needs no pixels


def test_a_study_without_runs_has_a_page(study, images):
    plan, _ = study("tour")
    text = render_html(plan, [], images)
    Page(text)
    assert "No run on digits has finished." in text
    assert "20 of 20 runs are missing" in text


def test_equal_records_give_equal_pages(page, rendered):
    first = page("trouble")
    del rendered["trouble"]
    assert page("trouble") == first


def test_permuted_images_stand_beside_plain_ones(page):
    text = page("tour")
    assert text.count("before the pixels were permuted") > 20
    assert "before the pixels were permuted" not in page("factors")


def test_colours_of_figures_follow_the_page(page):
    drawing = re.search(r"<svg.*?</svg>", page("factors"), re.S)[0]
    assert "currentColor" in drawing
    assert "var(--c0)" in drawing or "var(--c1)" in drawing
    assert "#1b1f24" not in drawing


def test_writing_is_whole_or_an_error_that_names_the_file(study, images, tmp_path):
    nothing = (study("tour")[0], [])
    path = write_html(*nothing, tmp_path / "new" / "report.html", images)
    assert path.read_text(encoding="utf-8") == render_html(*nothing, images)
    assert [p.name for p in path.parent.iterdir()] == ["report.html"]
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot write the report"):
        write_html(*nothing, tmp_path / "file" / "report.html", images)


def test_pictures_of_any_number_of_trials_keep_to_the_style(study, images):
    plan, records = study("trouble")
    many = {**plan, "trials": plan["trials"] * 11}  # labels repeat; 60 of 66 rows are drawn
    text = render_html(many, records, images)
    assert "more trials are in the table" in text


def test_a_restored_dataset_shows_all_three_states_and_how_it_got_there():
    from assay.data.permutation import permute, pixel_permutation, restore

    plain = load({"name": "digits"})
    truth = pixel_permutation(3, 8, 8)
    order = np.argsort(truth)[np.rot90(np.arange(64).reshape(8, 8)).ravel()]  # right, but turned
    images = permute(permute(plain.train.images, truth), order)
    spec = {**plain.spec, "permute": 3, "restore": True}
    dataset = replace(
        plain, spec=spec, permutation=truth[order], train=replace(plain.train, images=images)
    )
    found = predictions.examples(dataset)
    assert found["originals"] is not None
    assert found["shuffled"] is not None
    assert (found["images"] == np.rot90(found["originals"], axes=(1, 2))).all()
    assert (restore(found["shuffled"], truth) == found["originals"]).all()
    way = predictions.journey(dataset)
    assert way is not None
    # the pixel at permuted place k came from truth[k] and lies now where rot90 moved that to
    turned = np.argsort(np.rot90(np.arange(64).reshape(8, 8)).ravel())
    assert (way[0] == truth).all()
    assert (way[1] == turned[truth]).all()
    assert predictions.journey(plain) is None
    content = animation(*way, (8, 8), scale=2)
    picture = Image.open(io.BytesIO(content))
    assert picture.size == (16, 16)
    assert FRAMES // 3 < getattr(picture, "n_frames", 1) <= FRAMES + 1  # equal ones are joined
