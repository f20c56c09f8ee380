"""Members narrower than their stack: the room that they do not use changes nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from assay.data.dataset import Dataset
from assay.engines.engine import Cohort, Member, Resources
from assay.engines.optimizers.optimizer import Optimizer
from assay.engines.torch_engine.engine import TorchEngine
from assay.engines.training import Training
from assay.networks.families import build_network
from assay.networks.layers import room

WIDTHS = ([5, 20], [32, 3], [17, 31])


def member(
    shape: tuple[int, int, int], hidden: list[int], options: Any, optimizer: str | dict
) -> Member:
    network = build_network({"family": "mlp", "hidden": hidden, **options}, shape, {"class": 4})
    recipe = Training(
        epochs=3, batch_size=40, learning_rate=0.02, optimizer=Optimizer.parse(optimizer)
    )
    return Member({"hidden": hidden, "seed": 3}, network, recipe, 3)


def train(members: list[Member], dataset: Dataset) -> list[Any]:
    resources = Resources(device="cpu", precision="float64", threads=1)
    cohort = Cohort(tuple(members))
    return list(TorchEngine().train(cohort, dataset, resources, lambda p: None))


@pytest.mark.parametrize(
    ("options", "optimizer"),
    [
        ({"activation": "sigmoid", "kernel_regularizer": {"l1": 0.01}}, "sgd"),
        ({"activation": "softmax"}, "adadelta"),
        ({"activation": "elu", "batch_norm": True, "dropout": 0.3}, "adam"),
        ({"activation": "gelu", "kernel_regularizer": {"l2": 0.01}}, "rmsprop"),
        ({"activation": "relu"}, "muon"),
        ({"activation": "relu"}, {"name": "muon", "relative_rate": 2}),
    ],
)
def test_a_narrow_member_learns_what_it_learns_alone_with_exactly_its_room(
    corners: Dataset, options: dict, optimizer: str | dict, monkeypatch: pytest.MonkeyPatch
):
    members = [member(corners.image_shape, list(w), options, optimizer) for w in WIDTHS]
    assert len({str(m.network.structure) for m in members}) == 1
    together = train(members, corners)
    monkeypatch.setattr("assay.engines.torch_engine.program.stack_room", lambda units: units)
    for one, record in zip(members, together, strict=True):
        (alone,) = train([one], corners)
        assert record.metrics["test_loss"] == pytest.approx(alone.metrics["test_loss"], rel=1e-6)
        shapes = {k: v.shape for k, v in record.weights.items()}
        assert shapes == {k: v.shape for k, v in alone.weights.items()}
        for name, weight in alone.weights.items():
            np.testing.assert_allclose(record.weights[name], weight, rtol=1e-5, atol=1e-6)


def test_rooms_are_few_for_narrow_layers_and_exact_for_wide_ones():
    assert [room(n) for n in (1, 32, 33, 100, 128, 129, 300)] == [32, 32, 64, 128, 128, 129, 300]
