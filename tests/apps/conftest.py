"""One small study, trained once for all tests of the apps."""

from __future__ import annotations

from pathlib import Path

import pytest

from assay.apps.cli.app import main

STUDY = """\
study: small
question: Does the rate matter?
dataset: {name: digits, train: 200, test: 100}
network: {family: mlp, hidden: [16]}
training: {epochs: 3, batch_size: 32, optimizer: adam, learning_rate: 0.01}
repeats: 2
factors:
  training.learning_rate: [0.01, 0.00001]
"""


@pytest.fixture(scope="session")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of the study."""
    path = tmp_path_factory.mktemp("study") / "small.yaml"
    path.write_text(STUDY)
    return path


@pytest.fixture(scope="session")
def store(study: Path) -> Path:
    """A store with all its runs, as the command line leaves it."""
    folder = study.parent / "store"
    assert main(["run", str(study), "--store", str(folder), "--workers", "1"]) == 0
    return folder
