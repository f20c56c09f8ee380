"""What every test gets: no network, no traces outside its own folder, reproducible examples."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

import pytest
from hypothesis import settings

os.environ["MPLBACKEND"] = "Agg"
settings.register_profile("assay", deadline=None, max_examples=50, derandomize=True)
settings.load_profile("assay")


@pytest.fixture(autouse=True)
def closed_world(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Refuse connections to other hosts; keep stores and caches of the user out of reach."""
    connect = socket.socket.connect

    def local_only(self: socket.socket, address: object) -> None:
        host = address[0] if isinstance(address, tuple) else "localhost"
        if host not in ("localhost", "127.0.0.1", "::1"):
            raise AssertionError(f"a test tried to reach {host!r}")
        connect(self, address)  # type: ignore[arg-type]

    monkeypatch.setattr(socket.socket, "connect", local_only)
    monkeypatch.setenv("ASSAY_STORE", str(tmp_path / "assay-store"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    # some test runs come with it set; what a table looks like must not depend on that
    monkeypatch.delenv("COLUMNS", raising=False)
    # one cache for all tests, or each would verify the real files anew
    monkeypatch.setenv("ASSAY_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))


@pytest.fixture(autouse=True)
def equal_draws() -> None:
    """Let a test draw the same numbers after whichever tests its process has run before."""
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(0)


@pytest.fixture
def real_data() -> Path:
    """The folder with the real datasets, or skip."""
    folder = os.environ.get("ASSAY_DATA")
    if not folder:
        pytest.skip("reads the real datasets; set ASSAY_DATA to their folder")
    return Path(folder)


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
    from assay.apps.cli.app import main

    folder = study.parent / "store"
    assert main(["run", str(study), "--store", str(folder), "--workers", "1"]) == 0
    return folder
