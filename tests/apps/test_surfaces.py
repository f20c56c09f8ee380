"""The loss around a run: its middle is the run's own, its directions have the filters' norms."""

from __future__ import annotations

import numpy as np
import pytest

from assay.apps.api import run
from assay.apps.cli.app import main
from assay.apps.surfaces import direction, loss_surface
from assay.core.store import Store
from assay.data import load
from assay.studies.members import resolve_network

STUDY = {
    "study": "small",
    "dataset": {"name": "xor", "train": 60, "validation": 20, "test": 20},
    "network": {"family": "mlp", "hidden": [3]},
    "training": {"epochs": 2},
    "precision": "float32",
}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The folder of a store with one run, and the name of the run."""
    folder = tmp_path_factory.mktemp("surface") / "store"
    results = run(STUDY, store=folder)
    return folder, next(iter(results.plan["trials"][0]["runs"]))


def test_the_middle_is_the_loss_of_the_run(trained):
    folder, name = trained
    with Store(folder, read_only=True) as store:
        record, weights = store.record(name), store.weights(name)
    record.weights.update(weights)
    data = load(record.config["dataset"])
    network = resolve_network(record.config)
    found = loss_surface(record, network, data, points=3, reach=0.5)
    x = (data.train.images.reshape(-1, 2) - data.mean) / data.std
    kernels = {len(a): k for k, a in weights.items() if k.endswith("kernel")}  # by their inputs
    first, last = (kernels[inputs].removesuffix("kernel") for inputs in (2, 3))
    z = np.maximum(x @ weights[f"{first}kernel"] + weights[f"{first}bias"], 0)
    logits = z @ weights[f"{last}kernel"] + weights[f"{last}bias"]
    logits -= np.log(np.exp(logits).sum(1, keepdims=True))
    loss = -logits[np.arange(len(x)), data.train.targets].mean()
    assert found.images == 60
    assert found.steps.tolist() == [-0.5, 0, 0.5]
    assert found.loss[1, 1] == pytest.approx(loss, rel=1e-5)
    assert len({*found.loss.ravel().round(9)}) == 9


def test_a_filter_of_a_direction_has_the_norm_of_the_weights():
    weights = {
        "a.kernel": np.arange(24, dtype=np.float32).reshape(2, 3, 4),
        "a.bias": np.ones(4, np.float32),
    }
    found = direction(weights, 0, "first")
    wanted = np.sqrt(np.square(weights["a.kernel"]).sum((0, 1)))
    np.testing.assert_allclose(np.sqrt(np.square(found["a.kernel"]).sum((0, 1))), wanted)
    assert not found["a.bias"].any()
    other = direction(weights, 0, "second")["a.kernel"]
    assert not np.allclose(found["a.kernel"], other)


def test_the_command_draws_it_and_says_what_it_is(trained, tmp_path, monkeypatch, capsys):
    folder, name = trained
    monkeypatch.chdir(tmp_path)
    line = ["loss-surface", name[:6], "--store", str(folder), "--points", "3"]
    assert main([*line, "--to", "svg", "--out", "it.svg"]) == 0
    assert "<svg" in (tmp_path / "it.svg").read_text(encoding="utf-8")
    assert "Loss on 60 training images of xor" in " ".join(capsys.readouterr().out.split())
    assert main([*line[:-1], "4"]) == 2
    assert "--points 4: expected an odd number" in capsys.readouterr().err
    assert main(["loss-surface", "small", "--store", str(folder)]) == 2
    assert "loss-surface takes one run, got study 'small'" in capsys.readouterr().err
