"""AssayClassifier: an estimator to scikit-learn, a run of assay underneath."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import load_file, save_file
from sklearn.base import clone
from sklearn.exceptions import DataConversionWarning, NotFittedError
from sklearn.utils.estimator_checks import parametrize_with_checks
from sklearn_parts import few_digits, small

from assay import AssayClassifier, AssayError
from assay.core.errors import DataError, EngineError
from assay.data import load
from assay.engines.engine import ENGINES, Resources
from assay.studies.members import cohorts

CNN = {"family": "cnn", "filters": [[4]], "dense": [16], "dropout": 0.0, "first_kernel_size": 3}


@pytest.fixture(scope="module")
def digits() -> tuple[np.ndarray, np.ndarray]:
    return few_digits()


ESTIMATORS = [
    AssayClassifier(),
    AssayClassifier(CNN | {"pool_size": 1}, learning_rate=0.01, validation_fraction=0),
]


@parametrize_with_checks(ESTIMATORS)
def test_scikit_learns_own_checks(estimator, check):
    check(estimator)  # none is expected to fail


METHODS = {"label_smoothing": 0.1, "swa": 0.5, "lookahead": {"steps": 4, "step_size": 0.5}}


@pytest.mark.parametrize("methods", [{}, METHODS], ids=["plain", "methods"])
def test_a_fit_is_the_run_that_a_study_trains(methods):
    config = {
        "dataset": {"name": "digits", "train": 200, "test": 50},
        "network": {"family": "mlp", "hidden": [12], "dropout": 0.2},
        "training": {"epochs": 3, "batch_size": 32, "learning_rate": 0.01, **methods},
        "task": "classify", "engine": "torch", "precision": "float32", "seed": 5,
    }  # fmt: skip
    config["training"]["optimizer"] = {"name": "adam"}
    dataset = load(config["dataset"])
    (cohort,) = cohorts([{**config, "dataset": dataset.spec}])
    train = ENGINES["torch"]().train(cohort, dataset, Resources(), lambda progress: None)
    (record,) = train
    net = AssayClassifier(
        hidden=[12],
        dropout=0.2,
        epochs=3,
        learning_rate=0.01,
        precision="float32",
        random_state=5,
        **methods,
    )
    held = (dataset.validation.images, dataset.validation.targets)
    net.fit(dataset.train.images, dataset.train.targets, validation_data=held)
    for name, curve in record.curves.items():
        if name != "seconds":
            np.testing.assert_array_equal(net.history_[name], curve)
    predicted = net.predict(dataset.test.images)
    np.testing.assert_array_equal(predicted, record.predictions["test_predicted"])


@pytest.mark.parametrize(
    "params",
    [{}, {"batch_norm": True}, {"engine": "numpy"}, {"network": CNN, "hidden": None}],
    ids=str,
)
def test_what_is_predicted_is_what_was_judged(digits, params):
    X, y = digits
    X = X.reshape(-1, 8, 8)
    net = small(precision="float64", learning_rate=0.02, **params)
    net.fit(X[:200], y[:200], validation_data=(X[200:], y[200:]))
    assert net.score(X[200:], y[200:]) == net.history_["val_accuracy"][-1] > 0.3
    truth = net.predict_proba(X[200:])[np.arange(100), y[200:]]
    assert -np.log(truth).mean() == pytest.approx(net.history_["val_loss"][-1], rel=1e-5)


def test_labels_in_a_column_are_read_as_scikit_learn_does(digits):
    """Otherwise every sample is judged by the labels of all."""
    X, y = digits
    with pytest.warns(DataConversionWarning, match="column-vector y was passed"):
        net = small(learning_rate=0.02).fit(X, y, validation_data=(X[200:], y[200:, None]))
    assert net.history_["val_accuracy"][-1] == net.score(X[200:], y[200:]) > 0.3
    with pytest.raises(
        ValueError, match=r"y should be a 1d array, got an array of shape \(300, 10"
    ):
        net.fit(X, y, validation_data=(X, np.eye(10, dtype=int)[y]))


def test_images_and_vectors_of_equal_pixels_are_the_same(digits):
    X, y = digits
    images = X.reshape(-1, 8, 8)
    one = small(network=CNN, hidden=None).fit(images, y)
    two = small(network=CNN, hidden=None, shape=(8, 8)).fit(X, y)
    assert one.image_shape_ == two.image_shape_ == (8, 8, 1)
    assert one.n_features_in_ == two.n_features_in_ == 64
    np.testing.assert_array_equal(one.predict_proba(X), two.predict_proba(images[..., None]))
    assert small().fit(X, y).image_shape_ == (1, 64, 1)
    assert small().fit(X.tolist(), y.tolist()).score(X, y) > 0.3


def test_labels_of_any_kind_come_back(digits):
    X, y = digits
    words = np.array([f"digit {k}" for k in range(10)])
    plain, named = small().fit(X, y), small().fit(X, words[y])
    np.testing.assert_array_equal(named.predict(X), words[plain.predict(X)])
    assert set(small().fit(X, y > 4).predict(X)) == {False, True}
    frame = pd.DataFrame(X, columns=[f"p{k}" for k in range(64)])
    net = small().fit(frame, pd.Series(words[y], dtype="category"))
    assert list(net.feature_names_in_[:2]) == ["p0", "p1"]
    np.testing.assert_array_equal(net.predict(frame), named.predict(X))


def test_equal_seeds_give_equal_results_and_others_others(digits):
    X, y = digits

    def proba(state: Any) -> np.ndarray:
        return small(random_state=state, dropout=0.3).fit(X, y).predict_proba(X)

    np.testing.assert_array_equal(proba(1), proba(np.int64(1)))
    assert not np.array_equal(proba(1), proba(2))
    drawn = [proba(np.random.RandomState(3)) for _ in range(2)]
    np.testing.assert_array_equal(*drawn)
    assert not np.array_equal(proba(None), proba(None))


def test_a_mapping_that_was_passed_is_never_changed(digits):
    given = {"family": "mlp", "hidden": [5]}
    net = AssayClassifier(given)
    net.set_params(network__hidden=[7], network__activation="tanh", epochs=2)
    assert given == {"family": "mlp", "hidden": [5]}
    assert clone(net).network == {"family": "mlp", "hidden": [7], "activation": "tanh"}


def test_saved_and_loaded_it_predicts_the_same(digits, tmp_path: Path):
    X, y = digits
    words = np.array(["a", "bb", "ccc"])[y % 3]
    for labels, params in ((words, {}), (y - 5, {"network": CNN, "hidden": None, "shape": (8, 8)})):
        net = small(**params).fit(X, labels)
        net.save(tmp_path / "net.safetensors")
        again = AssayClassifier.load(tmp_path / "net.safetensors")
        np.testing.assert_array_equal(again.predict_proba(X), net.predict_proba(X))
        np.testing.assert_array_equal(again.predict(X), net.predict(X))
        assert again.classes_.dtype == net.classes_.dtype
        assert again.n_features_in_ == 64
        np.testing.assert_array_equal(again.history_["val_loss"], net.history_["val_loss"])
        refitted = clone(again).fit(X, labels)  # the parameters came along
        np.testing.assert_array_equal(refitted.predict_proba(X), net.predict_proba(X))
    assert [p.name for p in tmp_path.iterdir()] == ["net.safetensors"]
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(net)).predict(X), net.predict(X))


def test_files_that_are_none_are_named(digits, tmp_path: Path):
    X, y = digits
    with pytest.raises(NotFittedError):
        small().save(tmp_path / "x")
    with pytest.raises(DataError, match="there is no such file"):
        AssayClassifier.load(tmp_path / "missing")
    path = tmp_path / "net"
    net = small().fit(X, y)
    net.save(path)
    whole = path.read_bytes()
    for content in (b"", b"text", whole[: len(whole) // 2]):
        path.write_bytes(content)
        with pytest.raises(DataError, match=r"expected a file that AssayClassifier\.save wrote"):
            AssayClassifier.load(path)
    save_file({"a": np.zeros(1)}, path, {"assay": json.dumps({"format": "assay clock reader 1"})})
    with pytest.raises(DataError, match=r"clock reader 1.*AssayClassifier\.save wrote"):
        AssayClassifier.load(path)
    assert list(load_file(path)) == ["a"]
    with pytest.raises(DataError, match="cannot be written"):
        net.save(path / "net")  # a file stands where a folder is needed
    dates = np.array(["2026-01-01", "2026-01-02"], "datetime64[D]")
    net.classes_ = dates
    with pytest.raises(DataError, match=r"labels of type datetime64\[D\] cannot be saved"):
        net.save(path)


WRONG = [
    ({"network": "mpl"}, "unknown network family 'mpl'; did you mean 'mlp'"),
    ({"network": 3}, "network must be a network family's name, a mapping with its family"),
    ({"network": {"family": "cnn", "filtres": [8]}}, "did you mean 'filters'"),
    ({"hidden": [0]}, r"hidden\[0\] must be a whole number >= 1, got 0"),
    ({"activation": "rely"}, "activation: unknown activation 'rely'; did you mean 'relu'"),
    ({"optimizer": "adm"}, "optimizer: unknown optimizer 'adm'; did you mean 'adam'"),
    ({"optimizer": {"name": "adam", "beta1": 0.8}}, "did you mean 'beta_1'"),
    ({"learning_rate": -1}, "learning_rate must be a number > 0, got -1"),
    ({"swa": 1.5}, r"swa must be a number in \(0, 1\), got 1.5"),
    ({"epochs": 2.5}, "epochs must be a whole number >= 1, got 2.5"),
    ({"kernel_initializer": "ons"}, "did you mean 'ones'"),
    ({"engine": "trch"}, "engine: unknown engine 'trch'; did you mean 'torch'"),
    ({"device": "cdua"}, "unknown device 'cdua'; did you mean 'cuda'"),
    ({"precision": "float23"}, "did you mean 'float32'"),
    ({"normalize": "standart"}, "did you mean 'standard'"),
    (
        {"validation_fraction": 1.0},
        r"validation_fraction must be a fraction .* in \[0, 1\), got 1.0",
    ),
    ({"validation_fraction": 0, "early_stopping": True}, "early_stopping needs validation samples"),
    ({"shape": (8, 9)}, "shape 8x9x1 does not fit X, which contains vectors of 64 features"),
    ({"shape": 8}, r"shape must be \(height, width\) or .*, got 8"),
    (
        {"network": "cnn"},
        r"images are 1x64x1; shape=\(height, width\) turns flat vectors into images",
    ),
    ({"network": "cnn", "hidden": [3]}, "unknown option of network family cnn 'hidden'"),
    ({"random_state": -1}, "random_state must be a whole number >= 0, .* got -1"),
]


@pytest.mark.parametrize(("params", "said"), WRONG, ids=[str(p) for p, _ in WRONG])
def test_wrong_parameters_are_named(digits, params, said):
    with pytest.raises(ValueError, match=said) as caught:
        small(**{"hidden": None} | params).fit(*digits)
    assert isinstance(caught.value, AssayError)


def test_all_that_is_wrong_is_said_at_once(digits):
    with pytest.raises(ValueError, match="did you mean") as caught:
        small(activation="rely", optimizer="adm", engine="trch", batch_size=0).fit(*digits)
    assert len(str(caught.value).splitlines()) == 4


def test_wrong_names_and_arrays_are_named(digits):
    X, y = digits
    with pytest.raises(ValueError, match="'learning_rat'; did you mean 'learning_rate'"):
        small().set_params(epochs=9, learning_rat=0.1)
    with pytest.raises(AssayError, match="has no rate"):
        small(dropout=0.5).set_params(dropout__rate=0.1)
    with pytest.raises(DataError, match="at least two classes, got one class: 4"):
        small().fit(X, np.full(300, 4))
    with pytest.raises(AssayError, match=r"\(images are 3x8x8, height x width x channels\)$"):
        small(network="cnn", hidden=None).fit(np.ones((9, 3, 8, 8)), range(9))
    net = small().fit(X.reshape(-1, 8, 8), y)
    with pytest.raises(DataError, match=r"4x16x1, expected images of 8x8x1 or vectors of 64"):
        net.predict(X.reshape(-1, 4, 16))
    with pytest.raises(ValueError, match="63 features, but AssayClassifier is expecting 64"):
        net.predict(X[:, 1:])
    with pytest.raises(DataError, match=r"labels that are not in y: \[10\]"):
        net.fit(X, y, validation_data=(X, y + 1))
    with pytest.raises(DataError, match=r"must be a pair \(X, y\), got ndarray"):
        net.fit(X, y, validation_data=X)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        net.fit(X, y, validation_data=(X, y[1:]))
    with pytest.raises(DataError, match=r"X must be .* got an array of shape \(1, 1, 1, 1, 1\)"):
        net.predict(np.zeros((1, 1, 1, 1, 1)))


def test_a_loss_that_is_not_finite_is_an_error(digits):
    wild = small(optimizer="sgd", learning_rate=1e30, activation="linear")
    with pytest.raises(EngineError, match="this training diverged: the loss was not finite by"):
        wild.fit(*digits)


def test_early_stopping_keeps_the_best(digits):
    X, y = digits
    net = small(epochs=60, learning_rate=0.1, early_stopping={"patience": 3}, precision="float64")
    net.fit(X[:200], y[:200], validation_data=(X[200:], y[200:]))
    losses = net.history_["val_loss"]
    assert len(losses) == np.argmin(losses) + 4 < 60
    truth = net.predict_proba(X[200:])[np.arange(100), y[200:]]
    assert -np.log(truth).mean() == pytest.approx(losses.min(), rel=1e-5)


def test_without_validation_everything_trains(digits):
    X, y = digits
    net = small(validation_fraction=0).fit(X, y)
    assert list(net.history_) == ["step", "epoch", "loss", "accuracy", "seconds"]
    assert net.history_["step"][-1] == 3 * np.ceil(300 / 32)
    assert not [m for m in net.record_.metrics if m.startswith(("val_", "test_"))]
    held = small().fit(X, y)
    assert held.history_["step"][-1] == 3 * np.ceil(270 / 32)


@pytest.mark.parametrize("engine", ["torch", "numpy"])
def test_the_unit_of_the_values_does_not_matter(digits, engine):
    X, y = digits
    params = {"precision": "float64", "engine": engine}
    expected = small(**params).fit(X, y).predict_proba(X)
    for scale in (1e-9, 1e9):
        found = small(**params).fit(X * scale, y).predict_proba(X * scale)
        np.testing.assert_allclose(found, expected, atol=1e-6)


def test_a_channel_that_never_changed_hardly_counts():
    X = np.random.default_rng(0).random((200, 8, 8, 3))
    X[..., 2] = 0.3
    y = X[..., 0].mean((1, 2)) > 0.5
    net, moved = small(precision="float32").fit(X, y), X.copy()
    moved[..., 2] *= 1.001
    np.testing.assert_allclose(net.predict_proba(moved), net.predict_proba(X), atol=1e-3)


def test_differences_that_float32_does_not_hold_are_refused(digits):
    X, y = digits
    with pytest.raises(DataError, match=r"but float32 has steps of 64 there; subtract their mean"):
        small().fit(X + 1e9, y)
    small(precision="float64").fit(X + 1e9, y)


@pytest.mark.parametrize(
    ("size", "precision", "said"),
    [
        (
            1e-42,
            "auto",
            "all values of X are closer to 0 than 1.18e-38, too close to 0 for float32; mu",
        ),
        (1e-300, "auto", "too close to 0 for float32"),
        (
            1e-310,
            "float64",
            "all values of X are closer to 0 than 2.23e-308, too close to 0 for float6",
        ),
    ],
)
def test_values_that_vanish_are_refused(size: float, precision: str, said: str):
    X = np.arange(40.0).reshape(10, 4)
    net = AssayClassifier(hidden=[2], epochs=1, engine="numpy", precision=precision)
    with pytest.raises(ValueError, match=said):
        net.fit(X * size, np.arange(10) % 2)
    net.fit(X * 0, np.arange(10) % 2)  # which is as it was meant


def test_a_fit_that_fails_leaves_the_classifier_as_it_was():
    X = np.random.default_rng(0).normal(size=(60, 4)).astype(np.float32)
    words = np.where(X[:, 0] > 0, "pos", "neg")
    net = AssayClassifier(hidden=[4], epochs=1, random_state=0).fit(X, words)
    before = net.predict(X)
    net.set_params(optimizer="sgd", learning_rate=1e30)
    with pytest.raises(EngineError, match="diverged"):
        net.fit(X, np.where(X[:, 1] > 0, "zebra", "apple"))
    with pytest.raises(DataError, match="one class"):
        net.fit(X[:, :2], np.full(60, "a"))
    np.testing.assert_array_equal(net.predict(X), before)
