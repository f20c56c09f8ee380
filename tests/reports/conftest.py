"""Studies with made-up runs on real digits: what a report must be able to show, in milliseconds.

A made-up network classifies by the nearest class mean, seen through noise; so its mistakes are the
ones that a bad network would make.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import numpy as np
import pytest

from assay.core.records import Record, run_id, trial_id
from assay.core.seeds import stream
from assay.data import Dataset, load
from assay.networks.families import build_network
from assay.networks.network import Network
from assay.reports.html import render_html
from assay.reports.names import named
from assay.reports.paper.material import Material

Study = tuple[dict[str, Any], list[Record]]


@cache
def digits(permute: int | None = None) -> Dataset:
    return load({"name": "digits", "permute": permute})


def dataset_of(spec: Mapping[str, Any]) -> Dataset | None:
    return digits(spec["permute"]) if spec["name"] == "digits" else None


def config(**changes: Any) -> dict[str, Any]:
    base = {
        "dataset": {"name": "digits", "permute": None},
        "network": {"family": "mlp", "activation": "relu"},
        "training": {"epochs": 20},
        "task": "classify",
    }
    for name, value in changes.items():
        section, _, key = name.partition("__")
        base[section][key] = value
    return base


def made_up_run(config: dict[str, Any], seed: int, skill: float, epochs: int = 20) -> Record:
    """A finished run whose accuracy grows with `skill` (noise goes down)."""
    rng = stream(seed, "made-up", trial_id(config))
    shared = stream(seed, "made-up").normal()  # luck that all trials of a seed share
    data = digits()
    means = np.stack([data.train.images[data.train.targets == c].mean(0) for c in range(10)])
    noisy = data.test.images + rng.normal(0, 255 * (1.1 - skill), data.test.images.shape)
    distance = np.stack([((noisy - m) ** 2).mean((1, 2, 3)) for m in means], 1) / 1500
    p = np.exp(distance.min(1, keepdims=True) - distance)
    p /= p.sum(1, keepdims=True)
    target, predicted = data.test.targets, p.argmax(1)
    accuracy = float(np.mean(predicted == target)) + 0.002 * shared
    epoch = np.arange(1.0, epochs + 1)
    rise = 1 - np.exp(-epoch / 4)
    wobble = rng.normal(0, 0.004, (4, epochs))
    curves = {
        "epoch": epoch,
        "step": epoch * 45,
        "accuracy": (accuracy + 0.03) * rise + wobble[0],
        "val_accuracy": accuracy * rise + wobble[1],
        "loss": 2.3 * np.exp(-epoch / 5) + 0.05 + np.abs(wobble[2]),
        "val_loss": 2.3 * np.exp(-epoch / 4) + 0.2 + 0.004 * epoch + np.abs(wobble[3]),
    }
    metrics = {
        "test_accuracy": accuracy,
        "val_accuracy": float(curves["val_accuracy"].max()),
        "test_loss": float(1.2 * curves["val_loss"][-1]),
        "val_loss": float(curves["val_loss"].min()),
        "best_epoch": float(epoch[curves["val_accuracy"].argmax()]),
        "epochs": float(epochs),
    }
    predictions = {
        "test_predicted": predicted.astype(np.uint8),
        "test_confidence": p.max(1).astype(np.float16),
        "test_target": target,
    }
    return Record(
        run_id({**config, "seed": seed}),
        trial_id(config),
        seed,
        "finished",
        {**config, "seed": seed},
        curves,
        metrics,
        predictions,
        {"train": 8 + rng.random(), "evaluate": 0.5, "images_per_second": 4000 + 100 * shared},
        {
            "device": "cpu",
            "cpu": "Made-up CPU @ 2 GHz",
            "precision": "float32",
            "torch": "2.13.0",
            "threads": 2,
            "parameters": 27_000,
            "dataset_fingerprint": digits(config["dataset"]["permute"]).fingerprint,
            "finished_at": f"2026-11-20T10:{seed:02d}:00+00:00",
        },
    )


def lost_run(config: dict[str, Any], seed: int, status: str = "diverged") -> Record:
    full = {**config, "seed": seed}
    curves = {"epoch": np.array([1.0]), "loss": np.array([np.nan])}
    return Record(
        run_id(full), trial_id(config), seed, status, full, curves, {}, message="loss is nan"
    )


def plan_of(name: str, trials: list[dict[str, Any]], seeds: int, **more: Any) -> dict[str, Any]:
    return {
        "study": name,
        "question": f"What does {name} show?",
        "scale": "full",
        "command": f"assay run {name}",
        "design": "trials",
        "source": {"written": {"study": name, "repeats": seeds}},
        "published": [],
        "baseline": trials[0]["label"],
        "factors": {},
        "comparisons": [],
        "trials": [
            {
                **trial,
                "trial_id": trial_id(trial["config"]),
                "runs": [run_id({**trial["config"], "seed": s}) for s in range(seeds)],
            }
            for trial in trials
        ],
    } | more


def tour() -> Study:
    """A full factorial: two networks on plain and on permuted digits, five seeds."""
    skills = {("plain", "MLP"): 0.55, ("plain", "CNN"): 0.72, ("permuted", "MLP"): 0.55}
    skills["permuted", "CNN"] = 0.35
    trials = [
        {
            "label": f"{pixels}, {network}",
            "levels": {"pixels": pixels, "network": network},
            "config": config(
                network__family=network.lower(),
                dataset__permute=7 if pixels == "permuted" else None,
            ),
        }
        for pixels, network in skills
    ]
    ids = {tuple(t["levels"].values()): trial_id(t["config"]) for t in trials}
    comparisons = [
        {"factor": "pixels", "level": "permuted", "against": "plain",
         "a": ids["permuted", n], "b": ids["plain", n], "where": {"network": n}}
        for n in ("MLP", "CNN")
    ] + [
        {"factor": "network", "level": "CNN", "against": "MLP",
         "a": ids[p, "CNN"], "b": ids[p, "MLP"], "where": {"pixels": p}}
        for p in ("plain", "permuted")
    ]  # fmt: skip
    plan = plan_of(
        "tour",
        trials,
        5,
        design="full_factorial",
        question="Does a convolutional network need its neighbourhoods?",
        factors={"pixels": ["plain", "permuted"], "network": ["MLP", "CNN"]},
        comparisons=comparisons,
        published=[
            {"trial": "plain, MLP", "dataset": None, "metric": "test_accuracy", "value": 0.85,
             "source": "A. Author, 2020"},
            {"trial": None, "dataset": "digits", "metric": "test_accuracy", "value": 0.99,
             "source": "B. Author <b>2021</b>"},
        ],
    )  # fmt: skip
    runs = [
        made_up_run(t["config"], seed, skills[tuple(t["levels"].values())])
        for t in trials
        for seed in range(5)
    ]
    return plan, runs


def factors() -> Study:
    """One at a time: 18 trials of five factors, five seeds, two of the levels hopeless."""
    levels = {
        "network.kernel_initializer": ["glorot_uniform", "he_uniform", "he_normal", "lecun_normal",
                                       "random_normal", "zeros"],
        "network.activation": ["relu", "tanh", "sigmoid", "elu", "gelu"],
        "network.kernel_regularizer": ["none", "l1 0.001", "l2 0.001", "l1_l2 0.001"],
        "network.batch_norm": ["off", "on"],
        "training.learning_rate": ["0.01", "0.1", "0.001", "0.0001"],
        "network.dropout": ["0.2", "0.0"],
    }  # fmt: skip
    skill = {"zeros": 0.0, "0.0001": 0.2, "sigmoid": 0.42, "tanh": 0.52, "on": 0.62, "0.1": 0.6}
    base = {name: choices[0] for name, choices in levels.items()}
    cells = [base] + [{**base, f: x} for f, choices in levels.items() for x in choices[1:]]
    trials = []
    for cell in cells:
        changed = [f"{f.split('.')[-1]} = {x}" for f, x in cell.items() if x != base[f]]
        label = ", ".join(changed) or "baseline"
        trials.append({"label": label, "levels": cell, "config": config(network__cell=str(cell))})
    first = trial_id(trials[0]["config"])
    comparisons = [
        {
            "factor": next(f for f in levels if t["levels"][f] != base[f]),
            "level": t["label"].split(" = ")[1],
            "against": next(base[f] for f in levels if t["levels"][f] != base[f]),
            "a": trial_id(t["config"]),
            "b": first,
            "where": {f: x for f, x in t["levels"].items() if x == base[f]},
        }
        for t in trials[1:]
    ]
    plan = plan_of(
        "mlp-factors",
        trials,
        5,
        design="one_at_a_time",
        factors=levels,
        comparisons=comparisons,
        question="Which choices matter for an MLP?",
    )
    runs = [
        made_up_run(
            t["config"], s, next((skill[x] for x in t["levels"].values() if x in skill), 0.55)
        )
        for t in trials
        for s in range(5)
    ]
    return plan, runs


def trouble() -> Study:
    """What goes wrong: diverged runs, a trial with one run, one with no spread, missing runs."""
    names = ["steady", "diverges", "all lost", "single", "constant", "ends early"]
    trials = [
        {"label": n, "levels": {"rate": n}, "config": config(training__name=n)} for n in names
    ]
    steady, diverges, lost, single, constant, early = (t["config"] for t in trials)
    runs = [made_up_run(steady, s, 0.6) for s in range(5)]
    runs += [made_up_run(diverges, s, 0.6) for s in range(3)]
    runs += [lost_run(diverges, s) for s in (3, 4)]
    runs += [*(lost_run(lost, s) for s in range(4)), lost_run(lost, 4, "failed")]
    runs += [made_up_run(single, 0, 0.6)]
    for s in range(5):
        run = made_up_run(constant, s, 0.5)
        run.metrics["test_accuracy"] = 0.1
        runs.append(run)
    runs += [made_up_run(early, s, 0.6, epochs=8 + 3 * s) for s in range(5)]
    comparisons = [
        {"factor": "rate", "level": t["label"], "against": "steady",
         "a": trial_id(t["config"]), "b": trial_id(steady), "where": {}}
        for t in trials[1:]
    ]  # fmt: skip
    more = {"factors": {"rate": names}, "comparisons": comparisons}
    return plan_of("trouble", trials, 5, **more), runs


@cache
def _studies() -> dict[str, Study]:
    return {"tour": tour(), "factors": factors(), "trouble": trouble()}


@pytest.fixture
def study() -> Callable[[str], Study]:
    """A made-up study by name: "tour", "factors" or "trouble"."""
    return lambda name: _studies()[name]


@pytest.fixture(scope="session")
def rendered() -> dict[str, str]:
    """The pages that tests have made."""
    return {}


@pytest.fixture
def page(
    study: Callable[[str], Study],
    images: Callable[[Mapping[str, Any]], Dataset | None],
    rendered: dict[str, str],
) -> Callable[[str], str]:
    """The report of a made-up study, made once for all tests."""

    def make(name: str) -> str:
        if name not in rendered:
            rendered[name] = render_html(*study(name), images, network_of=network_of)
        return rendered[name]

    return make


def network_of(config: Mapping[str, Any]) -> Network:
    """A small network, whatever the configuration says."""
    return build_network({"family": "mlp", "hidden": [16]}, (8, 8, 1), {"classes": 10})


@pytest.fixture
def images() -> Callable[[Mapping[str, Any]], Dataset | None]:
    """The digits behind a made-up study."""
    return dataset_of


@pytest.fixture
def material(
    study: Callable[[str], Study], images: Callable[[Mapping[str, Any]], Dataset | None]
) -> Callable[[str], Material]:
    """A made-up study as what a paper is made of."""

    def make(name: str) -> Material:
        plan, records = study(name)
        return Material(named(plan, short=True), records, (), images, network_of)

    return make
