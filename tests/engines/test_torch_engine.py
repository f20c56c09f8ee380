"""What only the torch engine does: low precision."""

from __future__ import annotations

import pytest

from assay.engines.optimizers.optimizer import Optimizer

MLP = {"family": "mlp", "hidden": [16, 12], "dropout": 0.2}
CNN = {"family": "cnn", "filters": [[8], [8, 8]], "first_kernel_size": 3, "dense": [16]}


@pytest.mark.parametrize("precision", ["float32", "bfloat16", "float64"])
def test_it_learns_in_every_precision(precision, member, train):
    for network in (MLP, CNN):
        recipe = {"epochs": 12, "optimizer": Optimizer.parse("adam"), "learning_rate": 0.01}
        (record,) = train(member(network, **recipe), precision=precision)
        assert record.metrics["test_accuracy"] > 0.9
        assert record.provenance["precision"] == precision


def test_a_residual_block_of_dense_layers_trains(member, train):
    block = {"residual": [{"dense": 16, "activation": "tanh"}]}
    network = {"family": "layers", "layers": ["flatten", {"dense": 16}, block]}
    recipe = {"epochs": 12, "optimizer": Optimizer.parse("adam"), "learning_rate": 0.01}
    (record,) = train(member(network, **recipe))
    assert record.metrics["test_accuracy"] > 0.9
