"""An author's own text in a paper: Markdown whose headings name chapters."""

from __future__ import annotations

import re
from urllib.parse import unquote

import pytest

from assay.core.errors import ConfigError
from assay.reports.paper.blocks import (
    Bullets,
    Chapter,
    Citation,
    Exhibit,
    Link,
    Manuscript,
    Paragraph,
    Styled,
)
from assay.reports.paper.cited import bibliography, known_keys
from assay.reports.paper.content import chapter_called
from assay.reports.paper.prose import read_prose
from assay.reports.paper.typst_exhibits import PageSize
from assay.reports.paper.typst_text import typst_text
from assay.reports.paper.writing import write_latex, write_markdown

CHAPTERS = {"method": "Method", "discussion": "Discussion", "abstract": "Abstract"}
KEYS = known_keys(bibliography())


def prose(tmp_path, text):
    pytest.importorskip("markdown_it")
    (tmp_path / "notes.md").write_text(text, encoding="utf-8")
    return read_prose(tmp_path / "notes.md", CHAPTERS, KEYS)


def test_headings_name_chapters_and_words_keep_their_style(tmp_path):
    found = prose(
        tmp_path,
        "## Discussion\n\nAs *seen* [@holm1979; @he2015], $5 #1.\n\n### Own\n\n- a\n- **b**\n\n"
        "## Method\n\nShort.\n",
    )
    assert list(found) == ["discussion", "method"]
    first, heading, points = found["discussion"]
    assert first == Paragraph(
        (("As ", Styled("seen", "emphasis"), " ", Citation(("holm1979", "he2015")), ", $5 #1."),)
    )
    assert (heading.text, heading.level) == ("Own", 2)
    assert points == Bullets((("a",), (Styled("b", "strong"),)))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "# Discusion\n\nx\n",
            r"notes\.md:1: no such section 'Discusion'; did you mean 'discussion'",
        ),
        ("first\n", r"notes\.md:1: text before the first heading"),
        (
            "# Method\n\nsee [@holm1997]\n",
            r"notes\.md:3: no reference has the key 'holm1997'; did you",
        ),
        ("# Method\n\n![x](gone.png)\n", r"notes\.md:3: the picture 'gone\.png' is not there"),
        (
            "# Method\n\nsee\n![x](my plot.png)\n",
            r"notes\.md:4: .*'my plot\.png' has a space; write it .*\(<my plot\.png>\)",
        ),
        ("# Method\n\n<b>x</b>\n\n<table></table>\n", r"notes\.md:5: HTML is not supported"),
        ("# Method\n\n- a\n  ![x](gone%20%C3%BC.png)\n", r"notes\.md:4: the picture 'gone ü\.png'"),
        ("# Method\n\n- a\n\n  ```\n  x\n  ```\n", r"notes\.md:5: a list has a block of code"),
        ("# Method\n\n- a\n\n  <table></table>\n", r"notes\.md:5: HTML is not supported"),
        ("# Method\n\n## As [@holm1979]\n", r"notes\.md:3: a heading has a picture or a citation"),
        ("# Abstract\n\n- a\n", r"notes\.md:3: an abstract has only paragraphs of text"),
    ],
)
def test_what_is_wrong_in_a_text_is_named_with_its_line(tmp_path, text, said):
    with pytest.raises(ConfigError, match=said):
        prose(tmp_path, text)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("[the *s*](https://x.org/a_b)", ("the ", Styled("s", "emphasis"), " (", "URL", ")")),
        ("<https://x.org/a_b>", ("URL",)),
        ("<a@x.org>", ("a@x.org",)),
        ("[data](my%20data.csv)", ("data", " (", "my data.csv", ")")),
    ],
)
def test_the_address_of_a_link_is_kept(tmp_path, text, parts):
    link = Link("https://x.org/a_b")
    (block,) = prose(tmp_path, f"# Method\n\n{text}\n")["method"]
    assert block == Paragraph((tuple(link if part == "URL" else part for part in parts),))


def test_a_link_stands_in_a_list_a_heading_and_every_format(tmp_path):
    url = "https://x.org/a_b%20c"
    text = f"# Method\n\n## As [there]({url})\n\n- [here]({url})\n"
    heading, points = prose(tmp_path, text)["method"]
    assert heading.text == f"As there ({url})"
    assert points == Bullets((("here", " (", Link(url), ")"),))
    paper = Manuscript("T", abstract=(points.points[0],))
    write_latex(paper, tmp_path / "tex")
    write_markdown(paper, tmp_path / "t.md")
    assert f"here (\\url{{{url}}})" in (tmp_path / "tex" / "main.tex").read_text(encoding="utf-8")
    assert f"here (<{url}>)" in (tmp_path / "t.md").read_text(encoding="utf-8")
    assert f'#link("{url}")' in typst_text(paper, PageSize(6.4), tmp_path)


def test_pictures_of_one_name_stay_two_pictures(tmp_path):
    for folder in ("a", "b", "bilder ü"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "my plot.png").write_bytes(folder.encode())
    blocks = prose(
        tmp_path,
        "# Method\n\n![A](<a/my plot.png>)\n\n![B](b/my%20plot.png)\n\n"
        "1. a point\n   ![C](<bilder ü/my plot.png>)\n2. another\n",
    )["method"]
    assert [type(b) for b in blocks] == [Exhibit, Exhibit, Bullets, Exhibit]  # behind its list
    assert [point[0].strip() for point in blocks[2].points] == ["a point", "another"]
    paper = Manuscript("T", chapters=(Chapter("method", "Method", tuple(blocks)),))
    write_latex(paper, tmp_path / "tex")
    write_markdown(paper, tmp_path / "my out.md")
    for shown, folder in ((r"\]\((.*)\)", tmp_path), (r"in\]\{(.*)\}", tmp_path / "tex")):
        file = tmp_path / ("my out.md" if folder == tmp_path else "tex/main.tex")
        names = re.findall(shown, file.read_text(encoding="utf-8"))
        assert not any(" " in name for name in names)  # CommonMark reads no picture with a space
        found = [(folder / unquote(name)).read_bytes().decode() for name in names]
        assert found == ["a", "b", "bilder ü"]


def test_a_text_that_is_not_there(tmp_path):
    with pytest.raises(ConfigError, match=r"the text '.*gone\.md' cannot be read: No such file"):
        read_prose(tmp_path / "gone.md", CHAPTERS, KEYS)


def test_an_author_calls_a_chapter_by_its_name_or_its_title():
    chapters = {"method": "Method", "method-2": "method", "my-study": "my-study",
                "my-study-2": "my_study", "one-smoke": "one, smoke"}  # fmt: skip
    called = {"method": "method", "Method": "method", "method-2": "method-2", "METHOD": "method",
              "my_study": "my-study-2", "my-study": "my-study", "one@smoke": "one-smoke",
              "methods": None}  # fmt: skip
    assert {text: chapter_called(text, chapters) for text in called} == called
