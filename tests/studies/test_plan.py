"""Plans: trials, runs, comparisons and cohorts, checked by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from assay.apps.readiness import check_plan
from assay.core.errors import ConfigError
from assay.core.plans import compared
from assay.core.records import run_id, trial_id
from assay.execution.place import Machine
from assay.statistics.effects import effects
from assay.studies.plan import cohorts, make_plan, resolve_member
from assay.studies.study import parse_study

BASE: dict[str, Any] = {
    "study": "small",
    "dataset": "digits",
    "network": {"family": "mlp", "hidden": [16]},
    "training": {"epochs": 2, "batch_size": 32},
    "repeats": 3,
}


def plan(**changes: Any) -> dict[str, Any]:
    return make_plan(parse_study({**BASE, **changes})).to_json()


FACTORS = {"network.activation": ["tanh", "relu"], "training.batch_size": [64, 128]}


def test_one_at_a_time() -> None:
    made = plan(factors=FACTORS, seed=4)
    assert made["factors"] == {
        "network.activation": ["relu", "tanh"],  # relu is the baseline's, so it comes first
        "training.batch_size": ["32", "64", "128"],  # the baseline's own value is named as well
    }
    assert made["baseline"] == "baseline"
    assert [(t["label"], t["levels"]) for t in made["trials"]] == [
        ("baseline", {"network.activation": "relu", "training.batch_size": "32"}),
        ("activation = tanh", {"network.activation": "tanh", "training.batch_size": "32"}),
        ("batch_size = 64", {"network.activation": "relu", "training.batch_size": "64"}),
        ("batch_size = 128", {"network.activation": "relu", "training.batch_size": "128"}),
    ]
    base, tanh, b64, b128 = (t["trial_id"] for t in made["trials"])
    assert made["comparisons"] == [
        {"factor": "network.activation", "level": "tanh", "against": "relu", "a": tanh, "b": base,
         "where": {"training.batch_size": "32"}},
        {"factor": "training.batch_size", "level": "64", "against": "32", "a": b64, "b": base,
         "where": {"network.activation": "relu"}},
        {"factor": "training.batch_size", "level": "128", "against": "32", "a": b128, "b": base,
         "where": {"network.activation": "relu"}},
    ]  # fmt: skip
    for trial in made["trials"]:
        assert trial["trial_id"] == trial_id(trial["config"])
        seeds = (4, 5, 6)
        assert trial["runs"] == [run_id({**trial["config"], "seed": s}) for s in seeds]
        assert "seed" not in trial["config"]


def test_full_factorial() -> None:
    made = plan(factors=FACTORS, design="full_factorial")
    assert [t["label"] for t in made["trials"]] == [
        "activation = tanh, batch_size = 64",
        "activation = tanh, batch_size = 128",
        "activation = relu, batch_size = 64",
        "activation = relu, batch_size = 128",
    ]
    assert made["baseline"] is None
    t64, t128, r64, r128 = (t["trial_id"] for t in made["trials"])
    pairs = [(c["factor"], c["level"], c["a"], c["b"]) for c in made["comparisons"]]
    assert pairs == [
        ("network.activation", "relu", r64, t64),
        ("network.activation", "relu", r128, t128),
        ("training.batch_size", "128", t128, t64),
        ("training.batch_size", "128", r128, r64),
    ]
    assert made["comparisons"][1]["where"] == {"training.batch_size": "128"}


def test_all_that_is_compared_is_counted_in_one_place() -> None:
    made = plan(
        design="full_factorial",
        factors={"network.activation": ["relu", "tanh"], "training.batch_size": [32, 64]},
    )
    # each factor at both levels of the other, and over them
    assert [len(rows) for rows in compared(made)] == [1, 1, 1, 1, 2, 2]
    assert {effect.family for effect in effects(made, [])} == {6}


def test_named_levels_set_several_things_at_once() -> None:
    made = plan(
        design="full_factorial",
        factors={
            "network": {
                "wide": {"network": {"family": "mlp", "hidden": [64]}, "training.epochs": 1},
                "deep": {"network.hidden": [8, 8]},
            },
            "pixels": {"plain": {}, "permuted": {"dataset.permute": 7}},
        },
    )
    assert [t["label"] for t in made["trials"]] == [
        "wide, plain", "wide, permuted", "deep, plain", "deep, permuted",
    ]  # fmt: skip
    wide = made["trials"][1]["config"]
    assert wide["network"]["hidden"] == [64]
    assert wide["training"]["epochs"] == 1
    assert wide["dataset"]["permute"] == 7


def test_explicit_trials_are_compared_with_the_first() -> None:
    made = plan(trials={"a": {}, "b": {"network.dropout": 0.5}, "c": {"network.dropout": 0.1}})
    a, b, c = (t["trial_id"] for t in made["trials"])
    assert made["factors"] == {"trial": ["a", "b", "c"]}
    assert [(x["level"], x["against"], x["a"], x["b"]) for x in made["comparisons"]] == [
        ("b", "a", b, a),
        ("c", "a", c, a),
    ]


def test_a_study_of_one_trial() -> None:
    made = plan()
    assert [t["label"] for t in made["trials"]] == ["small"]
    assert (made["factors"], made["comparisons"], made["baseline"]) == ({}, [], "small")


def test_a_random_design_depends_on_its_seed_alone() -> None:
    factors = {"training.batch_size": [8, 16, 32, 64], "network.activation": ["relu", "tanh"]}

    def labels(seed: int) -> list[str]:
        made = plan(factors=factors, design={"random": 4}, seed=seed)
        return [t["label"] for t in made["trials"]]

    assert labels(0) == labels(0)
    assert len(set(labels(0))) == 4
    assert any(labels(0) != labels(seed) for seed in (1, 2, 3))


def test_a_plan_is_plain_json_and_the_same_every_time() -> None:
    one, other = (json.dumps(plan(factors=FACTORS)) for _ in range(2))
    assert one == other


def test_seeds_go_round_before_trials_do() -> None:
    configs = list(make_plan(parse_study({**BASE, "factors": FACTORS})).configs())
    assert [c["seed"] for c in configs[:4]] == [0, 0, 0, 0]
    assert len({run_id(c) for c in configs}) == 4 * 3


def test_some_trials_only() -> None:
    study = parse_study({**BASE, "design": "full_factorial", "factors": FACTORS})

    def labels(*only: str) -> list[str]:
        return [trial.label for trial in make_plan(study, only).trials]

    every = labels()
    assert labels(every[2], every[0]) == [every[0], every[2]]
    assert labels("tanh") == [label for label in every if "tanh" in label] != []
    part = make_plan(study, ["tanh"])
    assert set(part.runs()) < set(make_plan(study).runs())
    assert part.to_json() == make_plan(study).to_json()
    with pytest.raises(ConfigError, match="no trial or level 'tanhh'; did you mean 'tanh'"):
        make_plan(study, ["tanh", "tanhh"])


ADAM = {"epochs": 2, "optimizer": "adam"}
SAME = [
    {"training": {"epochs": 2, "learning_rate": 0.5}},
    {"network.kernel_initializer": "he_uniform"},
    {"network.bias_initializer": "ones"},
    {"network.dropout": 0.2},
    {"network.hidden": [17]},
    {"network.kernel_regularizer": {"l2": 0.5, "l1": 0.1}},
    {"training.optimizer": {"name": "sgd", "momentum": 0.5}},
]
OTHER = [
    {"network.dropout": 0},
    {"network.activation": "tanh"},
    {"network.hidden": [40]},
    {"network.batch_norm": True},
    {"network.kernel_regularizer": {"l2": 0.5}},
    {"network.kernel_regularizer": "none"},
    {"training.batch_size": 16},
    {"training.epochs": 3},
    {"training.optimizer": "adam"},
    {"training.optimizer": {"name": "sgd", "momentum": 0}},
    {"training.early_stopping": 3},
    {"dataset.permute": 1},
    {"precision": "float64"},
]


def groups(changes: dict[str, Any]) -> list[int]:
    """Sizes of the cohorts of a trial with everything switched on and of the changed one."""
    network = {
        "family": "mlp",
        "hidden": [16],
        "dropout": 0.1,
        "kernel_regularizer": {"l1": 0.01, "l2": 0.01},
    }
    training = {"epochs": 2, "optimizer": {"name": "sgd", "momentum": 0.9}}
    if "training" in changes:
        changes = {"training.learning_rate": changes["training"]["learning_rate"]}
    trials = {"as it is": {}, "changed": changes}
    study = parse_study({**BASE, "network": network, "training": training, "trials": trials})
    return [len(c.members) for c in cohorts(make_plan(study).runs().values())]


@pytest.mark.parametrize("changes", SAME)
def test_runs_that_differ_in_values_share_a_cohort(changes: dict) -> None:
    assert groups(changes) == [6]


@pytest.mark.parametrize("changes", OTHER)
def test_runs_that_differ_in_structure_do_not(changes: dict) -> None:
    assert groups(changes) == [3, 3]


def test_a_member_is_what_its_configuration_says() -> None:
    study = parse_study({**BASE, "training": {"epochs": 3, **ADAM, "early_stopping": 4}})
    config = next(make_plan(study).configs())
    member = resolve_member(config)
    assert member.seed == 0
    assert member.network.input_shape == (8, 8, 1)
    assert member.network.parameters == 64 * 16 + 16 + 16 * 10 + 10
    assert member.training.optimizer.beta_2 == 0.999
    assert member.training.learning_rate == 0.001
    assert member.training.early_stopping is not None
    assert member.training.early_stopping.patience == 4


@pytest.mark.parametrize("size", [1293, 10**9, 2**62])
def test_no_batch_is_larger_than_all_images(size: int) -> None:
    study = parse_study({**BASE, "training": {"epochs": 2, "batch_size": size}, "repeats": 1})
    made = make_plan(study)
    check_plan(made, None, Machine())  # where programs are measured with such a batch
    (config,) = made.configs()
    assert config["training"]["batch_size"] == size
    assert resolve_member(config).training.batch_size == 1293
    assert resolve_member(config).training.total_steps(1293) == 2


def test_blocks_are_conditions_and_compare_names_the_contrasts() -> None:
    crossed = {"factors": FACTORS, "design": "full_factorial"}
    every = plan(**crossed)["comparisons"]
    made = plan(**crossed, blocks=["training.batch_size"], equivalence=0.5)
    assert {c["factor"] for c in made["comparisons"]} == {"network.activation"}
    assert made["comparisons"] == [c for c in every if c["factor"] == "network.activation"]
    assert (made["blocks"], made["equivalence"]) == (["training.batch_size"], 0.5)
    assert "blocks" not in plan(**crossed)
    named = plan(**crossed, compare={"training.batch_size": [[128, 64]]})
    assert {(c["level"], c["against"]) for c in named["comparisons"]} == {("128", "64")}
    assert len(named["comparisons"]) == 2  # at either activation
    assert len(compared(named)) == 3
    trials = {"trials": {"a": {}, "b": {"training.epochs": 3}, "c": {"training.epochs": 4}}}
    one = plan(**trials, compare={"trial": [["c", "b"]]})
    assert [(c["level"], c["against"]) for c in one["comparisons"]] == [("c", "b")]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"blocks": ["dataset"]}, "unknown factor 'dataset'"),
        ({"compare": {"network.activaton": []}}, "did you mean 'network.activation'"),
        ({"compare": {"network.activation": [["tanh", "rely"]]}}, "level of .* 'rely'"),
        ({"compare": {"network.activation": ["tanh"]}}, "two levels"),
        ({"compare": {"network.activation": [["relu", "relu"]]}}, "compared with itself"),
        ({"blocks": ["network.activation"], "compare": {"network.activation": []}}, "the blocks"),
        ({"equivalence": 0}, "equivalence"),
    ],
)  # fmt: skip
def test_contrasts_that_cannot_be(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        plan(factors=FACTORS, **changes)


@pytest.mark.parametrize(
    "contrasts",
    [{"blocks": ["training.batch_size"]}, {"compare": {"network.activation": [["tanh", "relu"]]}}],
)
def test_contrasts_are_not_doubted_because_of_another_error(contrasts: dict[str, Any]) -> None:
    with pytest.raises(ConfigError) as raised:
        plan(factors=FACTORS, **contrasts, network={"family": "mlp", "hiden": [3]})
    assert "hiden" in str(raised.value)
    assert "factor" not in str(raised.value)


def test_a_missing_folder_is_named_once_where_the_dataset_is(tmp_path: Path) -> None:
    file = tmp_path / "own.yaml"
    levels = "factors: {network.activation: [relu, tanh]}\n"
    file.write_text("study: own\ndataset: {name: folder, path: nowhere}\nnetwork: mlp\n" + levels)
    with pytest.raises(ConfigError) as raised:
        parse_study(file)
    assert f"{file}:2:10: dataset.path: there is no folder nowhere" in str(raised.value)
    assert "\n" not in str(raised.value).strip()


@pytest.mark.parametrize(
    ("design", "said"),
    [
        (
            "factorial",
            "design: unknown design 'factorial'; did you mean 'full_factorial'? (known: "
            "full_factorial, one_at_a_time, random)",
        ),
        ("random", "design: a random design needs its number of trials: {random: 40}"),
    ],
)
def test_a_design_is_read_where_there_are_no_factors(design: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_study({**BASE, "design": design})
    assert str(caught.value) == said
