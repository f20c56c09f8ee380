"""The parts of the clocks pass what `assay.testing` asks of anyone's."""

from __future__ import annotations

import pytest

from assay import testing
from assay.data import load
from assay.subjects.clocks.labels.scheme import SCHEMES

DRAWN = {"name": "clocks-rendered", "train": 40, "validation": 20, "test": 10, "size": 24}


def test_the_dataset():
    testing.check_dataset(DRAWN)


@pytest.mark.parametrize("labels", sorted(SCHEMES))
def test_the_task(labels: str, sketched: str):
    clocks = load({"name": sketched, "train": 20, "validation": 10, "test": 10})
    testing.check_task({"name": "tell_time", "labels": labels}, clocks)


@pytest.mark.parametrize(
    "network",
    [
        {"family": "clock-cnn", "filters": [[2]], "dense": [4], "head_dense": [4]},
        {"family": "mlp", "hidden": [4]},
    ],
)
def test_networks_with_several_outputs(network: dict):
    testing.check_network(network, hour=12, minute=60)
