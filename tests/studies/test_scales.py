"""Scales: those of a study, and automatic ones, smaller in all that it does not ask about."""

from __future__ import annotations

from typing import Any

import pytest
from small_study import message, small

from assay.core.errors import ConfigError
from assay.core.records import Config
from assay.studies.study import Study, parse_study

SHORT_AND_LONG = {"short": {"training.epochs": 2}, "long": {"training.epochs": 8}}


def configs(scale: str = "smoke", **changes: Any) -> list[Config]:
    written = small(**{"training": {"epochs": 4}, **changes})
    return [trial.config for trial in parse_study(written, scale=scale).trials]


def sizes(study: Study) -> tuple[int, Any, int]:
    (trial, *_) = study.trials
    return trial.config["training"]["epochs"], trial.config["dataset"]["train"], len(study.seeds)


def test_scales() -> None:
    written = small(repeats=9, scales={"quick": {"training.epochs": 1, "repeats": 4}})
    assert sizes(parse_study(written)) == (2, None, 9)
    assert sizes(parse_study(written, scale="quick")) == (1, None, 4)
    assert sizes(parse_study(written, scale="quick", repeats=2)) == (1, None, 2)
    assert sizes(parse_study(written, scale="smoke")) == (1, 500, 2)  # made by assay
    assert message(written, scale="smok") == [
        "unknown scale 'smok'; did you mean 'smoke'? (known: full, quick, smoke)"
    ]


def test_every_scale_is_checked_whichever_is_asked_for() -> None:
    scales = {
        "quick": {"training.epoch": 1, "repeats": 0},
        "half": {"factors": {"network.dropuot": [0, 0.5]}},
        "con": {"repeats": 1},
        "smoke": 3,
    }
    written = small(scales=scales, factors={"network.dropout": [0, 0.5]})
    for scale in ("full", "quick", "half"):
        said = message(written, scale=scale)
        assert {line.split(" (known: ")[0] for line in said} == {
            "scales.con: a scale's name must be a name that is not reserved for a device on "
            "Windows, got 'con'",
            "scales.quick.repeats must be a whole number from 1 to 10000, got 0",
            "unknown setting of training 'epoch'; did you mean 'epochs'?",
            "unknown option of network family mlp 'dropuot'; did you mean 'dropout'?",
            "scales.smoke must be a mapping, got 3",
        }
    search = {"trials": 3, "space": {"network.dropout": [0, 0.5]}}
    (said,) = message(small(search=search, scales={"quick": {"search.trails": 1}}))
    assert said.startswith("unknown key of search 'trails'; did you mean 'trials'? (known: ")


def test_a_scale_may_name_fewer_levels_and_never_fixes_a_factor() -> None:
    written = small(
        factors={"training.epochs": [2, 3, 4]},
        scales={"quick": {"factors": {"training.epochs": [2, 3]}}},
    )
    assert len(parse_study(written, scale="quick").trials) == 2
    assert message({**written, "scales": {"half": {"training.epochs": 1}}}) == [
        "scales.half.training.epochs: training.epochs cannot be set, because this study varies "
        "training.epochs"
    ]
    epochs = [t.config["training"]["epochs"] for t in parse_study(written, scale="smoke").trials]
    assert epochs == [2, 3, 4]


@pytest.mark.parametrize("scale", ["smoke", "quick"])
@pytest.mark.parametrize(
    ("changes", "epochs"),
    [
        ({"trials": SHORT_AND_LONG}, [2, 8]),
        ({"factors": {"length": SHORT_AND_LONG}}, [4, 2, 8]),
        ({"factors": {"training": [{"epochs": 2}, {"epochs": 8}]}}, [4, 2, 8]),
        ({"factors": {"training.epochs": [2, 8]}}, [4, 2, 8]),
        ({"trials": {"a": {"training": {"epochs": 2}}, "b": {}}}, [2, 4]),
    ],
)
def test_what_a_level_sets_is_not_made_smaller(
    scale: str, changes: dict[str, Any], epochs: list[int]
) -> None:
    made = configs(scale, **changes)
    assert [config["training"]["epochs"] for config in made] == epochs
    assert {config["dataset"]["train"] for config in made} == {500 if scale == "smoke" else None}


def test_trials_that_are_whole_recipes_are_made_smaller() -> None:
    recipes = {
        "small": {"network.hidden": [8], "training.epochs": 20},
        "large": {"network.hidden": [32], "training.epochs": 40},
    }
    assert [c["training"]["epochs"] for c in configs(trials=recipes)] == [1, 1]
    assert [c["training"]["epochs"] for c in configs(factors={"size": recipes})] == [1, 1, 1]
    recipes["longer"] = {**recipes["large"], "training.epochs": 80}
    assert [c["training"]["epochs"] for c in configs(trials=recipes)] == [20, 40, 80]


def test_images_that_a_level_counts_are_kept() -> None:
    sizes = [{"name": "digits", "train": n} for n in (600, 1200)]
    assert [c["dataset"]["train"] for c in configs(factors={"dataset": sizes})] == [None, 600, 1200]
    made = configs(factors={"dataset.validation": [120, 240]})
    assert [(c["dataset"]["train"], c["dataset"]["validation"]) for c in made[1:]] == [
        (500, 120), (500, 240)
    ]  # fmt: skip
    short = configs(trials={"a": {"dataset": "digits"}, "b": {"dataset": sizes[0]}})
    assert [c["dataset"]["train"] for c in short] == [None, 600]
    named = configs(factors={"dataset": ["digits", {"name": "digits", "permute": 1}]})
    assert [c["dataset"]["train"] for c in named] == [500, 500]


def test_evaluations_that_would_come_after_the_end_are_left_out() -> None:
    training = {"steps": 1000, "evaluate_every": 100}
    (alone,) = configs(training=training)
    assert "evaluate_every" not in alone["training"]  # 20 steps have none
    with pytest.raises(ConfigError, match="means the same as"):
        configs(training=training, factors={"training.evaluate_every": [50, 200]})


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"repeats": 3}, "repeats=4"),
        ({"seed": 5}, "seed=7"),
        ({"precision": "float64"}, "precision=float32"),
        ({"engine": "numpy"}, "engine=torch"),
    ],
)
def test_what_an_option_gives_is_not_set_as_well(given: dict[str, Any], text: str) -> None:
    ((name, value),) = given.items()
    said = f"--set {text}: --{name} {value} sets it as well; expected one of the two"
    with pytest.raises(ConfigError, match=said):
        parse_study("tour", set=[text], **given)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("training.epochs=2", "training.epochs=3"),
        ("dataset=digits", "dataset.name=mnist"),
        ("training.optimizer=sgd", "training.optimizer.name=adam"),
        ("repeats=2", "repeats=3"),
    ],
)
def test_a_setting_is_set_once(one: str, other: str) -> None:
    said = f"--set {other}: --set {one} sets it as well; expected one of the two"
    with pytest.raises(ConfigError, match=said):
        parse_study("tour", set=[one, other])


def test_a_section_and_a_setting_in_it_are_both_set() -> None:
    changed = ["training.optimizer={name: sgd}", "training.optimizer.momentum=0.5"]
    optimizer = parse_study("tour", set=changed).trials[0].config["training"]["optimizer"]
    assert (optimizer["name"], optimizer["momentum"]) == ("sgd", 0.5)
