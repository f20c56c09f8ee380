"""The paper as PDF: read back, every template, the same bytes every time."""

from __future__ import annotations

import io
import math
import shutil
import subprocess
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from assay.apps.cli.app import main
from assay.core.errors import ConfigError
from assay.reports.paper.blocks import Author, Chapter, Link, Manuscript, exhibits, said
from assay.reports.paper.content import manuscript
from assay.reports.paper.fitting import numbered
from assay.reports.paper.writing import TEMPLATES, write_pdf

pytest.importorskip("typst")
pypdf = pytest.importorskip("pypdf")

TITLE = r"50 % of #1 costs $2 \ @home: αβγ & _x_"


@pytest.fixture(scope="session")
def made() -> dict[str, bytes]:
    """The papers that tests have typeset."""
    return {}


@pytest.fixture
def paper(material, made, tmp_path):
    """The PDF of the made-up study `tour` in a template."""

    def make(template: str) -> bytes:
        if template not in made:
            authors = [Author("Ada Lovelace", "University of X", "ada@x.example")]
            found = manuscript([material("tour")], TITLE, authors)
            figures = () if template == "course" else ("effects", "samples", "drawing")
            write_pdf(found, tmp_path / "paper.pdf", template=template, figures=figures)
            made[template] = (tmp_path / "paper.pdf").read_bytes()
        return made[template]

    return make


def read(pdf: bytes):
    return pypdf.PdfReader(io.BytesIO(pdf))


def words(pdf: bytes) -> str:
    return " ".join(" ".join(page.extract_text() for page in read(pdf).pages).split())


@pytest.mark.parametrize("template", TEMPLATES)
def test_a_paper_says_what_was_found(paper, template):
    text = words(paper(template))
    assert read(paper(template)).metadata.title == TITLE
    for part in ("Ada Lovelace", "αβγ", "Holm", "after Holm over", "[1]" if template != "icml" else
                 "Student", "assay run tour", "n = 5", "B. Author <b>2021</b>"):  # fmt: skip
        assert part in text, part


@pytest.mark.parametrize("template", TEMPLATES)
def test_fonts_are_embedded_and_no_text_is_under_seven_points(paper, template):
    sizes, fonts = set(), set()

    def visit(text, cm, tm, font, size):
        if text.strip():
            a, b = tm[2] * cm[0] + tm[3] * cm[2], tm[2] * cm[1] + tm[3] * cm[3]
            sizes.add(round(size * math.hypot(a, b), 2))  # of letters that lie or stand

    for page in read(paper(template)).pages:
        page.extract_text(visitor_text=visit)
        for font in (page["/Resources"].get("/Font") or {}).values():
            inner = font.get_object()["/DescendantFonts"][0].get_object()
            described = inner["/FontDescriptor"].get_object()
            fonts.add(any(key in described for key in ("/FontFile", "/FontFile2", "/FontFile3")))
    assert fonts == {True}
    assert min(sizes) >= 6.99


@pytest.mark.parametrize("template", TEMPLATES)
@pytest.mark.parametrize("abstract", [(("What was found.",),), ()])
def test_keywords_are_on_the_first_page_and_in_the_metadata(tmp_path, template, abstract):
    shown = Manuscript("T", abstract=abstract, keywords=("seeds & weights", "αβγ"))
    text = Chapter("method", "Method", (said(("See ", Link("https://x.example/a_b"), ".")),))
    made = write_pdf(replace(shown, chapters=(text,)), tmp_path / "k.pdf", template=template)
    pdf = read((tmp_path / "k.pdf").read_bytes())
    assert pdf.metadata["/Keywords"] == "seeds & weights, αβγ"
    page = " ".join(pdf.pages[0].extract_text().split())
    assert "seeds & weights, αβγ" in page
    assert ("Abstract" in page) == bool(abstract)
    assert "https://x.example/a_b" in page
    links = [a.get_object() for a in pdf.pages[0].get("/Annots", ())]
    assert [link["/A"]["/URI"] for link in links] == ["https://x.example/a_b"]
    assert made.standards == ("a-2a", "ua-1")


def test_equal_records_make_equal_bytes(paper, material, tmp_path):
    authors = [Author("Ada Lovelace", "University of X", "ada@x.example")]
    found = manuscript([material("tour")], TITLE, authors)
    figures = ("effects", "samples", "drawing")
    write_pdf(found, tmp_path / "again.pdf", template="ieee", figures=figures)
    assert (tmp_path / "again.pdf").read_bytes() == paper("ieee")


def test_a_paper_is_as_short_as_it_must_be(material, tmp_path):
    whole = manuscript([material("tour")])
    figures = ("effects", "drawing", "classes")
    made = write_pdf(whole, tmp_path / "short.pdf", max_pages=3, figures=figures)
    assert made.pages == len(read((tmp_path / "short.pdf").read_bytes()).pages) <= 3
    assert made.left_out
    text = words((tmp_path / "short.pdf").read_bytes())
    assert "Figure 1" in text
    assert "??" not in text
    assert "tour/results" not in made.left_out


def test_figures_are_chosen_by_number_and_name(material, tmp_path):
    whole = manuscript([material("tour")])
    curves = next(n for n, label in numbered(whole).items() if label == "tour/curves")
    path = tmp_path / "few.pdf"
    made = write_pdf(whole, path, figures=(curves, "effects"), appendix=True)
    figures = {e.label for e in exhibits(whole) if e.kind == "figure"}
    assert set(made.moved) == figures - {"tour/curves", "tour/effects"}
    assert words(path.read_bytes()).index("References") < words(path.read_bytes()).index("Appendix")
    with pytest.raises(ConfigError, match=r"unknown figure 'curvs'; did you mean 'curves'\? "):
        write_pdf(whole, path, figures=("curvs",))


OWN = """#let paper(
  title: "", authors: (), abstract: none, keywords: (), date: none, paper-size: "a4",
  references: none, appendix: none, body,
) = {
  set document(title: title)
  set page(paper: paper-size)
  image("logo.svg", alt: "logo")
  [MINE #title]
  body
  if references != none { bibliography(references) }
}
"""


def test_a_template_of_ones_own(material, tmp_path):
    (tmp_path / "mine.typ").write_text(OWN, encoding="utf-8")
    (tmp_path / "logo.svg").write_text(
        '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'
    )
    whole = manuscript([material("trouble")], "T").without({"trouble/curves", "trouble/confusion"})
    out = tmp_path / "mine.pdf"
    made = write_pdf(whole, out, template=str(tmp_path / "mine.typ"), size="letter", figures=("1",))
    assert "MINE T" in words(out.read_bytes())
    assert made.pages == len(read(out.read_bytes()).pages)
    assert [round(float(v)) for v in read(out.read_bytes()).pages[0].mediabox[2:]] == [612, 792]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("#let paper(..given, body) = [\n  #foo\n]", r"mine\.typ:2:3: unknown variable: foo"),
        ("#let paper(body) = body", r"mine\.typ: its `paper` must take .*: unexpected argument"),
        ("#let other = 1", r"mine\.typ: it does not define `paper`"),
        ('#import "@preview/cetz:0.3.0"\n', r"mine\.typ:1: the package @preview/cetz:0.3.0 would"),
    ],
)
def test_a_template_with_an_error_is_named_with_its_place(material, tmp_path, text, said):
    (tmp_path / "mine.typ").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=said):
        write_pdf(manuscript([material("tour")]), tmp_path / "x.pdf",
                  template=str(tmp_path / "mine.typ"))  # fmt: skip
    assert not (tmp_path / "x.pdf").exists()


def test_templates_that_are_not_there(material, tmp_path):
    whole = manuscript([material("tour")])
    with pytest.raises(
        ConfigError, match=r"unknown template 'iee'; did you mean 'ieee'\? .* \.typ"
    ):
        write_pdf(whole, tmp_path / "x.pdf", template="iee")
    with pytest.raises(ConfigError, match=r"gone\.typ' cannot be read"):
        write_pdf(whole, tmp_path / "x.pdf", template=str(tmp_path / "gone.typ"))


PEOPLE = [
    Author(f"Author Number {i}", "University of a Long Name", f"a{i}@x.example") for i in range(11)
]


@pytest.mark.parametrize("template", TEMPLATES)
@pytest.mark.parametrize(("size", "points"), [("a4", (595, 842)), ("letter", (612, 792))])
def test_eleven_authors_stand_within_pages_of_the_size(material, tmp_path, template, size, points):
    whole = manuscript([material("tour")], TITLE, PEOPLE)
    bare = whole.without({e.label for e in exhibits(whole)})
    write_pdf(bare, tmp_path / "paper.pdf", template=template, size=size)
    first = read((tmp_path / "paper.pdf").read_bytes()).pages[0]
    assert tuple(round(float(v)) for v in first.mediabox[2:]) == points
    places = {}

    def visit(text, cm, tm, font, size):
        if text.strip():
            places[" ".join(text.split())] = (tm[4] * cm[0] + cm[4], size)

    text = " ".join(first.extract_text(visitor_text=visit).split())
    assert all(author.name in text for author in PEOPLE)
    assert all(0 < x < points[0] - 30 for x, _ in places.values())


@pytest.mark.skipif(shutil.which("pdftoppm") is None, reason="poppler is not installed")
def test_nothing_on_a_page_is_a_black_box(paper, tmp_path):
    (tmp_path / "p.pdf").write_bytes(paper("ieee"))
    command = ["pdftoppm", "-r", "40", "-gray", str(tmp_path / "p.pdf"), str(tmp_path / "p")]
    subprocess.run(command, check=True)
    pages = sorted(tmp_path.glob("p-*.pgm"))
    assert pages
    for file in pages:
        with Image.open(file) as image:
            black = np.asarray(image) < 8
        sums = np.pad(black, ((1, 0), (1, 0))).cumsum(0).cumsum(1)
        side = 24  # pixels: 0.6 inches, more than a stroke or a black pixel of a digit has
        boxes = (
            sums[side:, side:] - sums[:-side, side:] - sums[side:, :-side] + sums[:-side, :-side]
        )
        assert boxes.max() < side * side
        assert black.mean() < 0.1


def test_an_abstract_is_short_and_names_its_answers_by_level(material):
    several = manuscript([material("tour"), material("factors"), material("trouble")])
    words = " ".join(str(part) for sentence in several.abstract for part in sentence).split()
    assert 20 < len(words) <= 150
    alone = " ".join(part for sentence in manuscript([material("factors")]).abstract
                     for part in sentence)  # fmt: skip
    assert "is worse than glorot_uniform by" in alone
    assert "dropout" not in alone


def test_captions_of_figures_tell_units_and_n(material):
    shown = {e.label.rpartition("/")[2]: e.caption for e in exhibits(manuscript([material("tour")]))
             if e.kind == "figure"}  # fmt: skip
    for name in ("effects", "runs", "curves", "classes", "calibration"):
        assert "n = 5" in shown[name], name
    assert "(points)" in shown["effects"]
    assert "(%)" in shown["runs"]


def test_series_are_told_apart_in_grey(study):
    """By marks and dashes: in grey their colours are too near each other."""
    from assay.reports.class_figures import draw_calibration
    from assay.reports.curve_figures import MARKERS, STYLES
    from assay.reports.panels import LINES

    assert len(set(MARKERS)) >= LINES
    assert len(set(STYLES.values())) == 3
    points = np.array([0.2, 0.8])
    entries = [
        {"label": name, "confidence": points, "accuracy": points, "count": np.array([20, 20])}
        for name in "abcd"
    ]
    lines = draw_calibration(entries).axes[0].lines[1:]
    assert len({line.get_marker() for line in lines}) == 4


def test_a_figure_higher_than_a_page_is_cut_into_parts():
    from assay.reports.paper.drawn import Drawing, packed

    found = packed([Drawing(f"{i}", 3.0, 4.0) for i in range(6)], 7.0, 9.5)
    assert [[d.file for d in part] for part in found] == [["0", "1", "2", "3"], ["4", "5"]]
    (tall,) = packed([Drawing("a", 6.0, 19.0)], 6.0, 9.5)
    assert (tall[0].width, tall[0].height) == (3.0, 9.5)


def test_a_paper_of_imported_runs_has_no_table_of_settings(tmp_path, monkeypatch):
    monkeypatch.setenv("ASSAY_STORE", str(tmp_path / "store"))
    rows = ["activation,seed,accuracy", "relu,0,0.9", "relu,1,0.91", "tanh,0,0.88", "tanh,1,0.87"]
    (tmp_path / "runs.csv").write_text("\n".join(rows))
    assert main(["import", str(tmp_path / "runs.csv"), "--study", "elsewhere"]) == 0
    assert main(["report", "elsewhere", "--to", "pdf", "--report", str(tmp_path / "p.pdf")]) == 0
    text = words((tmp_path / "p.pdf").read_bytes())
    assert "Training settings" not in text
    assert "tanh" in text
