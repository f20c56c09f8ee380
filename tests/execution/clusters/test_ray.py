"""The executor of Ray on a real cluster: what is lost, killed and stopped there, each for real."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import conformance
import pytest
from execute_command import RATES, config

from assay.core.records import run_id

ray = pytest.importorskip("ray", reason="needs the extra ray")

COMMAND = Path(__file__).parents[1] / "execute_command.py"
RUNS = [config(seed, rate) for seed in range(4) for rate in RATES]
NAMES = [run_id(c) for c in RUNS]


@pytest.fixture
def connected(cluster, misbehave) -> Iterator[str]:
    """The place to train, while this process is connected to the cluster."""
    ray.init(address=cluster.address, log_to_driver=False, logging_level="ERROR")
    yield f"ray:{cluster.address}"
    ray.shutdown()


def test_everything_is_trained_once(tmp_path, connected):
    conformance.trains_all_once(tmp_path, connected)


def test_a_failed_run_stops_nobody(tmp_path, connected, monkeypatch, misbehave):
    misbehave(SOFTMAX_FAIL="1")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(monkeypatch, "delenv", lambda name: misbehave())
        conformance.a_failed_run_stops_nobody(tmp_path, connected, monkeypatch)
