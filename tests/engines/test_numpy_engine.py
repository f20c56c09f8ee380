"""Gradients against central differences; what the numpy engine has and what it refuses."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.core.errors import EngineError
from assay.engines.engine import ENGINES, Cohort, Resources
from assay.engines.numpy_engine.activations import ACTIVATIONS
from assay.engines.numpy_engine.gradients import LIMIT, check_gradients
from assay.engines.numpy_engine.losses import cross_entropy, penalty
from assay.engines.optimizers.optimizer import Optimizer
from assay.networks.activations import ACTIVATIONS as NAMES
from assay.networks.families import build_network
from assay.networks.initializers import INITIALIZERS
from assay.networks.regularizers import Regularizer

sides = st.integers(1, 3)
strengths = st.sampled_from([0.0, 0.001, 0.3])
networks = st.fixed_dictionaries(
    {
        "family": st.just("mlp"),
        "hidden": st.lists(st.integers(1, 6), max_size=3),
        "activation": st.sampled_from(NAMES),
        "batch_norm": st.booleans(),
        "dropout": st.sampled_from([0.0, 0.2, 0.5]),
        "kernel_initializer": st.sampled_from(sorted(set(INITIALIZERS) - {"zeros", "ones"})),
        "kernel_regularizer": st.fixed_dictionaries({"l1": strengths, "l2": strengths}),
    }
)


@settings(max_examples=40)
@given(
    network=networks,
    shape=st.tuples(sides, sides, sides),
    classes=st.integers(2, 5),
    images=st.integers(2, 6),
    seed=st.integers(0, 1000),
)
def test_every_gradient_is_the_difference_quotient(network, shape, classes, images, seed):
    built = build_network(network, shape, {"class": classes})
    rows = check_gradients(built, images=images, seed=seed)
    assert rows[-1].shape == (images, *shape)
    assert sum(r.entries for r in rows[:-1]) == sum(r.checked for r in rows[:-1])
    assert sum(r.entries for r in rows[:-1]) == built.parameters
    assert max(r.error for r in rows) < LIMIT


def test_layers_on_images_have_right_gradients():
    layers = [
        "batch_norm",
        {"dropout": 0.3},
        {"gaussian_noise": 0.3},
        {"activation": "silu"},
        "flatten",
        {"dense": 4, "use_bias": False},
    ]
    network = build_network({"family": "layers", "layers": layers}, (3, 3, 2), {"class": 3})
    rows = check_gradients(network)
    assert [(r.layer, r.parameter) for r in rows[:2]] == [
        ("trunk.0", "gamma"),
        ("trunk.0", "beta"),
    ]
    assert max(r.error for r in rows) < LIMIT


@pytest.mark.parametrize("wrong", sorted(set(NAMES) - {"linear"}))
def test_a_wrong_gradient_is_noticed(wrong, monkeypatch):
    right = type(ACTIVATIONS[wrong]).backward

    def nearly(self, d, x, y):
        return right(self, d, x, y) * (1 + 1e-5)

    monkeypatch.setattr(type(ACTIVATIONS[wrong]), "backward", nearly)
    network = build_network(
        {"family": "mlp", "hidden": [6], "activation": wrong}, (2, 2, 1), {"class": 3}
    )
    errors = {r.layer: r.error for r in check_gradients(network)}
    assert errors["trunk.1"] > LIMIT
    assert errors["head.class.0"] < LIMIT, "nothing is wrong above the activation"


def test_entries_are_a_sample():
    network = build_network({"family": "mlp", "hidden": [20]}, (4, 4, 1), {"class": 3})
    rows = check_gradients(network, entries=7)
    assert [(r.checked, r.entries) for r in rows][:2] == [(7, 320), (7, 20)]


def test_cross_entropy_by_hand():
    logits = np.array([[0.0, np.log(3.0)], [1000.0, -1000.0]])
    losses, d, correct = cross_entropy({"class": logits}, np.array([0, 1]))
    np.testing.assert_allclose(losses, [np.log(4), 2000])
    np.testing.assert_allclose(d["class"], [[-0.375, 0.375], [0.5, -0.5]])
    assert correct.tolist() == [0, 0]


def test_penalty_by_hand():
    assert penalty(np.array([[1.0, -2.0]]), Regularizer(l1=0.5, l2=0.1)) == pytest.approx(2.0)


@pytest.mark.parametrize("name", sorted(ACTIVATIONS))
def test_activations_stay_finite_and_of_their_type(name):
    x = np.array([[-1e4, -30.0, -0.0, 0.0, 30.0, 1e4]], np.float32)
    f = ACTIVATIONS[name]
    with np.errstate(under="ignore"):
        y = f.forward(x)
        d = f.backward(np.ones_like(x), x, y)
    assert np.isfinite(y).all()
    assert np.isfinite(d).all()
    assert y.dtype == d.dtype == np.float32


@pytest.mark.parametrize("precision", ["auto", "float32", "float64"])
def test_it_learns_in_its_precisions(precision, member, train):
    recipe = {"epochs": 12, "optimizer": Optimizer.parse("adam"), "learning_rate": 0.01}
    mlp = {"family": "mlp", "hidden": [16, 12], "dropout": 0.2, "batch_norm": True}
    (record,) = train(member(mlp, **recipe), engine="numpy", precision=precision)
    assert record.metrics["test_accuracy"] > 0.9
    assert record.provenance["precision"] == precision.replace("auto", "float32")
    assert record.provenance["engine"] == "numpy"
    assert all(array.dtype == np.float32 for array in record.weights.values())


def test_what_it_lacks_is_named(member):
    engine = ENGINES["numpy"]()
    mlp = Cohort((member({"family": "mlp", "hidden": [4]}),))
    with pytest.raises(EngineError, match="float32 or float64, got precision 'bfloat16'"):
        engine.check(mlp, Resources(precision="bfloat16"))
    with pytest.raises(EngineError, match="on the CPU only, got device 'cuda:1'"):
        engine.check(mlp, Resources(device="cuda:1"))
    cnn = member({"family": "cnn", "filters": [[4]], "first_kernel_size": 3, "dense": [4]})
    with pytest.raises(
        EngineError, match=r"not support layer trunk\.0 of kind 'conv2d'.*engine: torch"
    ):
        engine.check(Cohort((cnn,)), Resources())


def test_it_works_without_pytorch():
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "from assay.engines.engine import ENGINES, Resources\n"
        "print(ENGINES['numpy']().describe(Resources(threads=1))['threads'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "1\n"


def test_a_batch_larger_than_the_training_set_asks_for_no_more_memory(member, train):
    whole, huge = (
        train(member({"family": "mlp", "hidden": [4]}, batch_size=size), engine="numpy")[0]
        for size in (310, 2**62)
    )
    np.testing.assert_array_equal(whole.curves["loss"], huge.curves["loss"])
