"""`assay report --to`: papers from the command line and from YAML, with an author's text."""

from __future__ import annotations

from pathlib import Path

import pytest

from assay.apps.cli.app import main
from assay.apps.papers import PaperSettings, paper_command, read_paper
from assay.reports.paper.blocks import Author

TITLE = r"50 % of #1 costs $2 \ @home: αβγ"


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    pytest.importorskip("markdown_it")
    file = tmp_path / "notes.md"
    file.write_text("# Discussion\n\nOur *own* words, $5 \\ #1 [@holm1979].\n", encoding="utf-8")
    return file


def test_an_authors_text_is_in_every_paper_that_is_made_again(
    store: Path, notes: Path, tmp_path: Path
):
    before, out = notes.read_bytes(), tmp_path / "paper.md"
    people = [part for i in range(11) for part in ("--author", f"Author {i}, Place {i}, a{i}@x.y")]
    command = ["report", "small", "--store", str(store), "--title", TITLE, *people]
    command += ["--text", str(notes), "--to", "markdown", str(out)]
    for _ in range(2):
        assert main(command) == 0
        text = out.read_text(encoding="utf-8")
        assert "Our *own* words, \\$5 \\\\ #1" in text
        assert all(f"Author {i}" in text for i in range(11))
        assert text.startswith("# 50 % of #1 costs \\$2 \\\\ @home: αβγ\n")
        assert "assay report small --author" in text
        assert "--max-pages" not in text
    assert notes.read_bytes() == before


def test_a_paper_prints_the_command_that_writes_it(store: Path, tmp_path: Path):
    given = PaperSettings(title="It's", max_pages=4, figures=("curves", "3"), template="ieee")
    said = paper_command(["tour"], "pdf", given)
    assert said == (
        "assay report tour --title 'It'\"'\"'s' --template ieee --max-pages 4 "
        "--figures curves,3 --to pdf"
    )
    file = tmp_path / "paper.yaml"
    file.write_text("paper: {title: Mine, studies: [small]}\n")
    out = tmp_path / "paper.md"
    assert main(["report", str(file), "--store", str(store), "--to", "markdown", str(out)]) == 0
    assert f"assay report {file} --to markdown" in out.read_text(encoding="utf-8")


def test_a_file_says_who_wrote_a_paper_and_what_it_is_about(store: Path, tmp_path: Path):
    file, out = tmp_path / "paper.yaml", tmp_path / "paper.md"
    file.write_text(
        "paper:\n  studies: [small]\n  keywords: [seeds & weights, 10_fold]\n  authors:\n"
        '  - {name: "Sammy Davis, Jr.", affiliation: "MIT, Lab @ 2", email: a@b.c}\n'
        "  - Ada Lovelace, X, ada@x.example\n"
    )
    assert read_paper(file) == (
        ["small"],
        PaperSettings(
            authors=(
                Author("Sammy Davis, Jr.", "MIT, Lab @ 2", "a@b.c"),
                Author("Ada Lovelace", "X", "ada@x.example"),
            ),
            keywords=("seeds & weights", "10_fold"),
        ),
    )
    command = ["report", str(file), "--store", str(store), "--to"]
    assert main([*command, "markdown", str(out)]) == 0
    text = out.read_text(encoding="utf-8")
    assert "\n\nSammy Davis, Jr., MIT, Lab @ 2, a@b.c; Ada Lovelace, X, ada@x.example\n\n" in text
    assert "\n\n**Keywords:** seeds &amp; weights, 10\\_fold\n\n## " in text
    assert main([*command, "latex", str(tmp_path / "tex")]) == 0
    text = (tmp_path / "tex" / "main.tex").read_text(encoding="utf-8")
    assert r"\author{Sammy Davis, Jr.\\ MIT, Lab @ 2\\ a@b.c \and Ada Lovelace" in text
    assert r"\hypersetup{pdfkeywords={seeds \& weights, 10\_fold}}" in text
    assert r"\noindent\textbf{Keywords:} seeds \& weights, 10\_fold" in text


@pytest.mark.parametrize(
    ("paper", "said"),
    [
        ("authors: [{affiliation: MIT}]", "paper.yaml:3:13: an author needs `name`, got affilia"),
        ("authors: [A, {nam: B, name: C}]", "unknown key of an author 'nam'; did you mean 'name'?"),
        ("authors: [A, ',x']", "paper.yaml:3:16: an author must have a name, got ',x'"),
        ("order: [small, abstract]", "unknown section of the paper 'abstract'"),
    ],
)
def test_what_is_wrong_in_a_file_is_said_with_its_place(
    store: Path, tmp_path: Path, capsys, paper: str, said: str
):
    file = tmp_path / "paper.yaml"
    file.write_text(f"paper:\n  studies: [small]\n  {paper}\n")
    assert main(["report", str(file), "--store", str(store), "--to", "markdown"]) == 2
    assert said in " ".join(capsys.readouterr().err.split())


def test_a_study_stands_in_a_paper_once(store: Path, tmp_path: Path, capsys):
    out = tmp_path / "paper.md"
    command = ["report", "small", "small", "--store", str(store), "--to", "markdown", str(out)]
    assert main(command) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert "the study 'small' was named twice, expected each study once" in said
    assert not out.exists()
    file = tmp_path / "paper.yaml"
    file.write_text("paper: {studies: [small], order: [method, method, Introduction]}\n")
    assert main(["report", str(file), "--store", str(store), "--to", "markdown", str(out)]) == 0
    heads = [line for line in out.read_text(encoding="utf-8").split("\n") if line[:3] == "## "]
    assert heads[:3] == ["## Abstract", "## Method", "## Question"]
    assert len(set(heads)) == len(heads)


def test_pages_are_not_counted_where_nobody_knows_them(store: Path, tmp_path: Path, capsys):
    out = str(tmp_path / "paper.md")
    command = ["report", "small", "--store", str(store), "--max-pages", "3"]
    assert main([*command, "--to", "markdown", out]) == 0
    assert "max-pages counts the pages of a PDF" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--to", "pfd"], "unknown format of a report 'pfd'; did you mean 'pdf'?"),
        (["--title", "X"], "--title is for --to pdf, latex or markdown, not for HTML"),
        (["--size", "a5", "--to", "markdown"], "unknown size of paper 'a5'"),
        (["--text", "gone.md", "--to", "markdown"], "the text 'gone.md' cannot be read"),
        (["--figures", "curvs", "--to", "markdown"], "unknown figure 'curvs'; did you mean"),
        (["--max-pages", "0", "--to", "markdown"], "max-pages must be a whole number >= 1, got 0"),
        (["--author", ",x", "--to", "markdown"], "an author must have a name, got ',x'"),
    ],
)
def test_what_a_paper_cannot_be_is_said(store: Path, capsys, more: list[str], said: str):
    assert main(["report", "small", "--store", str(store), *more]) == 2
    assert said in " ".join(capsys.readouterr().err.split())


def test_a_study_without_runs_makes_no_paper(study: Path, tmp_path: Path, capsys):
    from assay.core.store import Store

    with Store(tmp_path / "empty"):
        command = ["report", str(study), "--store", str(tmp_path / "empty"), "--to", "markdown"]
        assert main(command) == 2
    assert "small" in capsys.readouterr().err
    assert not (tmp_path / "empty" / "reports").exists()


def test_a_section_that_is_not_there_is_named(store: Path, tmp_path: Path, capsys):
    file = tmp_path / "paper.yaml"
    file.write_text("paper: {studies: [small], order: [methods]}\n")
    assert main(["report", str(file), "--store", str(store), "--to", "markdown"]) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert "unknown section of the paper 'methods'; did you mean 'method'?" in said
