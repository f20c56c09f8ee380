"""The reference of the study language is whole, and is what is written in docs/studies.md."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from assay.apps.reference import page, undocumented
from assay.core.config import Option
from assay.studies import training
from assay.studies.study import parse_study

FILE = Path(__file__).resolve().parents[2] / "docs" / "studies.md"


def test_the_page_is_what_the_declarations_say():
    assert FILE.read_text(encoding="utf-8") == page(), "run ./scripts/docs"


def test_every_key_says_what_it_takes_and_does(monkeypatch: pytest.MonkeyPatch):
    assert undocumented() == []
    monkeypatch.setitem(training.TRAINING, "novelty", Option(lambda entry: entry.flag(), False))
    assert undocumented() == ["training: novelty"]


def test_nothing_is_left_to_be_filled_in():
    assert "<!--" not in page()
    assert "| `conv2d` | `filters`, `kernel_size: 3`" in page()


def test_the_example_of_the_page_is_a_study(tmp_path: Path):
    (written,) = re.findall(r"```yaml\n(.*?)```", page(), flags=re.S)
    (tmp_path / "widths.yaml").write_text(written)
    study = parse_study(tmp_path / "widths.yaml")
    assert study.trials[0].levels == {"training.batch_size": "32"}
    assert len(study.trials) == 3
