"""A dry run says of the user's own files what training would say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from assay.apps.cli.app import main

STUDY = """\
study: pictures
dataset: {{name: folder, path: pictures, size: [6, 6], on_error: {on_error}}}
network: {{family: mlp, hidden: [4]}}
training: {{epochs: 1}}
engine: numpy
repeats: 2
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    for name in ("cats", "dogs"):
        (tmp_path / "pictures" / name).mkdir(parents=True)
        for i in range(12):
            image = Image.fromarray(rng.integers(0, 256, (6, 6, 3), np.uint8))
            image.save(tmp_path / "pictures" / name / f"{i}.png")
    (tmp_path / "pictures" / "cats" / "3.png").write_text("no picture")
    return tmp_path


@pytest.mark.parametrize("more", [[], ["--dry-run"]])
def test_damaged_pictures_are_refused(folder: Path, more: list[str], capsys):
    (folder / "a.yaml").write_text(STUDY.format(on_error="raise"))
    assert main(["run", "a.yaml", "--store", "store", *more]) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert "1 of 24 pictures cannot be read (dataset.on_error: skip leaves such pictures" in said


def test_pictures_that_are_left_out_are_counted(folder: Path, capsys):
    (folder / "a.yaml").write_text(STUDY.format(on_error="skip"))
    assert main(["run", "a.yaml", "--store", "store", "--dry-run"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "data: 1 picture that cannot be read was left out (first: " in said
