"""A cluster of Ray with two nodes on 127.0.0.1, started once for all tests."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

ENVIRONMENT = {
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # or it takes another address than 127.0.0.1
    "OMP_NUM_THREADS": "1",
}
HEALTH = {
    "health_check_initial_delay_ms": 1000,
    "health_check_period_ms": 500,
    "health_check_timeout_ms": 1000,
    "health_check_failure_threshold": 3,
}


os.environ.update(ENVIRONMENT)  # before Ray is imported, which reads some of them then


@pytest.fixture(scope="session")
def control(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The file that tells workers that run already how to misbehave: see `softmax_engine`."""
    file = tmp_path_factory.mktemp("control") / "control.json"
    os.environ["SOFTMAX_CONTROL"] = str(file)
    yield file
    os.environ.pop("SOFTMAX_CONTROL")


@pytest.fixture
def misbehave(control: Path) -> Iterator[Callable[..., None]]:
    """Sets what the engine of the tests does wrong from now on."""

    def told(**settings: str) -> None:
        control.write_text(json.dumps(settings))

    told(SOFTMAX_SLEEP="0.1")
    yield told
    control.unlink(missing_ok=True)


@pytest.fixture(scope="session")
def cluster(control: Path) -> Iterator[Any]:
    """Two nodes of one core each; a test that removes the second one adds another."""
    pytest.importorskip("ray", reason="needs the extra ray")
    from ray.cluster_utils import Cluster

    node = {"num_cpus": 1, "node_ip_address": "127.0.0.1", "object_store_memory": 80_000_000}
    head = {**node, "include_dashboard": False, "_system_config": HEALTH}
    found = Cluster(initialize_head=True, connect=False, head_node_args=head)
    found.add_node(**node)
    found.node_arguments = node
    yield found
    found.shutdown()
