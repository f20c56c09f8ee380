"""Training of the course's GAN and VAE by assay beside Keras on TensorFlow: images a second.

    python benchmarks/generation.py [--seconds 6] [--rounds 3]

On random 64x64 colour images, in float32 and in bfloat16 (Keras: mixed_bfloat16), at the course's
batch sizes. Contestants start together and take turns, round by round. assay is measured as it
trains several runs, one on each core, and as one run that has all cores. What is timed is updates
alone: no start, no compiling, no evaluation. Writes results/generation-DATE.json.

The share of the peak counts what the updates multiply. Of a GAN, for each real image: the
discriminator forward and backward on it and on a made one, then forward and back to the picture
once more, and the generator forward and backward. Nothing but products is counted.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from statistics import median
from typing import Any

from assay.core.cores import physical_cores
from assay.core.machine import machine
from assay.execution.executors.processes import worker_environment
from peer_generation import MODELS, network
from peers import HERE, Contestant, Process, environment, peers_python

BATCH = {"gan": 32, "vae": 8}
OURS = Contestant("peer_generation.py", {"step": "assay"})
KERAS = Contestant("peer_generation_keras.py", {"best": "Keras/TensorFlow"}, own_environment=True)
RUN, CORE, PEER = "assay, one run", "assay, a run on each core", "Keras/TensorFlow, best"


def flops(model: str) -> int:
    """Operations of an update for one image, two for each multiply-add."""
    macs = {name: part.macs for name, part in network(model).parts}
    if model == "vae":
        return 6 * sum(macs.values())
    return 16 * macs["discriminator"] + 6 * macs["generator"]


def cell(model: str, precision: str, peak: float, seconds: float, rounds: int) -> dict[str, Any]:
    """Everyone on one model in one number format."""
    batch = BATCH[model]
    common = ["--model", model, "--batch", str(batch), "--precision", precision]
    common += ["--seconds", str(seconds)]
    crews: dict[str, list[Process]] = {
        CORE: [_ours(common, 1) for _ in range(physical_cores())],
        RUN: [_ours(common, physical_cores())],
    }
    if peers_python():
        crews[PEER] = [Process(KERAS, common)]
    rates: dict[str, list[float]] = {name: [] for name in crews}
    try:
        # one after the other: Keras tries its settings with the machine to itself
        told = {name: [p.ask("prepare") for p in crew][-1] for name, crew in crews.items()}
        for _ in range(rounds):
            for name, crew in crews.items():
                variant = told[name]["variants"][0]
                with ThreadPoolExecutor() as pool:
                    said = list(pool.map(lambda p, v=variant: p.ask(f"measure {v}"), crew))
                rates[name].append(sum(answer["images_per_second"] for answer in said))
    finally:
        for crew in crews.values():
            for process in crew:
                process.end()
    work = flops(model)
    results = {
        name: {"images_per_second": median(found), "rounds": found,
               "share_of_peak": median(found) * work / 1e9 / peak,
               "settings": told[name]["settings"], "versions": told[name]["versions"]}
        for name, found in rates.items()
    }  # fmt: skip
    ratios = {name: median(a / b for a, b in zip(rates[name], rates[PEER], strict=True))
              for name in (RUN, CORE) if PEER in rates}  # fmt: skip
    return {"model": model, "batch": batch, "precision": precision, "flops_of_an_image": work,
            "results": results, "times_as_fast_as_keras": ratios}  # fmt: skip


def _ours(common: list[str], threads: int) -> Process:
    return Process(OURS, [*common, "--threads", str(threads)], worker_environment(threads))


def main() -> None:
    """Measure cell by cell; write after each."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=6.0)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    date = datetime.date.today().isoformat()
    path = HERE / "results" / f"generation-{date}.json"
    command = [sys.executable, str(HERE / "peak.py"), "--threads", str(physical_cores())]
    load = os.getloadavg()[0]
    peak = json.loads(subprocess.run(command, capture_output=True, text=True, check=True,
                                     env=environment()).stdout)  # fmt: skip
    result: dict[str, Any] = {
        "date": date, "machine": machine(), "load_before": load, "peak": peak, "cells": [],
        "command": f"python benchmarks/generation.py --seconds {given.seconds:g} "
                   f"--rounds {given.rounds}",
    }  # fmt: skip
    for model in MODELS:
        for precision in ("float32", "bfloat16"):
            limit = peak[precision]["gflops"]
            found = cell(model, precision, limit, given.seconds, given.rounds)
            result["cells"].append(found)
            path.write_text(json.dumps(result, indent=1) + "\n")
            print(f"{model}, batch {found['batch']}, {precision}")
            for name, entry in found["results"].items():
                rate, share = entry["images_per_second"], entry["share_of_peak"]
                print(f"  {name:28}{rate:8.0f} images/s{share:8.1%} of peak")
            for name, ratio in found["times_as_fast_as_keras"].items():
                print(f"  {name}: {ratio:.2f} times as fast as {PEER}")
    print(f"written: {path}")


if __name__ == "__main__":
    main()
