"""Options that write a file refuse what would lose something."""

from __future__ import annotations

from pathlib import Path

import pytest

from assay.apps.cli.app import main


@pytest.mark.parametrize(
    ("arguments", "option"),
    [
        (["run", "tour", "--report", "."], "--report"),
        (["export", "small", "--out", "."], "--out"),
    ],
)
def test_a_folder_is_no_file_to_write(
    arguments: list[str], option: str, capsys: pytest.CaptureFixture[str]
):
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert f"for {option}. it is a folder, expected a file name" in " ".join(err.split())


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("run precious.yaml --report", ".html or .htm"),
        ("report small --report", ".html or .htm"),
        ("report small --to html", ".html or .htm"),
        ("report small --to markdown", ".md"),
        ("report small --to pdf --report", ".pdf"),
        ("export small --out", ".json, the ending of --to json"),
        ("export small --to optuna --out", ".db, the ending of --to optuna"),
        ("schema --out", ".json"),
        ("figure small curves --out", ".svg, .pdf or .png"),
    ],
)
def test_a_file_that_holds_something_else_is_never_written_over(
    command: str, expected: str, store: Path, tmp_path: Path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ASSAY_STORE", str(store))
    text = "study: precious\ndataset: digits\nnetwork: {family: mlp, hidden: [8]}\n"
    Path("precious.yaml").write_text(text)
    assert main([*command.split(), "precious.yaml"]) == 2
    said = f"precious.yaml: expected a name that ends in {expected}\n"
    assert capsys.readouterr().err.endswith(said)
    assert Path("precious.yaml").read_text() == text


def test_a_name_is_more_than_its_ending(store: Path, tmp_path: Path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    line = ["figure", "small", "curves", "--store", str(store), "--out", ".png"]
    assert main(line) == 2
    said = "--out .png: expected a name that ends in .svg, .pdf or .png and has something before it"
    assert said in capsys.readouterr().err
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (["figure", "small", "--out", "a.svg"], "--out a.svg is for one figure, which has to be"),
        (["figure", "small", "--to", "pdf"], "--to pdf is for one figure, which has to be named"),
        (
            ["report", "small", "--report", "a.html", "--to", "html", "b.html"],
            "--report a.html and --to html b.html name two files; leave out one",
        ),
    ],
)
def test_no_file_that_is_asked_for_is_left_out(
    line: list[str], said: str, store: Path, tmp_path: Path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    assert main([*line, "--store", str(store)]) == 2
    assert said in " ".join(capsys.readouterr().err.split())
    assert not [*tmp_path.iterdir()]
