"""`assay unscramble`."""

from __future__ import annotations

import numpy as np
import pytest

from assay.apps.cli.app import main
from assay.core.errors import ConfigError
from assay.data import resolve


def test_unscramble_writes_what_it_found(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("assay.subjects.unscrambling.solver.pipeline.STEPS_A_PIXEL", 8_000)
    out = tmp_path / "out"
    assert main(["unscramble", "digits", "--out", str(out)]) == 0
    said = capsys.readouterr().out
    assert "times that of shuffled pixels" in said
    assert "true neighbours" in said
    assert {p.name for p in out.iterdir()} == {
        "permutation.npy", "restored.npy", "images.png", "grid.gif",
    }  # fmt: skip
    noise = tmp_path / "noise.npy"
    np.save(noise, np.random.default_rng(0).integers(0, 256, (500, 64), dtype=np.uint8))
    assert main(["unscramble", str(noise)]) == 1
    assert "no spatial structure found: " in capsys.readouterr().out
    (tmp_path / "text.npy").write_text("nothing")
    assert main(["unscramble", str(tmp_path / "text.npy")]) == 2
    assert main(["unscramble", str(noise), "--shape", "8by8"]) == 2
    assert main(["unscramble", "digit"]) == 2
    err = capsys.readouterr().err
    assert "as a .npy array of numbers" in err
    assert "--shape 8by8: expected HEIGHTxWIDTH" in err
    assert "did you mean 'digits'" in err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["u.npy", "--train", "0"], "--train 0: expected 1 to 50"),
        (["u.npy", "--train", "51"], "--train 51: expected 1 to 50"),
        (["u.npy", "--train", "-1"], "--train -1: expected 1 to 50"),
        (["digits", "--train", "0"], "--train 0: expected a whole number >= 1"),
        (["digits", "--train", "9999"], "--train 9999: 9999 images requested, but the training"),
        (["u.npy", "--shape=-7x-7"], "--shape -7x-7: expected HEIGHTxWIDTH"),
        (["u.npy", "--shape", "²x7"], "--shape ²x7: expected HEIGHTxWIDTH"),
        (["u.npy", "--seed", "-1"], "--seed -1: expected a whole number from 0 to "),
        (["digits", "--permute", "-1"], "--permute -1: expected a whole number from 0 to "),
        (["."], ".: it is a folder, expected a .npy file of images or the name of a dataset ("),
        (["x.png"], "x.png: it is a file of another kind, expected a .npy file of images or the"),
        (["folder"], "folder: expected a .npy file of images or the name of a dataset that needs"),
        (["restored.npy", "--out", "."], "--out .: would overwrite the images to restore"),
        (["u.npy", "--out", "x.png"], "for --out. x.png is a file, not a folder"),
        (["one.npy"], "too few pixels vary from image to image: 0 of 49 in 1 image; expected at"),
    ],
)
def test_what_is_wrong_is_said_before_any_work(tmp_path, monkeypatch, capsys, arguments, said):
    monkeypatch.chdir(tmp_path)
    images = np.random.default_rng(0).integers(0, 256, (50, 49), dtype=np.uint8)
    for name, saved in (("u", images), ("one", images[:1]), ("restored", images)):
        np.save(f"{name}.npy", saved)
    (tmp_path / "x.png").write_text("")
    before = sorted(tmp_path.iterdir())
    assert main(["unscramble", *arguments]) == 2
    assert said in " ".join(capsys.readouterr().err.split())
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"name": "mnist", "restore": True}, "only makes sense together with dataset.permute"),
        ({"name": "mnist", "permute": 1, "restore": 1}, "restore must be true or false, got 1"),
    ],
)
def test_restore_needs_a_permutation(spec, words):
    with pytest.raises(ConfigError, match=words):
        resolve(spec)
