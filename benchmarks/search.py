"""A search by assay, compared with KerasTuner and Optuna with Keras: equal space, data and epochs.

    ASSAY_DATA=... python benchmarks/search.py [--train 10000] [--epochs 9] [--seeds 0 1 2]

The contestants run alone, one after the other, seed by seed. assay runs the built-in study
`hyperband-mlp` (one run per trial); the peers (`search_peer.py`, in the benchmark's own
environment) get the same total number of epochs. The time is from the first line after the imports
to the last trial of the search; `seconds_in_all` also includes what assay does afterwards (the best
is trained once more and tested). For every peer, the result contains assay's best after a fifth of
the peer's time, and when it was as good as the peer's best. Writes results/search-DATE-IMAGES.json.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

import assay
from assay.core.machine import machine
from assay.core.yaml import read_yaml
from assay.data import load
from assay.execution.events import Event
from assay.statistics.estimates import t_interval
from assay.studies import library

HERE = Path(__file__).parent
PEERS = HERE / ".venv-peers" / "bin" / "python"
TUNERS = ("keras-tuner-hyperband", "keras-tuner-bayesian", "optuna-hyperband")
VALIDATION = 2000


def study(train: int, epochs: int, seed: int) -> dict[str, Any]:
    """The built-in study with other data, fewer epochs, one run a trial, and the learning rates of
    the peers, which stay as they are."""
    text = library.find("hyperband-mlp").read_text(encoding="utf-8")
    found = dict(read_yaml(text, "hyperband-mlp").data)
    dataset = {"name": "fashion-mnist", "train": train, "validation": VALIDATION, "test": 1000}
    found |= {"dataset": dataset, "repeats": 1, "seed": seed}
    found["training"] = {"batch_size": found["training"]["batch_size"], "epochs": epochs}
    space = {**found["search"]["space"], "training.learning_rate": [0.01, 0.0001]}
    found["search"] = {**found["search"], "space": space, "best": 1, "refit": False}
    return found


def by_assay(train: int, epochs: int, seed: int) -> dict[str, Any]:
    """Wall time, best validation accuracy, trials and epochs trained."""
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        history: list[tuple[float, float]] = []  # when a trial ended, the best so far

        def see(event: Event) -> None:
            if event.record is not None and event.record.config.get("validation_only"):
                value = event.record.metrics["val_accuracy"]
                best = max(value, history[-1][1]) if history else value
                history.append((time.perf_counter() - began, best))

        results = assay.run(study(train, epochs, seed), store=folder, on_event=see)
        in_all = time.perf_counter() - began
        tried = results.tried()
    longest: dict[str, float] = {}  # a run goes on from rung to rung
    for r in tried:
        longest[_whole(r)] = max(longest.get(_whole(r), 0), r.metrics["epochs"])
    used = sum(longest.values())
    seconds, best = history[-1]
    return {"tuner": "assay", "seed": seed, "seconds": seconds, "seconds_in_all": in_all,
            "val_accuracy": best, "trials": len(longest), "epochs": used,
            "history": history}  # fmt: skip


def beside(peer: dict[str, Any], ours: dict[str, Any]) -> dict[str, float | None]:
    """How a peer's time and best accuracy compare with assay's of the same seed."""
    history = ours["history"]
    early = [best for seconds, best in history if seconds <= peer["seconds"] / 5]
    as_good = [seconds for seconds, best in history if best >= peer["val_accuracy"]]
    return {"times_as_long": peer["seconds"] / ours["seconds"],
            "assay_after_a_fifth": early[-1] if early else None,
            "assay_as_good_after": as_good[0] if as_good else None}  # fmt: skip


def summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """By peer, over the seeds: how much longer it took, and how assay's best after a fifth of its
    time differs from the best that it found in the end, with a 95 % interval.
    """
    found: dict[str, Any] = {}
    for tuner in TUNERS:
        own = [row for row in rows if row["tuner"] == tuner and "seconds" in row]
        if not own or any(row["assay_after_a_fifth"] is None for row in own):
            continue
        ahead = np.array([row["assay_after_a_fifth"] - row["val_accuracy"] for row in own])
        mean, low, high = (float(x) for x in t_interval(ahead))
        longer = [row["times_as_long"] for row in own]
        found[tuner] = {
            "n": len(own), "times_as_long": float(np.mean(longer)),
            "least": min(longer), "most": max(longer),
            "after_a_fifth": {"difference": mean, "low": low, "high": high},
            "no_worse": high >= 0,
        }  # fmt: skip
    return found


def _whole(record: Any) -> str:
    """A run's configuration, whatever rung it stopped at."""
    recipe = {k: v for k, v in record.config["training"].items() if k != "stop_after"}
    return json.dumps({**record.config, "training": recipe}, sort_keys=True)


def by_peer(tuner: str, data: Path, epochs: int, budget: int, seed: int) -> dict[str, Any]:
    """One line of JSON from a process of the peers' environment."""
    command = [str(PEERS), str(HERE / "search_peer.py"), tuner, str(data),
               "--epochs", str(epochs), "--budget", str(budget), "--seed", str(seed)]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        return {"tuner": tuner, "seed": seed, "error": done.stderr.strip().splitlines()[-1]}
    return json.loads(done.stdout.strip().splitlines()[-1])


def main() -> None:
    """Measure seed by seed; write after every row."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--train", type=int, default=10_000)
    parser.add_argument("--epochs", type=int, default=9, help="of a trial, at most")
    parser.add_argument("--seeds", nargs="*", type=int, default=[0, 1, 2])
    parser.add_argument("--only", nargs="*", choices=TUNERS, default=TUNERS)
    given = parser.parse_args()
    date = datetime.date.today().isoformat()
    path = HERE / "results" / f"search-{date}-{given.train}.json"
    result: dict[str, Any] = {
        "date": date, "machine": machine(), "load_before": os.getloadavg()[0],
        "command": f"python benchmarks/search.py --train {given.train} --epochs {given.epochs}",
        "rows": [],
    }  # fmt: skip
    dataset = load(study(given.train, given.epochs, 0)["dataset"])
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data.npz"
        parts = {"x": dataset.train, "vx": dataset.validation}
        arrays: dict[str, Any] = {name: part.images[..., 0] for name, part in parts.items()}
        np.savez(data, **arrays, y=dataset.train.targets, vy=dataset.validation.targets)
        for seed in given.seeds:
            rows = [by_assay(given.train, given.epochs, seed)]
            budget = round(rows[0]["epochs"])
            rows += [by_peer(t, data, given.epochs, budget, seed) for t in given.only]
            for row in rows:
                if row["tuner"] != "assay" and "seconds" in row:
                    row |= beside(row, rows[0])
                print(json.dumps(row), flush=True)
            result["rows"] += rows
            result["summary"] = summary(result["rows"])
            path.write_text(json.dumps(result, indent=1) + "\n")
    print(f"written: {path}")


if __name__ == "__main__":
    main()
