"""The stacked program, with its backward pass written out, against autograd; and Keras's rules."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from assay.engines.optimizers.optimizer import Optimizer
from assay.engines.schedules import Cosine
from assay.engines.torch_engine import engine as torch_engine
from assay.engines.torch_engine.fused import FusedSlot
from assay.engines.torch_engine.optimizers import Slot, update
from assay.engines.torch_engine.slots import EagerSlot

OPTIONS = {
    "plain": {},
    "dropout": {"dropout": 0.3},
    "batch norm, elu": {"batch_norm": True, "activation": "elu"},
    "penalties, gelu": {"kernel_regularizer": {"l1": 1e-4, "l2": 1e-3}, "activation": "gelu"},
    "tanh": {"activation": "tanh", "kernel_initializer": "lecun_normal"},
    "sigmoid": {"activation": "sigmoid"},
    "leaky_relu": {"activation": "leaky_relu"},
    "silu": {"activation": "silu"},
}
OPTIMIZERS = [
    {"name": "sgd"},
    {"name": "sgd", "momentum": 0.9},
    {"name": "sgd", "momentum": 0.9, "nesterov": True},
    {"name": "rmsprop", "momentum": 0.5},
    {"name": "adagrad"},
    {"name": "adadelta"},
    {"name": "adam"},
    {"name": "adamw"},
    {"name": "lion", "weight_decay": 0.1},
]


def _largest_difference(ours, theirs):
    return max(
        float(np.abs(a - b).max())
        for x, y in zip(ours, theirs, strict=True)
        for a, b in [
            (x.curves["loss"], y.curves["loss"]),
            (x.curves["val_loss"], y.curves["val_loss"]),
        ]
        + [(x.weights[k], y.weights[k]) for k in x.weights]
    )


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_written_out_gradients_equal_autograd(options, member, train, monkeypatch):
    members = [
        member(
            {"family": "mlp", "hidden": [12, 8], **options}, seed=s, learning_rate=0.05 * (s + 1)
        )
        for s in range(2)
    ]
    stacked = train(*members, precision="float64")
    monkeypatch.setattr(torch_engine, "stackable", lambda network: False)
    assert _largest_difference(stacked, train(*members, precision="float64")) < 1e-7


@pytest.mark.parametrize("options", OPTIMIZERS, ids=str)
def test_every_optimizer_in_both_programs(options, member, train, monkeypatch):
    recipe = {"optimizer": Optimizer.parse(options), "schedule": Cosine(warmup=0.2)}
    one = member({"family": "mlp", "hidden": [10]}, learning_rate=0.01, **recipe)
    stacked = train(one, precision="float64")
    monkeypatch.setattr(torch_engine, "stackable", lambda network: False)
    assert _largest_difference(stacked, train(one, precision="float64")) < 1e-7


def _keras_step(name, w, g, s, n, rate, t):
    """One step as Keras's source writes it, in NumPy; returns the new weight."""
    if name == "sgd":
        s["v"] = n["momentum"] * s["v"] - rate * g
        return w + (n["momentum"] * s["v"] - rate * g if n["nesterov"] else s["v"])
    if name == "rmsprop":
        s["v"] = n["rho"] * s["v"] + (1 - n["rho"]) * g**2
        s["m"] = n["momentum"] * s["m"] + rate * g / np.sqrt(s["v"] + n["epsilon"])
        return w - s["m"]
    if name == "adagrad":
        s["a"] = s.get("a", n["initial_accumulator_value"]) + g**2
        return w - rate * g / np.sqrt(s["a"] + n["epsilon"])
    if name == "adadelta":
        s["v"] = n["rho"] * s["v"] + (1 - n["rho"]) * g**2
        delta = -np.sqrt(s["m"] + n["epsilon"]) * g / np.sqrt(s["v"] + n["epsilon"])
        s["m"] = n["rho"] * s["m"] + (1 - n["rho"]) * delta**2
        return w + rate * delta
    if name == "lion":
        w = w - w * n["weight_decay"] * rate
        w = w - rate * np.sign(s["m"] * n["beta_1"] + g * (1 - n["beta_1"]))
        s["m"] = s["m"] * n["beta_2"] + g * (1 - n["beta_2"])
        return w
    alpha = rate * np.sqrt(1 - n["beta_2"] ** t) / (1 - n["beta_1"] ** t)
    w = w - w * n.get("weight_decay", 0) * rate
    s["m"] = s["m"] + (g - s["m"]) * (1 - n["beta_1"])
    s["v"] = s["v"] + (g**2 - s["v"]) * (1 - n["beta_2"])
    return w - s["m"] * alpha / (np.sqrt(s["v"]) + n["epsilon"])


@pytest.mark.parametrize("stacked", [False, True], ids=["one", "stack"])
@pytest.mark.parametrize("options", OPTIMIZERS, ids=str)
def test_rules_are_those_of_keras(options, stacked):
    rng = np.random.default_rng(0)
    optimizer = Optimizer.parse(options)
    numbers = optimizer.numbers(None)
    weight, rate = rng.normal(size=(1, 3, 4)), 0.1
    given = torch.tensor([[[rate]]], dtype=torch.float64) if stacked else rate
    slot = Slot(torch.tensor(weight), {**numbers, "learning_rate": given})
    state: dict = {"m": 0.0, "v": 0.0}
    for t in range(1, 6):
        gradient = rng.normal(size=weight.shape)
        update(type(optimizer), [slot], [torch.tensor(gradient)], 1.0)
        weight = _keras_step(optimizer.kind, weight, gradient, state, numbers, rate, t)
    np.testing.assert_allclose(slot.weight.numpy(), weight, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("low", [False, True], ids=["float32", "bfloat16"])
@pytest.mark.parametrize("options", OPTIMIZERS, ids=str)
def test_compiled_loops_do_what_the_operations_do(options, low):
    """Three members with rates and penalties of their own; after five steps two of them go on."""
    rng = np.random.default_rng(0)
    optimizer = Optimizer.parse(options)
    each = [
        optimizer.numbers(None) | {"learning_rate": rate, "l1": l1, "l2": 0.01}
        for rate, l1 in ((0.1, 0.0), (0.05, 0.1), (0.01, 0.0))
    ]
    start = torch.tensor(rng.normal(size=(3, 4, 5)), dtype=torch.float32)
    weights = [start.clone(), start.clone()]
    copies = [start.bfloat16() if low else None for _ in weights]
    kinds = (FusedSlot, EagerSlot)
    slots = [k(w, c, type(optimizer), each) for k, w, c in zip(kinds, weights, copies, strict=True)]
    for step in range(7):
        if step == 5:
            weights = [w[[0, 2]] for w in weights]
            copies = [None if c is None else c[[0, 2]] for c in copies]
            for slot, weight, copy in zip(slots, weights, copies, strict=True):
                slot.keep([0, 2], weight, copy)
        gradient = torch.tensor(rng.normal(size=weights[0].shape), dtype=torch.float32)
        gradient = gradient.bfloat16() if low else gradient
        slots[0].update(gradient if step % 2 else list(gradient), 0.9)
        slots[1].update(gradient, 0.9)
    torch.testing.assert_close(weights[0], weights[1], rtol=2e-5, atol=2e-6)
    assert not torch.equal(weights[0], start[[0, 2]])
    if low:
        assert torch.equal(copies[0], weights[0].bfloat16())
