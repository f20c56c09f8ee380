"""A classifier's file: whatever is wrong in it is said when it is loaded, by the file's name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assay.apps.sklearn.classifier import AssayClassifier
from assay.core.errors import DataError
from assay.core.tensor_file import read_tensors, write_tensors

FORM = "assay classifier 1"


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    X = np.random.default_rng(0).normal(size=(40, 4))
    path = tmp_path_factory.mktemp("saved") / "net.safetensors"
    AssayClassifier(hidden=[3], epochs=1, random_state=0).fit(X, X[:, 0] > 0).save(path)
    return path


CODE = {"module": "torch:os.system", "command": "exit 1"}
WHOSE = "a file never decides which code runs"


def changed(about: dict[str, Any], key: str, value: Any) -> dict[str, Any]:
    """The same with something in it changed; what is JSON text is opened, None leaves it out."""
    name, _, rest = key.partition(".")
    inner = about[name]
    if rest:
        text = isinstance(inner, str)
        value = changed(json.loads(inner) if text else inner, rest, value)
        value = json.dumps(value) if text else value
    return {k: v for k, v in (about | {name: value}).items() if v is not None or k != name}


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("params", None, "params missing"),
        ("params", 3, "params must be a mapping, got int"),
        (
            "image_shape",
            [1, None, 1],
            r"image_shape\[1\] must be a whole number from 1 to 16777216",
        ),
        ("image_shape", [1, 4], "image_shape must be three whole numbers"),
        (
            "image_shape",
            [1, 5, 1],
            r"tensor 'trunk.1.kernel' is \(4, 3\), the network needs \(5, 3\)",
        ),
        ("feature_names", ["a"], "feature_names must be 4 names"),
        ("classes.dtype", "|V9", r"classes.dtype is '\|V9'"),
        ("classes.dtype", "<U999999999", "classes.dtype is '<U999999999' for 2 labels"),
        ("classes.values", [True, False], "at least two labels, sorted, each once"),
        ("classes.values", [[1], [2]], "must be text, numbers or booleans"),
        ("record.seed", True, "record.seed must be a number"),
        ("record.config", None, "record.config must be text"),
        ("record.status", "failed", "status 'failed'"),
        ("record.metrics", "[]", "list"),
        ("record.config.network", None, "config.network must be a mapping, got None"),
        ("record.config.network.hidden", [10**14], "the network needs"),
        ("record.config.network.family", "mlq", "unknown network family 'mlq'"),
        ("record.config.network", CODE, WHOSE),
        ("record.config.network", {"family": "module", **CODE}, WHOSE),
        ("params.network", CODE, WHOSE),
        ("params.network", {"family": "estimator", "estimator": "torch:os.system"}, WHOSE),
        ("params.network", "torch:os.system", WHOSE),
        ("params.engine", "torch:os.system", WHOSE),
        ("record.provenance.pixels", None, "provenance.pixels is missing"),
        ("record.provenance.pixels.mean", 7, "mean must be a list, got 7"),
        ("record.provenance.pixels.mean", [1, 2], "provenance.pixels.mean must be 1 numbers"),
        ("record.provenance.pixels.std", [0], r"pixels.std\[0\] must be a number > 0, got 0"),
        ("record.provenance.precision", 32, "precision must be text, got 32"),
    ],
)
def test_what_is_said_of_it_is_checked(saved, tmp_path, key, value, message):
    about, tensors = read_tensors(saved, FORM)
    path = tmp_path / "wrong.safetensors"
    write_tensors(path, FORM, changed(about, key, value), tensors)
    with pytest.raises(DataError, match=message) as caught:
        AssayClassifier.load(path)
    told = str(caught.value).removeprefix(f"{path}: ")
    assert told.startswith(("not a fitted classifier (", "its engine is", "its network is"))


def test_its_tensors_are_checked(saved, tmp_path):
    about, tensors = read_tensors(saved, FORM)
    path, name = tmp_path / "wrong.safetensors", "weights/trunk.1.kernel"
    for wrong, message in (
        ({n: t for n, t in tensors.items() if n != name}, "tensor 'trunk.1.kernel' is missing"),
        (tensors | {name: tensors[name].T.copy()}, r"is \(3, 4\), the network needs \(4, 3\)"),
        (tensors | {name: tensors[name] * np.nan}, "contains numbers that are not finite"),
        (tensors | {"curves/loss": np.zeros((2, 2))}, r"curve 'loss' must be numbers \(n,\)"),
    ):
        write_tensors(path, FORM, about, wrong)
        with pytest.raises(DataError, match=message):
            AssayClassifier.load(path)
    content = bytearray(saved.read_bytes())
    content[-2] ^= 4
    path.write_bytes(content)
    with pytest.raises(DataError, match="its checksum is wrong"):
        AssayClassifier.load(path)
