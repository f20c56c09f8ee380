"""A command for tests to start and kill: a small search on digits, in this process.

Usage: python search_command.py STORE SAMPLER
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

from assay.core.store import Store
from assay.engines.engine import Resources
from assay.execution.events import Event
from assay.execution.execute import Summary
from assay.execution.search import run_search
from assay.studies.search.plan import SearchPlan
from assay.studies.study import parse_study

SPACE = {
    "layers": {"int": [1, 2]},
    "network.hidden.0": {"int": [8, 24], "step": 8},
    "network.hidden.1": {"int": [8, 24], "step": 8, "when": "layers == 2"},
    "network.activation": ["relu", "tanh"],
    "training.learning_rate": {"float": [1e-4, 0.1], "log": True},
}
HALVED = {"name": "hyperband", "eta": 3}


def study(sampler: Any = "tpe", **changes: Any) -> dict[str, Any]:
    search = {"sampler": sampler, "space": SPACE, "best": 2}
    search |= {} if isinstance(sampler, dict) else {"trials": 14, "batch": 4}
    top = {
        k: changes.pop(k)
        for k in ("repeats", "dataset", "training", "seed", "metrics")
        if k in changes
    }
    return {
        "study": "searched",
        "dataset": {"name": "digits", "train": 200, "validation": 100, "test": 50},
        "network": {"family": "mlp", "hidden": [16]},
        "training": {"epochs": 3, "batch_size": 40, "optimizer": "adam"},
        "repeats": 2,
        "search": {k: v for k, v in (search | changes).items() if v is not None},
        **top,
    }


def search(
    store: Path, written: dict[str, Any], on_event: Any = None, executor: str = "inline"
) -> tuple[SearchPlan, Summary]:
    plan = SearchPlan(parse_study(written))
    with Store(store) as opened:
        summary = run_search(
            plan,
            opened,
            Resources("cpu", "float32", metrics=plan.study.judging.computed),
            on_event=on_event,
            executor=executor,
        )
    return plan, summary


def show(event: Event) -> None:
    print(event.kind, event.done, event.total, flush=True)
    if event.kind == "finished":
        time.sleep(0.05)


if __name__ == "__main__":
    wanted = sys.argv[2]
    search(Path(sys.argv[1]), study(HALVED if wanted == "hyperband" else wanted), show)
