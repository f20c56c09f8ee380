"""`assay data show`: one's own pictures before anything trains, and studies that name them."""

from __future__ import annotations

import os

import numpy as np
import pytest
from PIL import Image

from assay.apps.cli.app import main
from assay.apps.sheets import example_images
from assay.data import load

STUDY = """
study: mine
dataset: {{name: folder, path: {path}, size: [8, 8]}}
network: {{family: mlp, hidden: [4]}}
training: {{epochs: 1, batch_size: 4}}
repeats: 1
factors:
  dataset.grayscale: [false, true]
"""


@pytest.fixture
def pictures(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ASSAY_CACHE", str(tmp_path / "cache"))
    for kind, count in (("cat", 12), (os.fsdecode(b"caf\xe9"), 2)):
        (tmp_path / "mine" / kind).mkdir(parents=True)
        for i in range(count):
            grey = np.full((6, 9), 20 * i + len(kind), np.uint8)
            Image.fromarray(grey).save(tmp_path / "mine" / kind / f"{i}.png")
    return tmp_path / "mine"


def test_a_folder_is_shown_with_its_numbers_and_a_contact_sheet(pictures, capsys):
    assert main(["data", "show", "mine/", "--sheet", "sheet.png"]) == 0
    out = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["1", "cat", "9", "0", "3"] in out or ["1", "cat", "8", "1", "3"] in out
    text = "\n".join(map(" ".join, out))
    assert "0 caf\\xe9 " in text
    assert "the test split has no picture of caf\\xe9" in text
    assert "14 of 14 pictures were resized to 32x32" in text
    assert "options path: required, size: [32, 32], grayscale: false, on_error: raise" in text
    assert "they were 6 pixels high and 9 wide" in text
    with Image.open("sheet.png") as sheet:  # one row for each class, of ten pictures at most
        assert sheet.size == (10 * 66 - 2, 2 * 66 - 2)


def test_a_study_shows_the_datasets_that_it_names(pictures, capsys):
    (pictures.parent / "study.yaml").write_text(STUDY.format(path="mine"))
    assert main(["data", "show", "study.yaml", "--sheet", "s.png"]) == 0
    out = capsys.readouterr().out
    assert "path: mine, size: [8, 8], grayscale: false" in out
    assert "path: mine, size: [8, 8], grayscale: true" in out
    assert sorted(p.name for p in pictures.parent.glob("s-*.png")) == ["s-1.png", "s-2.png"]


def test_images_that_a_study_divides_in_several_ways_are_shown_once(pictures, capsys):
    varied = STUDY.format(path="mine").replace("repeats: 1", "repeats: 3\nvary: [seed, split]")
    (pictures.parent / "study.yaml").write_text(varied)
    assert main(["data", "show", "study.yaml"]) == 0
    found = capsys.readouterr()
    assert found.out.count("contact sheet") == 2  # grey and colour
    assert "study.yaml divides the same images in 4 other ways as well" in found.err


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("no/where", "error: no/where: there is no folder of images or study file of this name\n"),
        ("none.yaml", "error: there is no study file none.yaml"),
        ("digts", "error: unknown dataset 'digts'; did you mean 'digits'?"),
    ],
)
def test_what_is_not_there_is_said(pictures, capsys, name, said):
    assert main(["data", "show", name]) == 2
    assert capsys.readouterr().err.startswith(said)


def test_a_sheet_that_cannot_be_written_is_an_error_only_where_it_was_asked_for(
    pictures, capsys, monkeypatch
):
    (pictures.parent / "file").write_text("")
    assert main(["data", "show", "mine", "--sheet", "file/sheet.png"]) == 2
    assert "for --sheet. file is a file, not a folder" in capsys.readouterr().err
    monkeypatch.setenv("ASSAY_CACHE", str(pictures.parent / "file"))
    assert main(["data", "show", "mine"]) == 0
    assert "the contact sheet cannot be written" in capsys.readouterr().out


def test_sheets_hold_what_there_is(pictures):
    digits = example_images(load({"name": "digits", "train": 60}))
    assert digits.shape == (100, 64, 64, 1)
    few = example_images(load({"name": "folder", "path": str(pictures), "validation": 0}))
    assert few.shape == (20, 64, 64, 3)
    assert (few[2:10] == 255).all()  # two pictures of a class leave the rest of its row white


def test_unreadable_pictures_are_listed_before_anything_trains(pictures, capsys):
    for i in range(7):
        (pictures / "cat" / f"{i}.png").write_text("no picture")
    (pictures.parent / "study.yaml").write_text(STUDY.format(path="mine"))
    assert main(["run", "study.yaml", "--store", "store"]) == 2
    said = capsys.readouterr().err
    assert "7 of 14 pictures cannot be read (dataset.on_error: skip leaves such pictures" in said
    assert "and 2 more" in said


def test_notes_on_the_pictures_are_shown_on_run_and_in_the_report(pictures, capsys):
    (pictures / "cat" / "0.png").write_text("no picture")
    study = STUDY.format(path="mine").replace("size: [8, 8]", "size: [8, 8], on_error: skip")
    (pictures.parent / "study.yaml").write_text(study)
    assert main(["run", "study.yaml", "--store", "store"]) == 0
    note = "1 picture that cannot be read was left out (first: mine/cat/0.png"
    assert capsys.readouterr().out.count(f"data: {note}") == 1
    report = (pictures.parent / "store" / "reports" / "mine.html").read_text("utf-8")
    assert note in report
    assert "caf\\xe9" in report


@pytest.mark.parametrize(
    ("path", "does"),
    [("mine/cat/0.png", "would overwrite an image"), ("mine/new/s.png", "would be an image")],
)
def test_a_dataset_is_not_drawn_into(pictures, capsys, path, does):
    (pictures.parent / "study.yaml").write_text(STUDY.format(path="mine"))
    before = (pictures / "cat" / "0.png").read_bytes()
    for command in (
        ["show", "mine", "--sheet"],
        ["show", "study.yaml", "--sheet"],
        ["show", "mine", "--sheet", str(pictures.parent / path), "--data"],
        ["embed", "mine", "--out"],
    ):
        given = str(pictures.parent) if command[-1] == "--data" else path
        assert main(["data", *command, given]) == 2
        found = capsys.readouterr()
        assert f"{path}: {does} of the dataset in {pictures}" in found.err
        assert found.out == ""
    assert (pictures / "cat" / "0.png").read_bytes() == before
    assert not (pictures / "new").exists()


def test_a_sheet_is_a_png_in_a_folder_that_is_made(pictures, capsys):
    assert main(["data", "show", "mine", "--sheet", "s.txt"]) == 2
    assert "for --sheet. expected a name that ends in .png" in capsys.readouterr().err
    assert main(["data", "show", "mine", "--sheet", "no/such/s.PNG"]) == 0
    assert (pictures.parent / "no" / "such" / "s.PNG").is_file()


def test_pictures_that_are_left_out_are_not_counted(pictures, capsys):
    (pictures / "cat" / "0.png").write_text("no picture")
    study = STUDY.format(path="mine").replace("size: [8, 8]", "size: [8, 8], on_error: skip")
    (pictures.parent / "study.yaml").write_text(
        study.replace("dataset.grayscale: [false, true]", "network.hidden: [[4], [5]]")
    )
    assert main(["data", "show", "study.yaml"]) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    parts = {
        row[0]: int(row[1])
        for row in rows
        if row[:1] in (["train"], ["validation"], ["test"]) and len(row) == 2
    }
    classes = [[int(n) for n in row[-3:]] for row in rows if row[1:2] in (["cat"], ["caf\\xe9"])]
    assert len(classes) == 2
    sums = [a + b for a, b in zip(*classes, strict=True)]
    assert [parts[p] for p in ("train", "validation", "test")] == sums
    assert sum(parts.values()) == 13


def test_a_wrong_permutation_is_named_by_its_option(capsys):
    assert main(["data", "show", "digits", "--permute", "-1"]) == 2
    assert "--permute -1: expected a whole number from 0 to" in capsys.readouterr().err
