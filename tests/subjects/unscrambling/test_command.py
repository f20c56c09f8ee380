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
    ("spec", "words"),
    [
        ({"name": "mnist", "restore": True}, "only makes sense together with dataset.permute"),
        ({"name": "mnist", "permute": 1, "restore": 1}, "restore must be true or false, got 1"),
    ],
)
def test_restore_needs_a_permutation(spec, words):
    with pytest.raises(ConfigError, match=words):
        resolve(spec)
