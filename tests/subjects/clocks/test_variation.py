"""Clocks that are drawn anew for each run."""

from __future__ import annotations

from assay.studies.plan import make_plan
from assay.studies.study import parse_study


def test_drawn_clocks_vary_with_the_seed_of_a_run():
    study = {
        "study": "drawn",
        "dataset": {"name": "clocks-rendered", "size": 24, "per_time": 2, "validation": 720},
        "network": {"family": "mlp", "hidden": [8]},
        "task": "tell_time",
        "training": {"epochs": 1},
        "vary": ["seed", "pictures"],
        "repeats": 3,
    }
    plan = make_plan(parse_study(study))
    assert [c["dataset"]["seed"] for c in plan.configs()] == [0, 1, 2]
    assert len(plan.trials) == 1
