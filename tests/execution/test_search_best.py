"""Hyperband may stop a configuration in one bracket and complete it in another."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest
from optuna.samplers._tpe.sampler import _split_trials

from assay.core.errors import CodeChangedError, NetworkError
from assay.core.records import Record, run_id
from assay.engines.engine import Resources
from assay.execution.search import _SearchCourse
from assay.studies.search.plan import SearchPlan
from assay.studies.study import parse_study

RATES = [0.001, 0.003, 0.01, 0.03, 0.1]
STUDY = {
    "study": "small-space",
    "dataset": "digits",
    "network": {"family": "mlp", "hidden": [4]},
    "training": {"epochs": 9},
    "search": {
        "sampler": {"name": "hyperband", "eta": 3},
        "space": {
            "training.learning_rate": {"choice": RATES},
            "network.activation": ["relu", "tanh"],
        },
        "best": 3,
    },
}


class Training:
    """Slow starters are the best in the end."""

    store = SimpleNamespace(drop_checkpoints=lambda runs: None)

    def __init__(self, diverging=None):
        self.diverging = diverging

    def run(self, configs, resources, work):
        found = {}
        for config in configs:
            recipe = config["training"]
            end = recipe.get("stop_after") or recipe["epochs"]
            place = 2 * RATES.index(recipe["learning_rate"])
            place += config["network"]["activation"] == "tanh"
            value = 0.5 + (0.01 if end >= 9 else -0.01) * place
            name = run_id(config)
            status = "diverged" if recipe["learning_rate"] == self.diverging else "finished"
            metrics = {"val_accuracy": value} if status == "finished" else {}
            found[name] = Record(name, "t", 0, status, config, {}, metrics)
        return found


def test_the_best_are_the_best_of_all_that_were_completed():
    plan = SearchPlan(parse_study(STUDY))
    course = _SearchCourse(plan, Training(), Resources())
    course.brackets()
    values = sorted({course.values[n] for n in course.complete}, reverse=True)
    assert [course.values[n] for n in course.best()] == values[:3]
    (winner, *_) = course.best()
    assert plan.tried[winner].same_as is not None  # else this test shows nothing


def test_what_diverges_is_not_good_to_a_model_that_prefers_whole_budgets():
    sampler = {**STUDY["search"], "sampler": {"name": "bohb", "rounds": 2}}
    plan = SearchPlan(parse_study({**STUDY, "search": sampler}))
    course = _SearchCourse(plan, Training(diverging=RATES[-1]), Resources())
    course.brackets()
    bad = {t.number for t in plan.tried if t.config["training"]["learning_rate"] == RATES[-1]}
    assert bad
    assert not bad & set(course.complete)
    told = course.sampler._study.trials
    assert {t.number for t in told if t.state.name == "COMPLETE"} == set(course.complete)
    good, _ = _split_trials(course.sampler._study, told, n_below=len(told) - len(bad))
    assert not bad & {t.number for t in good}


def test_code_that_changes_during_a_search_ends_it():
    plan = SearchPlan(parse_study(STUDY))

    def changed(values, beside=()):
        raise CodeChangedError("my_parts.py")

    plan.study = replace(plan.study, search=replace(plan.search, configure=changed))
    course = _SearchCourse(plan, Training(), Resources())
    with pytest.raises(CodeChangedError, match=r"my_parts\.py has changed"):
        course.propose(2, 0)
    assert plan.impossible == 0


def test_what_cannot_be_trained_again_is_passed_over():
    written = {**STUDY["search"], "retrain": {"training.epochs": 12}}
    plan = SearchPlan(parse_study({**STUDY, "search": written}))
    configure = plan.search.configure

    def picky(values, beside=()):
        if beside and values["network.activation"] == "tanh":
            raise NetworkError("it has become too large")
        return configure(values, beside)

    plan.study = replace(plan.study, search=replace(plan.search, configure=picky))
    plan.chosen = [t.number for t in _SearchCourse(plan, Training(), Resources()).propose(20, 0)]
    assert plan.impossible
    assert {trial.config["training"]["epochs"] for trial in plan.finals()} == {12}
