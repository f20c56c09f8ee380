"""What parts of an update of a dense network cost: one thread of the compiled program, float32.

    python benchmarks/steps.py [--out results/steps-DATE.json]

One network, 784-256-512-384-384-10 with batch 32, with other activations, optimizers and dropout,
and a few networks of other sizes. Processor time of one update in microseconds, the least of six
measurements of 100 updates. To compare two versions, run it in both, one after the other.
"""

from __future__ import annotations

import argparse
import datetime
import json
import time
from pathlib import Path
from typing import Any

import numpy as np

from assay.core.machine import machine
from assay.engines.compiled.engine import prepare
from assay.engines.compiled.measuring import _dataset
from assay.engines.compiled.pictures import Pixels
from assay.engines.compiled.program import CompiledProgram
from assay.engines.engine import Member
from assay.engines.optimizers.optimizer import Optimizer
from assay.engines.training import Training
from assay.networks.families import build_network
from assay.networks.network import initial_weights
from assay.tasks.task import find_task

BATCH, UPDATES, TIMES = 32, 100, 6
WIDE = {"hidden": [256, 512, 384, 384]}
CASES: list[dict[str, Any]] = [
    WIDE,
    *({**WIDE, "activation": name} for name in ("tanh", "sigmoid", "elu", "silu", "gelu")),
    {**WIDE, "dropout": 0.2},
    {**WIDE, "batch_norm": True},
    {**WIDE, "optimizer": "adam"},
    {**WIDE, "activation": "tanh", "dropout": 0.2, "optimizer": "adam"},
    {"hidden": [300, 100]},
    {"hidden": [512, 512]},
    {"hidden": [64, 32], "side": 8},
    {"hidden": [64, 32], "side": 8, "activation": "tanh"},
]


def microseconds(case: dict[str, Any]) -> float:
    """Processor time of one update."""
    options = {k: v for k, v in case.items() if k not in ("optimizer", "side")}
    side = case.get("side", 28)
    network = build_network({"family": "mlp", **options}, (side, side, 1), {"class": 10})
    rule = Optimizer.parse(case.get("optimizer", "sgd"))
    recipe = Training(epochs=1, batch_size=BATCH, learning_rate=0.001, optimizer=rule)
    member, dtype = Member({"seed": 0}, network, recipe, 0), np.dtype("float32")
    prepare(member, dtype, lambda said: None)
    program = CompiledProgram(member, initial_weights(network, 0), dtype)
    data = _dataset(member, BATCH)
    pictures = Pixels(data.fit_data, data.read_test, find_task("classify"), dtype)
    order, still = np.tile(np.arange(BATCH), UPDATES), np.zeros((0, 3), np.int64)
    found = []
    for _ in range(TIMES):
        began = time.process_time()
        program.train(pictures, order, still, np.ones(UPDATES), np.zeros(2))
        found.append(time.process_time() - began)
    return round(1e6 * min(found) / UPDATES, 1)


def main() -> None:
    """Measure every case."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    today = datetime.date.today().isoformat()
    default = Path(__file__).parent / "results" / f"steps-{today}.json"
    parser.add_argument("--out", type=Path, default=default)
    asked = parser.parse_args()
    rows = []
    for case in CASES:
        rows.append({**case, "microseconds": microseconds(case)})
        print(rows[-1], flush=True)
    found = {"date": today, "machine": machine(), "batch": BATCH, "rows": rows}
    asked.out.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
