"""The parts of generation pass what `assay.testing` asks of anyone's."""

from __future__ import annotations

import pytest

from assay import testing


def test_the_dataset():
    testing.check_dataset({"name": "drawn-dials", "train": 40, "validation": 20, "test": 10})


@pytest.mark.parametrize("task", ["adversarial", "autoencode", "flow_matching"])
def test_tasks(task: str):
    testing.check_task(task)
