"""A command for tests to start, kill and interrupt: trains a small study into a store.

Usage: python execute_command.py STORE SEEDS [EPOCHS] [EXECUTOR]
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from assay.core.errors import AssayError
from assay.core.records import Config
from assay.core.records import run_id as name_of
from assay.core.store import Store
from assay.engines.engine import Cohort, Resources
from assay.execution.events import Event
from assay.execution.execute import Summary, execute
from assay.studies.members import cohorts
from assay.studies.plan import make_plan
from assay.studies.study import parse_study

RATES = (0.02, 0.05)


def config(seed: int, rate: float = 0.02, epochs: int = 3, **changes: Any) -> Config:
    training = {"epochs": epochs, "batch_size": 64, "learning_rate": rate}
    written = {"study": "softmax", "dataset": "digits", "network": "mlp", "training": training}
    canonical = parse_study(written, seed=seed, repeats=1)
    (one,) = make_plan(canonical).configs()
    return {**one, "engine": "softmax_engine:SoftmaxEngine", **changes}


def study(configs: list[Config]) -> tuple[dict[str, Any], list[Cohort]]:
    """A plan with one trial for each learning rate, and its cohorts."""
    trials: dict[str, dict[str, Any]] = {}
    for one in configs:
        label = f"learning rate = {one['training']['learning_rate']}"
        trials.setdefault(label, {"label": label, "runs": []})["runs"].append(name_of(one))
    plan = {"study": "softmax", "command": "assay run softmax", "trials": list(trials.values())}
    return plan, cohorts(configs)


def train(path: Path, configs: list[Config], **options: Any) -> tuple[Summary, list[Event]]:
    events: list[Event] = []
    with Store(path) as store:
        plan, groups = study(configs)
        options.setdefault("on_event", events.append)
        return execute(plan, groups, store, Resources(), **options), events


def show(event: Event) -> None:
    name = event.record.run_id if event.record else ""
    print(event.kind, event.done, event.total, name, flush=True)


if __name__ == "__main__":
    path, seeds, epochs, executor = [*sys.argv[1:], *["3", "processes"][len(sys.argv) - 3 :]]
    runs = [config(s, rate, int(epochs)) for s in range(int(seeds)) for rate in RATES]
    try:
        train(Path(path), runs, workers=2, executor=executor, on_event=show)
    except AssayError as error:
        print(error, file=sys.stderr)
        sys.exit(getattr(error, "exit_code", 2))
