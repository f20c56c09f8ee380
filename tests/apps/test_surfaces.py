"""The loss around a run: its middle is the run's own, its directions have the filters' norms."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from assay.apps.api import run
from assay.apps.cli.app import main
from assay.apps.surfaces import direction, find_weight, loss_surface
from assay.core.errors import ConfigError, brief
from assay.core.store import Store
from assay.data import load
from assay.reports.surface_figure import Surface, draw_surface
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


@pytest.fixture(scope="module")
def opened(trained):
    """The run with its weights, its network and its data."""
    folder, name = trained
    with Store(folder, read_only=True) as store:
        record, weights = store.record(name), store.weights(name)
    record.weights.update(weights)
    return record, resolve_network(record.config), load(record.config["dataset"])


def loss_by_hand(weights, data):
    """The mean loss on the training points of a network with one hidden layer."""
    x = (data.train.images.reshape(-1, 2) - data.mean) / data.std
    kernels = {len(a): k for k, a in weights.items() if k.endswith("kernel")}  # by their inputs
    first, last = (kernels[inputs].removesuffix("kernel") for inputs in (2, 3))
    z = np.maximum(x @ weights[f"{first}kernel"] + weights[f"{first}bias"], 0)
    logits = z @ weights[f"{last}kernel"] + weights[f"{last}bias"]
    logits -= np.log(np.exp(logits).sum(1, keepdims=True))
    return -logits[np.arange(len(x)), data.train.targets].mean()


def test_the_middle_is_the_loss_of_the_run(opened):
    record, network, data = opened
    found = loss_surface(record, network, data, points=3, reach=0.5)
    assert found.images == 60
    assert found.steps.tolist() == [-0.5, 0, 0.5]
    assert found.loss[1, 1] == pytest.approx(loss_by_hand(record.weights, data), rel=1e-5)
    assert len({*found.loss.ravel().round(9)}) == 9


def test_two_weights_move_and_no_other(opened):
    record, network, data = opened
    chosen = ("trunk.1.kernel[1,2]", "head.class.0.bias[0]")
    written = (" trunk.1.kernel [ 1, 02 ]", chosen[1])
    found = loss_surface(record, network, data, weights=written, points=3, reach=4)
    kernel, bias = record.weights["trunk.1.kernel"], record.weights["head.class.0.bias"]
    assert found.names == chosen
    assert found.centre == (kernel[1, 2], bias[0])
    for row, b in enumerate((-4, 0, 4)):
        for column, a in enumerate((-4, 0, 4)):
            moved = {name: array.copy() for name, array in record.weights.items()}
            moved["trunk.1.kernel"][1, 2] += a
            moved["head.class.0.bias"][0] += b
            wanted = loss_by_hand(moved, data)
            assert found.loss[row, column] == pytest.approx(wanted, rel=1e-5)


def test_the_usual_reach_lets_both_weights_change_their_signs(opened):
    record, network, data = opened
    large = {name: 7 * array for name, array in record.weights.items()}
    chosen = ("trunk.1.kernel[0,0]", "trunk.1.kernel[1,1]")
    for weights in (record.weights, large):
        given = replace(record, weights=weights)
        found = loss_surface(given, network, data, weights=chosen, points=3)
        edges = [centre + found.steps[[0, -1]] for centre in found.centre]
        assert all(low <= -abs(at) and abs(at) <= high
                   for (low, high), at in zip(edges, found.centre, strict=True))  # fmt: skip
        assert found.steps[-1] == max(2, 2 * np.abs(found.centre).max())


def test_axes_bear_the_names_and_values_of_the_weights(opened):
    record, network, data = opened
    chosen = ("trunk.1.kernel[0,0]", "trunk.1.kernel[1,1]")
    found = loss_surface(record, network, data, weights=chosen, points=3, reach=2)
    ax = draw_surface(found).axes[0]
    assert (ax.get_xlabel(), ax.get_ylabel()) == chosen
    assert ax.get_xlim() == pytest.approx((found.centre[0] - 2, found.centre[0] + 2))
    assert [text.get_text() for text in ax.texts] == ["this run"]
    crosses = [(*line.get_xdata(), *line.get_ydata()) for line in ax.lines]
    assert crosses
    assert {*crosses} == {found.centre}


@pytest.mark.parametrize("level", [0.0, 0.7, 1e4])
def test_a_flat_surface_is_drawn(level):
    flat = Surface(np.array([-1.0, 0, 1]), np.full((3, 3), level), 9, ("a", "b"))
    figure = draw_surface(flat, 3.0)
    assert list(figure.axes[1].get_yticks()) == [level]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "trunk.0.kernel[0,0]",
            "unknown weight 'trunk.0.kernel[0,0]'; did you mean 'trunk.1.kernel[0,0]'? "
            "(arrays and shapes: trunk.1.kernel (2x3), trunk.1.bias (3))",
        ),
        ("x", "unknown weight 'x' (arrays and shapes: trunk.1.kernel (2x3), trunk.1.bias (3))"),
        *(
            (
                f"trunk.1.kernel{end}",
                f"weight {brief(repr(f'trunk.1.kernel{end}'))}: trunk.1.kernel has the shape 2x3; "
                "expected an index from trunk.1.kernel[0,0] to trunk.1.kernel[1,2]",
            )
            for end in (
                "[2,0]",
                "[0,3]",
                "[0]",
                "[0,0,0]",
                "[-1,0]",
                "",
                "[0,0",
                "[0 0]",
                "[0,,0]",
                "[0,0,]",
                "[]",
                "[0,0]]",
                "[٠,0]",
                f"[0,{'9' * 5000}]",
            )
        ),
    ],
)
def test_a_wrong_weight_says_what_there_is(text, said):
    weights = {"trunk.1.kernel": np.zeros((2, 3)), "trunk.1.bias": np.zeros(3)}
    assert find_weight(weights, "trunk.1.kernel[1, 2]") == ("trunk.1.kernel", (1, 2))
    assert find_weight(weights, "trunk.1.bias[2]") == ("trunk.1.bias", (2,))
    with pytest.raises(ConfigError) as caught:
        find_weight(weights, text)
    assert str(caught.value) == said


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
    names = ["trunk.1.kernel[0,0]", "trunk.1.bias[2]"]
    assert main([*line, "--weights", *names, "--to", "svg", "--out", "two.svg"]) == 0
    assert "<svg" in (tmp_path / "two.svg").read_text(encoding="utf-8")
    said = " ".join(capsys.readouterr().out.split())
    assert f"Only {names[0]} (" in said
    assert main([*line, "--weights", names[0], names[0]]) == 2
    assert "is given twice; expected two different weights" in capsys.readouterr().err
    assert main(["loss-surface", "small", "--store", str(folder)]) == 2
    assert "loss-surface takes one run, got study 'small'" in capsys.readouterr().err
