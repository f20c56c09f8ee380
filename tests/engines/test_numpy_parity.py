"""The numpy engine and the torch engine, in float64, from equal weights over equal batches."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from assay.data.batches import batch_order
from assay.engines.augmentations import Cutout, Mixup
from assay.engines.engine import Resources
from assay.engines.numpy_engine.model import Model
from assay.engines.numpy_engine.trainer import Stepper
from assay.engines.optimizers.optimizer import Optimizer
from assay.engines.schedules import Cosine
from assay.engines.torch_engine.device import place
from assay.engines.torch_engine.program import StackedProgram
from assay.engines.training import Augment, EarlyStopping
from assay.networks.network import initial_weights
from assay.tasks.task import TASKS

STEPS = 20
SGD = {"name": "sgd", "momentum": 0.9, "nesterov": True}
L2 = {"kernel_regularizer": {"l2": 0.01}}
GRID = {
    "zeros": ({"kernel_initializer": "zeros"}, "sgd"),
    "ones": ({"kernel_initializer": "ones", "activation": "tanh"}, "sgd"),
    "random_normal": ({"kernel_initializer": "random_normal", **L2}, "adam"),
    "random_uniform": ({"kernel_initializer": "random_uniform", "batch_norm": True}, "adagrad"),
    "glorot_uniform": ({"kernel_initializer": "glorot_uniform", "dropout": 0.3}, SGD),
    "he_normal": ({"kernel_initializer": "he_normal", "dropout": 0.2, **L2}, "rmsprop"),
    "lecun_uniform": ({"kernel_initializer": "lecun_uniform", "activation": "sigmoid"}, "adadelta"),
    "biases": ({"bias_initializer": "random_normal"}, "adamw"),
    **{a: ({"activation": a}, "adam") for a in ("linear", "leaky_relu", "gelu", "silu", "softmax")},
    **{f"{a}, batch norm": ({"activation": a, "batch_norm": True}, SGD) for a in ("elu", "relu")},
    "l1": ({"kernel_regularizer": {"l1": 1e-3}}, {"name": "sgd", "momentum": 0.5}),
    "l1 and l2": ({"kernel_regularizer": "l1_l2"}, {"name": "rmsprop", "momentum": 0.5}),
    "lion": ({"dropout": 0.1}, {"name": "lion", "weight_decay": 0.1}),
    "muon": ({"batch_norm": True, **L2}, "muon"),
    "muon, relative": ({"batch_norm": True}, {"name": "muon", "relative_rate": 5}),
    "dirac": ({"kernel_initializer": "dirac", "bias_initializer": "dirac"}, "adam"),
    "everything": ({"batch_norm": True, "dropout": 0.25, **L2, "activation": "elu"}, "adamw"),
}
"""Options of the network, optimizer."""


def _torch_weights(program):
    return {
        f"{block.name}.{key}": tensor[0].squeeze(0)[block.own(key, 0)].numpy().reshape(-1)
        for block in program.trunk + program.heads["class"]
        for key, tensor in {**block.params, **block.buffers}.items()
        if key != "rate"
    }


def _numpy_weights(model):
    return {
        f"{layer.name}.{key}": array.reshape(-1)
        for layer in model.layers
        for key, array in (layer.parameters | layer.averages).items()
    }


@pytest.mark.parametrize(("options", "optimizer"), GRID.values(), ids=GRID)
def test_twenty_steps_agree(options, optimizer, member, corners):
    network = {"family": "mlp", "hidden": [12, 8], **options}
    one = member(network, seed=5, optimizer=Optimizer.parse(optimizer), learning_rate=0.02)
    weights = initial_weights(one.network, one.seed)
    numpy = Stepper(Model(one.network, weights, one.seed, np.dtype(np.float64)), one, "classify")
    exact = place(Resources(device="cpu", precision="float64", threads=1))
    torch_program = StackedProgram([one], [weights], exact, TASKS["classify"])
    images = (corners.train.images - corners.mean.astype(float)) / corners.std.astype(float)
    for step in range(STEPS):
        index = batch_order(one.seed, step, len(images))[:40]
        x, targets = images[index], corners.train.targets[index]
        ours, _ = numpy.step(x, targets, 1.0)
        with torch.no_grad():
            theirs, _ = torch_program.step(
                torch.from_numpy(x)[None], torch.from_numpy(targets)[None], 1.0
            )
        assert ours.mean() == pytest.approx(float(theirs) / 40, abs=1e-9, rel=0)
    found, expected = _numpy_weights(numpy.model), _torch_weights(torch_program)
    start = {name: array.reshape(-1) for name, array in weights.items()}
    assert set(found) == set(expected) == set(start)
    for name, array in found.items():
        np.testing.assert_allclose(array, expected[name], rtol=0, atol=1e-9, err_msg=name)
    assert any(not np.allclose(array, start[name]) for name, array in found.items())


RECIPES = {
    "schedule": {"schedule": Cosine(warmup=0.2)},
    "augment": {"augment": Augment(shift=1, flip=True)},
    "cutout": {"augment": Augment(shift=1, others=(Cutout(size=3),))},
    "mixup": {"augment": Augment(others=(Cutout(), Mixup(alpha=0.4)))},
    "early stopping": {
        "early_stopping": EarlyStopping(patience=2, min_delta=0.02),
        "optimizer": Optimizer.parse("adam"),
        "epochs": 20,
    },
    "steps": {"steps": 21, "evaluate_every": 4},
}


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_records_agree(recipe, member, train):
    network = {"family": "mlp", "hidden": [10], "dropout": 0.2, "batch_norm": True}
    one = member(network, seed=2, learning_rate=0.03, **{"epochs": 3} | recipe)
    (ours,), (theirs,) = (train(one, engine=e, precision="float64") for e in ("numpy", "torch"))
    assert ours.curves.keys() == theirs.curves.keys()
    for name in set(ours.curves) - {"seconds"}:
        np.testing.assert_allclose(ours.curves[name], theirs.curves[name], atol=1e-9, err_msg=name)
    assert ours.metrics == pytest.approx(theirs.metrics, abs=1e-6)
    for name, array in theirs.weights.items():  # kept in float32
        np.testing.assert_allclose(ours.weights[name], array, rtol=2e-7, atol=1e-9)
    for name, array in theirs.predictions.items():
        np.testing.assert_allclose(ours.predictions[name], array, atol=1e-3)
    assert (ours.status, theirs.status) == ("finished", "finished")
    shared = ("parameters", "macs", "network", "cohort", "precision")
    assert [ours.provenance[k] for k in shared] == [theirs.provenance[k] for k in shared]


TANH = {"activation": "tanh"}
DENSE = {"dense": 8, "activation": "tanh", "use_bias": False}


@pytest.mark.parametrize(
    "layer",
    ["batch_norm", {"dropout": 0.3}, {"gaussian_noise": 0.3}, {"activation": "softmax"}],
    ids=str,
)
def test_layers_on_images_agree(layer, member, train):
    network = {"family": "layers", "layers": ["batch_norm", TANH, layer, "flatten", DENSE]}
    members = [member(network, seed=s, epochs=2) for s in range(2)]
    ours, theirs = (train(*members, engine=e, precision="float64") for e in ("numpy", "torch"))
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a.curves["loss"], b.curves["loss"], atol=1e-9)
        np.testing.assert_allclose(a.curves["val_loss"], b.curves["val_loss"], atol=1e-9)
