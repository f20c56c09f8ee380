"""Trained networks in the formats of others: what leaves assay computes what assay computes."""

from __future__ import annotations

import ast
import itertools
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from assay.apps.exporters._reference import expected, sample_images
from assay.apps.exporters.exporter import EXPORTERS
from assay.core.errors import EngineError
from assay.core.records import Record
from assay.networks.families import build_network
from assay.networks.network import Network, initial_weights

ALL = [
    {"conv2d": 4, "kernel_size": 5, "activation": "gelu"},
    "batch_norm",
    {"max_pool2d": 2},
    {"residual": [{"conv2d": 6, "strides": 2, "activation": "elu"}, {"conv2d": 6}]},
    {"activation": "silu"},
    {"average_pool2d": 3, "strides": 2, "padding": "same"},
    {"max_pool2d": 2, "padding": "same", "strides": 1},
    {"conv2d": 5, "kernel_size": 2, "padding": "valid", "activation": "leaky_relu"},
    {"dropout": 0.3},
    {"gaussian_noise": 0.3},
    {"dense": 7, "activation": "tanh"},
    "batch_norm",
    {"activation": "sigmoid"},
]
NETWORKS = {
    "mlp": ({"family": "mlp", "hidden": [9, 8]}, (6, 5, 1)),
    "every layer": ({"family": "layers", "layers": ALL}, (22, 18, 3)),
    "space to depth": (
        {
            "family": "layers",
            "layers": [{"space_to_depth": 2}, {"conv2d": 4}, "global_average_pool"],
        },
        (8, 6, 2),
    ),
}


def trained(name: str, heads: dict[str, int]) -> tuple[Record, Network]:
    """A record with weights that are all different from zero and one."""
    options, shape = NETWORKS[name]
    network = build_network(options, shape, heads)
    rng = np.random.default_rng(1)
    weights = {
        key: array + rng.uniform(0.1, 0.3, array.shape).astype(np.float32)
        for key, array in initial_weights(network, 0).items()
    }
    channels = shape[-1]
    seen = {
        "mean": [100.0 + c for c in range(channels)],
        "std": [50.0 + c for c in range(channels)],
    }
    record = Record(
        run_id="0123456789abcdef", trial_id="t", seed=0, status="finished", config={}, curves={},
        metrics={}, predictions={}, provenance={"pixels": seen}, timing={}, weights=weights,
    )  # fmt: skip
    return record, network


HEADS = {"one": {"class": 4}, "two": {"hour": 12, "minute": 3}}
WITHOUT_ASSAY = """
import importlib, sys
import numpy as np, torch
sys.modules["assay"] = None
for name in sys.argv[1:]:
    out = importlib.import_module(name).load()(torch.from_numpy(np.load(f"{name}.npy")))
    out = out if isinstance(out, dict) else {"class": out}
    np.savez(name, **{k: v.detach().numpy() for k, v in out.items()})
"""


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what every network computes as it was exported, in one process for all."""
    folder = tmp_path_factory.mktemp("exported")
    names = []
    for name, (number, heads) in itertools.product(NETWORKS, HEADS.items()):
        record, network = trained(name, heads)
        names.append(f"{name} {number}".replace(" ", "_"))
        EXPORTERS["torch"].write(record, network, folder / f"{names[-1]}.py")
        np.save(folder / names[-1], sample_images(network))
    subprocess.run([sys.executable, "-c", WITHOUT_ASSAY, *names], cwd=folder, check=True)
    return folder


@pytest.mark.parametrize("number", HEADS)
@pytest.mark.parametrize("name", NETWORKS)
def test_torch_runs_without_assay(name, number, exported: Path):
    record, network = trained(name, HEADS[number])
    file = exported / f"{name} {number}.npz".replace(" ", "_")
    with np.load(file, allow_pickle=False) as found:
        for head, array in expected(record, network, sample_images(network)).items():
            np.testing.assert_allclose(found[head], array, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", NETWORKS)
def test_onnx_runtime_computes_the_same(name, tmp_path: Path):
    pytest.importorskip("onnx")
    runtime = pytest.importorskip("onnxruntime")
    record, network = trained(name, {"class": 4})
    path = tmp_path / "net.onnx"
    EXPORTERS["onnx"].write(record, network, path)
    images = sample_images(network, 2)
    (found,) = runtime.InferenceSession(str(path)).run(None, {"images": images})
    wanted = expected(record, network, images)["class"]
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("settings", "task", "said"),
    [
        ({"permute": 7}, "classify", "changed first (permute: 7), as assay.data.load does it"),
        ({"permute": None, "zca_whitening": True, "resize": 6}, "classify",
         "changed first (resize: 6, zca_whitening: true), as"),
        ({"permute": None}, "classify", ""),
        ({}, {"name": "classify", "test_time": "flip"}, "evaluated with 2 views of each image"),
        ({"permute": 7}, {"name": "classify", "test_time": "translate"},
         "is wrong about others. This run was evaluated with 5 views of each image"),
    ],
)  # fmt: skip
def test_a_model_says_what_it_leaves_out(settings, task, said, tmp_path: Path):
    onnx = pytest.importorskip("onnx")
    from safetensors import safe_open

    record, network = trained("mlp", {"class": 4})
    record = replace(record, config={"dataset": {"name": "digits", **settings}, "task": task})
    EXPORTERS["torch"].write(record, network, tmp_path / "net.py")
    EXPORTERS["onnx"].write(record, network, tmp_path / "net.onnx")
    docs = ast.get_docstring(ast.parse((tmp_path / "net.py").read_text())) or ""
    with safe_open(tmp_path / "net.safetensors", "numpy") as file:
        metadata = file.metadata().get("images", "")
    found = [" ".join(docs.split()), metadata, onnx.load(tmp_path / "net.onnx").doc_string]
    assert all(said in text for text in found)
    changed = any(settings.values())
    assert all(("changed first" in text) == changed for text in found)
    assert all(("views" in text) == (task != "classify") for text in found)


@pytest.mark.parametrize("to", ["onnx", "torch"])
def test_a_model_that_computes_something_else_is_refused(to, tmp_path: Path, monkeypatch):
    pytest.importorskip("onnxruntime")
    record, network = trained("mlp", {"class": 4})
    module = f"assay.apps.exporters.{to}"
    monkeypatch.setattr(f"{module}.pixels", lambda r: (np.zeros(1), np.ones(1)))
    with pytest.raises(EngineError, match="is not written: its output 'class' differs"):
        EXPORTERS[to].write(record, network, tmp_path / f"net{EXPORTERS[to].suffix}")
