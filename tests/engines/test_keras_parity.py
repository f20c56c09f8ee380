"""Keras itself, the numpy engine and the torch engine, from equal weights over equal batches."""

from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.stats import ks_2samp

from assay.core.errors import EngineError, MissingExtraError
from assay.core.seeds import stream
from assay.data.batches import batch_order
from assay.data.dataset import Split
from assay.engines.augmentations import Cutout, Mixup
from assay.engines.engine import ENGINES, Cohort, Resources
from assay.engines.keras_engine import backend
from assay.engines.keras_engine.build import build_model, get_weights, set_weights
from assay.engines.keras_engine.calls import Call, initializer_call
from assay.engines.keras_engine.code import keras_code
from assay.engines.keras_engine.engine import number_format
from assay.engines.keras_engine.files import read_keras, write_keras
from assay.engines.keras_engine.fitting import compile_model
from assay.engines.numpy_engine.model import Model
from assay.engines.numpy_engine.trainer import Stepper
from assay.engines.optimizers.optimizer import Optimizer
from assay.engines.schedules import Cosine
from assay.engines.torch_engine.device import place
from assay.engines.torch_engine.module import ModuleProgram
from assay.engines.training import Augment, EarlyStopping
from assay.networks.families import build_network
from assay.networks.initializers import INITIALIZERS, Initializer
from assay.networks.network import initial_weights
from assay.networks.table import layer_table
from assay.tasks.task import TASKS

try:
    backend.check_keras()
except MissingExtraError as error:
    pytest.skip(str(error), allow_module_level=True)

# TensorFlow hands its variables to NumPy as NumPy 1 wanted it
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

STEPS = 20
MLP = {"family": "mlp", "hidden": [12, 8]}
TANH = {"activation": "tanh"}
CNN = {
    "family": "layers",
    "layers": [
        {"conv2d": 6, "kernel_size": 4, "kernel_regularizer": {"l2": 0.01}},
        TANH,
        {"max_pool2d": 3, "strides": 2, "padding": "same"},
        {"residual": [{"conv2d": 8, "strides": 2}, "batch_norm", {"activation": "elu"}]},
        {"average_pool2d": 2, "strides": 1, "padding": "same"},
        {"residual": ["batch_norm"]},
        "flatten",
        {"dense": 7, "activation": "relu", "use_bias": False},
    ],
}
OPTIMIZERS = {
    "sgd": "sgd",
    "momentum": {"name": "sgd", "momentum": 0.9},
    "nesterov": {"name": "sgd", "momentum": 0.9, "nesterov": True},
    "rmsprop": "rmsprop",
    "rmsprop, momentum": {"name": "rmsprop", "momentum": 0.5},
    "adagrad": "adagrad",
    "adadelta": "adadelta",
    "adam": {"name": "adam", "beta_1": 0.91, "epsilon": 1e-4},
    "adamw": "adamw",
    "muon": "muon",
    "muon, plain": {"name": "muon", "nesterov": False, "ns_steps": 3},
}
ACTIVATIONS = ("linear", "leaky_relu", "elu", "gelu", "silu", "sigmoid", "tanh", "softmax")
NORM = {"batch_norm": True}
GRID = {
    **{name: ({**MLP, **NORM}, rule) for name, rule in OPTIMIZERS.items()},
    **{name: ({**MLP, "activation": name}, "adam") for name in ACTIVATIONS},
    **{
        name: ({**MLP, "kernel_initializer": name}, "adagrad")
        for name in ("zeros", "dirac", "random_normal", "he_uniform", "lecun_normal")
    },
    # with relu, logits of hundreds: there the float32 constants inside Keras's rules show
    "ones": ({**MLP, "kernel_initializer": "ones", **TANH}, "adagrad"),
    "l1": ({**MLP, "kernel_regularizer": {"l1": 0.01}}, "sgd"),
    "l2": ({**MLP, "kernel_regularizer": "l2", **NORM}, "rmsprop"),
    "l1 and l2": ({**MLP, "kernel_regularizer": "l1_l2"}, "adamw"),
    # no batch norm: the sign of a gradient that is nothing but rounding is any sign
    "lion": (MLP, {"name": "lion", "weight_decay": 0.1}),
    "cnn": (CNN, "adam"),
    "cnn, dirac": ({**CNN, "kernel_initializer": "dirac"}, "adam"),
}
"""Network, optimizer; the CNN without the numpy engine, which has no convolutions."""


@pytest.fixture(scope="module")
def keras():
    """Keras, with what it and its backend say while they are imported kept to themselves."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return backend.load_keras(threads=1)


@pytest.mark.parametrize(("network", "optimizer"), GRID.values(), ids=GRID)
def test_twenty_steps_agree(network, optimizer, member, corners, keras):
    one = member(network, seed=5, optimizer=Optimizer.parse(optimizer), learning_rate=0.02)
    weights = initial_weights(one.network, one.seed)
    exact = place(Resources(device="cpu", precision="float64", threads=1))
    program = ModuleProgram([one], [weights], exact, TASKS["classify"])
    scratch = None
    if network["family"] == "mlp":
        numpy = Model(one.network, weights, one.seed, np.dtype(np.float64))
        scratch = Stepper(numpy, one, "classify")
    images = (corners.train.images - corners.mean.astype(float)) / corners.std.astype(float)
    with number_format(keras, "float64"):
        model = build_model(keras, one.network, one.seed)
        set_weights(model, one.network, weights)
        compile_model(keras, model, one, STEPS, STEPS)
        model.run_eagerly = True  # nothing to trace for twenty steps
        for step in range(STEPS):
            index = batch_order(one.seed, step, len(images))[:40]
            x, targets = images[index], corners.train.targets[index]
            model.reset_metrics()
            expected = float(model.train_on_batch(x, targets, return_dict=True)["cross_entropy"])
            tensors = (torch.from_numpy(a)[None] for a in (x, targets))
            with torch.no_grad():
                total, _ = program.step(*tensors, 1.0)
            assert float(total) / 40 == pytest.approx(expected, abs=1e-5, rel=0)
            if scratch:
                assert scratch.step(x, targets, 1.0)[0].mean() == pytest.approx(
                    expected, abs=1e-5, rel=0
                )
        reached = get_weights(model, one.network)
    assert set(reached) == set(weights)
    for found in (program.weights(0), scratch.model.weights() if scratch else reached):
        for name, array in reached.items():
            np.testing.assert_allclose(found[name], array, rtol=0, atol=1e-5, err_msg=name)
    assert any(not np.allclose(array, weights[name]) for name, array in reached.items())


RECIPES = {
    "stopping": {
        "early_stopping": EarlyStopping(patience=2, min_delta=0.02),
        "augment": Augment(shift=1, flip=True),
        "optimizer": Optimizer.parse("adam"),
        "epochs": 12,
        "test_curve": True,
    },
    "steps": {"steps": 21, "evaluate_every": 4, "schedule": Cosine()},
    "muon": {"epochs": 2, "optimizer": Optimizer.parse("muon"), "schedule": Cosine()},
    "soft targets": {"label_smoothing": 0.1, "augment": Augment(flip="alternating")},
    "cutout": {"augment": Augment(shift=1, others=(Cutout(size=3),))},
    "mixup": {"augment": Augment(others=(Cutout(), Mixup(alpha=0.4)))},
}


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_records_agree(recipe, member, train, keras):
    one = member({**MLP, **NORM}, seed=2, learning_rate=0.03, **recipe)
    (ours,), (theirs,) = (train(one, engine=e, precision="float64") for e in ("torch", "keras"))
    assert ours.curves.keys() == theirs.curves.keys()
    for name in set(ours.curves) - {"seconds"}:
        np.testing.assert_allclose(ours.curves[name], theirs.curves[name], atol=1e-5, err_msg=name)
    assert ours.metrics == pytest.approx(theirs.metrics, abs=1e-5)
    for name, array in theirs.weights.items():
        np.testing.assert_allclose(ours.weights[name], array, atol=1e-4, err_msg=name)
    for name, array in theirs.predictions.items():
        np.testing.assert_allclose(ours.predictions[name], array, atol=1e-3)
    assert theirs.provenance["engine"] == "keras"
    assert theirs.timing["train"] > 0


def test_too_much_noise_is_refused_before_training(member, train, keras):
    with pytest.raises(EngineError, match=r"a standard deviation of at most 1, got 1\.5"):
        train(member({**MLP, "input_gaussian_noise": 1.5}), engine="keras")


@pytest.mark.parametrize("layer", ["dropout", "gaussian_noise"])
def test_equal_seeds_give_equal_results_with_chance(layer, member, train, keras):
    network = {**MLP, layer: 0.3}
    first, again = (train(member(network, epochs=1), engine="keras")[0] for _ in range(2))
    other = train(member(network, epochs=1, seed=1), engine="keras")[0]
    assert first.curves["loss"] == again.curves["loss"]
    assert first.curves["loss"] != other.curves["loss"]


def test_a_run_that_only_chooses_has_no_test_curve(member, train, keras):
    one = member(MLP, epochs=2, test_curve=True)
    choosing = replace(one, config={**one.config, "validation_only": True})
    (seen,), (unseen,) = (train(m, engine="keras") for m in (one, choosing))
    assert len(seen.curves["test_accuracy"]) == 2
    assert not any(name.startswith("test_") for name in [*unseen.curves, *unseen.metrics])


@pytest.mark.parametrize("recipe", [{}, {"label_smoothing": 0.1}], ids=["plain", "soft"])
def test_accuracy_is_a_share_of_the_validation_images(recipe, member, train, keras, corners):
    part = corners.validation
    dataset = replace(corners, validation=Split(part.images[:36], part.targets[:36]))
    (record,) = train(member(MLP, epochs=5, **recipe), engine="keras", dataset=dataset)
    shares = [k / 36 for k in range(37)]
    assert set(record.curves["val_accuracy"]) <= set(shares)
    assert record.metrics["val_accuracy"] in shares


def test_a_diverged_run_is_kept(member, train, keras):
    (lost,) = train(member(MLP, learning_rate=1e30), engine="keras")
    assert (lost.status, len(lost.curves["loss"])) == ("diverged", 1)
    assert "test_accuracy" not in lost.metrics


def _draws(keras, start: Initializer) -> tuple[np.ndarray, np.ndarray]:
    """20,000 numbers of ours and of Keras's."""
    said = initializer_call(start)
    if isinstance(said, Call):
        theirs = Call(said.path, {**said.arguments, "seed": 1}).make(keras)
    else:
        kind = type(keras.initializers.get(said))
        theirs = kind() if said in ("zeros", "ones") else kind(seed=1)
    shape = (200, 100)
    drawn = np.asarray(keras.ops.convert_to_numpy(theirs(shape)))
    return start.draw(shape, stream(0, "init", start.name)).ravel(), drawn.ravel()


@pytest.mark.parametrize("name", sorted(set(INITIALIZERS) - {"dirac"}))
@pytest.mark.parametrize("scale", [1.0, 0.25])
def test_initializers_agree_in_distribution(name, scale, keras):
    ours, theirs = _draws(keras, Initializer(name, scale=scale))
    assert ks_2samp(ours, theirs).pvalue > 0.01


def test_the_test_of_distributions_would_notice(keras):
    ours, _ = _draws(keras, Initializer("glorot_normal"))
    _, theirs = _draws(keras, Initializer("glorot_uniform"))
    assert ks_2samp(ours, theirs).pvalue < 1e-6


@pytest.mark.parametrize("options", [{**MLP, **NORM, "dropout": 0.2}, CNN], ids=["mlp", "cnn"])
def test_the_printed_code_makes_the_network(options, keras):
    network = build_network(options, (8, 8, 1), {"class": 4})
    made: dict = {}
    exec(keras_code(network), made)
    layers = {layer.name.replace("_", "."): layer for layer in made["model"].layers}
    for row in layer_table(network):
        layer = layers[row["name"]]
        assert layer.output.shape[1:] == row["output_shape"], row["name"]
        counted = sum(int(np.prod(w.shape)) for w in layer.trainable_weights)
        assert counted == row["parameters"], row["name"]
    assert isinstance(made["model"], keras.Sequential) == (options is not CNN)


def test_code_for_what_keras_does_not_have_is_refused(keras):
    options = {**CNN, "kernel_initializer": "dirac"}
    with pytest.raises(EngineError, match=r"no initializer dirac, which layer trunk\.0 has"):
        keras_code(build_network(options, (8, 8, 1), {"class": 4}))


def test_several_heads_have_names(keras):
    network = build_network(MLP, (8, 8, 1), {"hour": 12, "minute": 60})
    made: dict = {}
    exec(keras_code(network), made)
    for model in (made["model"], build_model(keras, network)):
        assert {k: tuple(v.shape) for k, v in model.output.items()} == {
            "hour": (None, 12),
            "minute": (None, 60),
        }


def test_a_file_predicts_as_the_record_and_weights_travel_back(
    member, train, corners, keras, tmp_path
):
    one, path = member(CNN, seed=3, epochs=1), tmp_path / "run.keras"
    (record,) = train(one)
    write_keras(one.network, record.weights, path, (corners.mean, corners.std))
    images = corners.test.images.astype(np.float32)  # 0..255: the file normalises them
    logits = keras.ops.convert_to_numpy(keras.saving.load_model(path)(images))
    kept = TASKS["classify"].predictions({"class": logits})
    assert np.array_equal(kept["predicted"], record.predictions["test_predicted"])
    np.testing.assert_allclose(kept["confidence"], record.predictions["test_confidence"], atol=2e-3)
    found = read_keras(one.network, path)
    assert found.keys() == record.weights.keys()
    assert all(np.array_equal(found[name], array) for name, array in record.weights.items())
    with pytest.raises(EngineError, match="the model differs from its description"):
        read_keras(build_network({**MLP, "hidden": [3] * 9}, (8, 8, 1), {"class": 4}), path)
    path.write_text("nothing")
    with pytest.raises(EngineError, match="as a Keras model"):
        read_keras(one.network, path)


def test_what_keras_does_not_do_is_refused(member):
    engine, warm = ENGINES["keras"](), Cosine(warmup=0.1)
    for one, resources, task, said in (
        (member(MLP, schedule=warm), Resources(), "classify", "schedule.warmup 0.1; expected 0"),
        (
            member(CNN, optimizer=Optimizer.parse("muon")),
            Resources(),
            "classify",
            "supports dense layers only",
        ),
        (
            member(MLP, optimizer=Optimizer.parse({"name": "muon", "relative_rate": 12})),
            Resources(),
            "classify",
            "has no relative_rate; use engine: torch",
        ),
        (member(MLP), Resources(device="cuda"), "classify", "got device 'cuda'; expected auto"),
        (member(MLP), Resources(device="gpu"), "classify", "unknown device 'gpu'"),
        (member(MLP), Resources(precision="float23"), "classify", "did you mean 'float32'"),
        (member(MLP), Resources(), "clasify", "unknown task of the keras engine 'clasify'"),
    ):
        with pytest.raises(EngineError, match=said):
            engine.check(Cohort((one,), task), resources)


def test_a_missing_extra_is_named(member, monkeypatch):
    monkeypatch.setattr(backend, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r'pip install -e "\.\[keras\]"'):
        ENGINES["keras"]().check(Cohort((member(MLP),)), Resources())


def test_a_process_has_one_backend(keras, monkeypatch):
    backend.choose_backend(backend.backend_name())
    with pytest.raises(EngineError, match="in this process already, got backend"):
        backend.choose_backend(next(b for b in backend.BACKENDS if b != backend.backend_name()))
    with pytest.raises(EngineError, match="did you mean 'tensorflow'"):
        backend.choose_backend("tensorflwo")
