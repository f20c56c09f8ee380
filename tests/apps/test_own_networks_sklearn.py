"""A user's own network in a classifier, and in the files that others take."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV
from torch import nn

from assay.apps.cli.app import main
from assay.apps.sklearn import AssayClassifier
from assay.core.errors import AssayError, DataError

CODE = """
from torch import nn


class Net(nn.Module):
    def __init__(self, image_shape, num_classes, width=8):
        super().__init__()
        self.hidden = nn.Linear(64, width)
        self.norm = nn.BatchNorm1d(width)
        self.out = nn.Linear(width, num_classes)

    def forward(self, x):
        return self.out(self.norm(self.hidden(x.view(len(x), -1))).relu())
"""


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A user's module that can be imported."""
    (tmp_path / "own_sklearn_parts.py").write_text(CODE, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "own_sklearn_parts", raising=False)
    import importlib

    return importlib.import_module("own_sklearn_parts")


def digits() -> tuple[np.ndarray, np.ndarray]:
    X, y = load_digits(return_X_y=True)
    return X.reshape(-1, 8, 8)[:300], y[:300]


def test_a_class_and_its_name_are_the_same_network(own: ModuleType):
    X, y = digits()
    made = AssayClassifier(network=own.Net, epochs=3, random_state=0).fit(X, y)
    named = AssayClassifier(network="own_sklearn_parts:Net", epochs=3, random_state=0).fit(X, y)
    assert clone(made).get_params()["network"] is own.Net
    np.testing.assert_array_equal(made.predict_proba(X), named.predict_proba(X))
    assert made.score(X, y) > 0.2


def test_a_search_sets_its_arguments(own: ModuleType):
    X, y = digits()
    estimator = AssayClassifier(network=own.Net, epochs=1, random_state=0)
    found = GridSearchCV(estimator, {"network__width": [2, 16]}, cv=2).fit(X, y)
    assert (
        found.best_estimator_.record_.config["network"]["width"]
        == found.best_params_["network__width"]
    )


def test_a_file_names_the_class_and_is_told_it(own: ModuleType, tmp_path: Path):
    X, y = digits()
    made = AssayClassifier(network=own.Net, epochs=1, random_state=0).fit(X, y)
    path = tmp_path / "net.safetensors"
    made.save(path)
    with pytest.raises(DataError, match=r"which code runs: load\(path, network=Net\)"):
        AssayClassifier.load(path)
    with pytest.raises(DataError, match="expected that class or function itself, network=Net, got"):
        AssayClassifier.load(path, network="own_sklearn_parts:Net")  # type: ignore[arg-type]
    again = AssayClassifier.load(path, network=own.Net)
    np.testing.assert_array_equal(again.predict_proba(X), made.predict_proba(X))
    assert again.get_params()["network"]["module"] is own.Net
    np.testing.assert_array_equal(again.fit(X, y).predict_proba(X), made.predict_proba(X))


def test_a_class_that_no_one_can_import_is_not_saved(own: ModuleType, tmp_path: Path):
    class Inner(own.Net):
        pass

    X, y = digits()
    made = AssayClassifier(network=Inner, epochs=1, random_state=0).fit(X, y)
    with pytest.raises(DataError, match="cannot be saved because other programs cannot import it"):
        made.save(tmp_path / "net.safetensors")


def test_a_network_that_is_made_already_is_refused(own: ModuleType):
    X, y = digits()
    said = "got a Net instance; each fit creates a new one"
    with pytest.raises(AssayError, match=said):
        AssayClassifier(network=own.Net((8, 8, 1), 10)).fit(X, y)


def test_its_weights_are_exported_with_its_class(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own_export_parts.py").write_text(CODE, encoding="utf-8")
    Path("own.yaml").write_text(
        "study: own\ndataset: {name: digits, train: 200}\nnetwork: {module: own_export_parts:Net}\n"
        "training: {epochs: 1}\nrepeats: 1\n",
        encoding="utf-8",
    )
    assert main(["run", "own.yaml", "--workers", "1", "--store", "store"]) == 0
    assert "BatchNorm1d(8," in Path("store/reports/own.html").read_text(encoding="utf-8")
    run = next(Path("store/weights").glob("*.safetensors")).stem
    from assay.core.store import Store

    with Store(Path("store"), create=False, read_only=True) as store:
        (name,) = [r for t in store.plan("own")["trials"] for r in t["runs"]]
    assert run
    assert main(["export", name, "--to", "torch", "--out", "net.py", "--store", "store"]) == 0
    state = load_file("net.safetensors")
    module: nn.Module = sys.modules["own_export_parts"].Net((8, 8, 1), 10)
    module.load_state_dict(state)
    assert torch.isfinite(module.eval()(torch.zeros(1, 1, 8, 8))).all()
    assert main(["export", name, "--to", "onnx", "--store", "store"]) == 2
    assert "has a custom one, own_export_parts:Net; use --to torch" in capsys.readouterr().err
    Path("own_export_parts.py").write_text(CODE + "\n", encoding="utf-8")
    assert main(["export", name, "--to", "torch", "--store", "store"]) == 2
    assert "own_export_parts.py has changed since this run" in capsys.readouterr().err


def build(image_shape, num_classes, units=8):
    """A Keras model as a list of layers."""
    from keras import layers

    dense = layers.Dense
    return [layers.Flatten(), dense(units, activation="relu"), dense(num_classes)]


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_a_function_that_builds_a_keras_model(tmp_path: Path):
    pytest.importorskip("keras")
    X, y = digits()
    made = AssayClassifier(network=build, engine="keras", epochs=3, random_state=0)
    made.set_params(network__units=16).fit(X, y)
    assert made.score(X, y) > 0.2
    made.save(tmp_path / "made.assay")
    again = AssayClassifier.load(tmp_path / "made.assay", network=build)
    np.testing.assert_array_equal(again.predict_proba(X), made.predict_proba(X))
