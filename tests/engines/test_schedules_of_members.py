"""Trials that differ in their schedule alone train as each would alone."""

from __future__ import annotations

import numpy as np
import pytest

from assay.data import load
from assay.engines.engine import ENGINES, Cohort, Resources
from assay.studies.plan import cohorts, make_plan
from assay.studies.study import parse_study

STUDY = {
    "study": "decays",
    "dataset": {"name": "digits", "train": 200, "validation": 50, "test": 50},
    "network": {"family": "mlp", "hidden": [20]},
    "training": {"epochs": 2, "batch_size": 20, "optimizer": "adam"},
    "repeats": 1,
    "precision": "float32",
}
FACTORS = {
    "decay_rate": ({"name": "exponential", "decay_rate": 1.0}, [1.0, 0.001, 0.5]),
    "warmup": ({"name": "linear"}, [0.0, 0.5]),
    "final_fraction": ({"name": "cosine"}, [0.0, 0.9]),
    "peak": ({"name": "one_cycle"}, [0.3, 0.9]),
}


@pytest.mark.parametrize("program", ["pytorch", "compiled"])
@pytest.mark.parametrize("name", FACTORS)
def test_members_with_other_schedules_train_as_alone(monkeypatch, program, name):
    monkeypatch.setenv("ASSAY_PROGRAM", program)
    schedule, levels = FACTORS[name]
    study = {
        **STUDY,
        "training": {**STUDY["training"], "schedule": schedule},
        "factors": {f"training.schedule.{name}": levels},
    }
    engine = ENGINES["torch"]()
    last = []
    for cohort in cohorts(make_plan(parse_study(study)).configs()):
        data = load(cohort.members[0].config["dataset"])

        def train(some, data=data, task=cohort.task):
            together = Cohort(tuple(some), task)
            records = engine.train(together, data, Resources("cpu", threads=1), lambda p: None)
            return {record.run_id: record.curves["loss"] for record in records}

        found = train(cohort.members)
        for member in cohort.members:
            (alone,) = train([member]).values()
            np.testing.assert_allclose(found[member.run_id], alone, rtol=1e-4)
            last.append(alone[-1])
    assert len({round(float(loss), 6) for loss in last}) == len(levels)
