"""The reference of the study language is whole, and is what is written in docs/studies.md."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from assay.apps.reference import page, undocumented
from assay.core.config import Option
from assay.core.options import integer
from assay.studies import training
from assay.studies.study import parse_study

FILE = Path(__file__).resolve().parents[2] / "docs" / "studies.md"


@pytest.mark.usefixtures("all_subjects")
def test_the_page_is_what_the_declarations_say(tmp_path: Path):
    # in a process of its own: parts that other tests registered are not assay's
    made = tmp_path / "studies.md"
    subprocess.run([sys.executable, "-m", "assay.apps.reference", str(made)], check=True)
    assert FILE.read_text(encoding="utf-8") == made.read_text(encoding="utf-8"), (
        "run ./scripts/docs"
    )


def test_every_key_says_what_it_takes_and_does(monkeypatch: pytest.MonkeyPatch):
    assert undocumented() == []
    monkeypatch.setitem(training.TRAINING, "novelty", Option(lambda entry: entry.flag(), False))
    assert undocumented() == ["training: novelty"]


def test_a_declaration_without_help_cannot_be_made():
    with pytest.raises(TypeError, match="help"):
        integer(3)  # type: ignore[call-arg]


def test_nothing_is_left_to_be_filled_in():
    text = page()
    assert "<!--" not in text
    assert "| `filters` | Output channels. | a whole number >= 1 | must be given |" in text
    assert "| train | `train`, `training` |" in text


def test_examples_of_the_tables_are_yaml():
    cells = re.findall(r"\| `([a-z_0-9]+: [^`]*)` \|$", page(), flags=re.M)
    assert len(cells) > 100
    for cell in cells:
        (name,) = yaml.safe_load(cell)
        assert name == cell.partition(":")[0]


def test_the_examples_of_the_page_are_studies(tmp_path: Path):
    written, factors, judged = re.findall(r"```yaml\n(.*?)```", page(), flags=re.S)
    (tmp_path / "widths.yaml").write_text(written)
    study = parse_study(tmp_path / "widths.yaml")
    assert study.trials[0].levels == {"training.batch_size": "32"}
    assert len(study.trials) == 3
    (tmp_path / "sizes.yaml").write_text("study: sizes\ndataset: digits\nnetwork: mlp\n" + factors)
    assert len(parse_study(tmp_path / "sizes.yaml").trials) == 4
    activations = "factors:\n  dataset: [digits, mnist]\n  network.activation: [relu, tanh, elu]\n"
    start = "study: judged\ndataset: digits\nnetwork: mlp\ndesign: full_factorial\n"
    (tmp_path / "judged.yaml").write_text(start + activations + judged)
    assert len(parse_study(tmp_path / "judged.yaml").trials) == 6
