"""Studies: what may be written, what is equal, and what is said when it is wrong."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml
from small_study import message, small

from assay.core.errors import ConfigError
from assay.studies.study import parse_study


def config(**changes: Any) -> dict[str, Any]:
    (trial,) = parse_study(small(**changes)).trials
    return trial.config


WRONG = """\
study: bad name
datset: fashion-mnist
dataset: {name: fashion-mnist, trian: 5, permute: -1}
network: {family: mlp, hidden: [512, 0], kernel_initialiser: he_uniform}
training:
  epochs: ten
  optimizer: {name: adam, momentum: 0.9, beta_1: 1}
  learning_rate: 0
  early_stopping: {monitor: val_acc}
  schedule: {name: cosine, decay_rate: 0.5}
  augment: {shfit: 1}
repeats: no
engine: touch
design: one_at_time
factors:
  network.kernal_initializer: [glorot_uniform, he_uniform]
  network.activation: [relu, sigmod]
  learning_rate: [0.1, 0.2]
  training.batch_size: [32]
published:
  - {value: high, source: a paper}
"""

SAID = """\
bad.yaml:1:8: study must be a name of letters, digits, '-', '_' and '.', got 'bad name'
bad.yaml:2:1: unknown key of a study 'datset'; did you mean 'dataset'?
bad.yaml:3:32: unknown setting of dataset fashion-mnist 'trian'; did you mean 'train'?
bad.yaml:3:51: dataset.permute must be a whole number >= 0, got -1
bad.yaml:4:38: network.hidden[1] must be a whole number >= 1, got 0
bad.yaml:4:42: unknown option of network family mlp 'kernel_initialiser'; did you mean \
'kernel_initializer'?
bad.yaml:6:11: training.epochs must be a whole number >= 1, got 'ten'
bad.yaml:7:27: unknown setting of optimizer adam 'momentum'
bad.yaml:7:50: training.optimizer.beta_1 must be a number in [0, 1), got 1
bad.yaml:8:18: training.learning_rate must be a number > 0, got 0
bad.yaml:9:29: unknown monitor 'val_acc'; did you mean 'val_accuracy'?
bad.yaml:10:28: unknown setting of schedule cosine 'decay_rate'
bad.yaml:11:13: unknown setting of augment 'shfit'; did you mean 'shift'?
bad.yaml:12:10: repeats must be a whole number from 1 to 10000, got 'no'
bad.yaml:13:9: unknown engine 'touch'; did you mean 'torch'?
bad.yaml:14:9: unknown design 'one_at_time'; did you mean 'one_at_a_time'?
bad.yaml:16:3: unknown option of network family mlp 'kernal_initializer'; did you mean \
'kernel_initializer'?
bad.yaml:17:30: unknown activation 'sigmod'; did you mean 'sigmoid'?
bad.yaml:18:3: unknown setting 'learning_rate'; did you mean 'training.learning_rate'?
bad.yaml:19:24: factor training.batch_size needs at least two levels, got 1
bad.yaml:21:13: published[0].value must be a number, got 'high'
"""


def test_every_problem_is_said_at_once_where_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("bad.yaml").write_text(WRONG, encoding="utf-8")
    said = message("bad.yaml")
    assert [line.split(" (known: ")[0].split(" (a setting")[0] for line in said] == (
        SAID.splitlines()
    )


def test_a_factor_of_one_misspelt_level_has_two_faults() -> None:
    single, misspelt = message(small(factors={"network.kernel_initialiser": ["zeros"]}))
    assert single == (
        "factors.network.kernel_initialiser: factor network.kernel_initialiser needs at least two "
        "levels, got 1"
    )
    assert "'kernel_initialiser'; did you mean 'kernel_initializer'?" in misspelt


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("repeats", ""),
        ("factors", ""),
        ("learningrate", "; did you mean 'training.learning_rate'?"),
        ("dropuot", "; did you mean 'network.dropout'?"),
        ("epoch", "; did you mean 'training.epochs'?"),
    ],
)
def test_only_a_setting_that_is_close_is_suggested_for_a_factor(name: str, hint: str) -> None:
    (said,) = message(small(factors={name: [1, 2]}))
    assert said.split(" (a setting")[0] == f"factors.{name}: unknown setting {name!r}{hint}"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"network": None}, "a study needs network, a network family, or a mapping with its "
         "`family`, for example network: {family: mlp, hidden: [64]}"),
        ({"published": [{"source": "x"}]},
         "published[0]: a published figure needs value, a number, for example value: 0.97"),
        ({"training": {"pretrain": "stored"}}, "training.pretrain: pretraining stored needs run, "
         "16 hexadecimal digits, for example run: 0f1e2d3c4b5a6978"),
        ({"dataset": {"name": "digits", "train": 10**12}},
         "dataset.train: 1000000000000 images requested, but the training set has 1437"),
        ({"factors": {"training.learning_rate": [x / 99 for x in range(1, 12)]}, "repeats": 10_000},
         "repeats: 12 trials, 10,000 times each, are more than 100,000 runs"),
        ({"study": "x" * 300}, "study must be a name of at most 100 bytes, got "
         f"'{'x' * 79}... (302 characters)"),
        ({"study": "\u6f22" * 34}, "study must be a name of at most 100 bytes, got "
         + repr("\u6f22" * 34)),
        ({"study": "Con.x"}, "study must be a name that is not reserved for a device on Windows, "
         "got 'Con.x'"),
        ({"study": "x."}, "study must be a name that does not end with '.', got 'x.'"),
        *(({"study": name}, "study must be a name of letters, digits, '-', '_' and '.', got "
           f"{name!r}") for name in ("a/b", "a\\b", "-a", ".a", "a ", "a\x1b", "..", True)),
        ({"factors": {"network.activation": ["relu", "tanh", "relu"]}},
         "factors.network.activation[2]: network.activation = relu is given twice"),
        ({"factors": {"network.dropout": [0, 0.5], "dropping": {"half": {"network.dropout": 0.5}}}},
         "factors.dropping.half: dropping = half means the same as network.dropout = 0.5"),
        ({"factors": {"network.hidden.first": [1, 2]}},
         "network.hidden is [16] and has no first"),
        ({"trials": {"a": {}}, "factors": {"network.dropout": [0, 0.5]}},
         "factors: trials: and factors: cannot be combined; trials can be the levels of a factor: "
         "`factors: {KIND: {LABEL: {SETTING: VALUE}}}`"),
        ({"trials": {
            "a": {}, "b": {"training.pretrain": {"name": "transfer", "dataset": "mnist"}}
         }},
         "trials.b.training.pretrain: training.pretrain: images of mnist are 28x28x1, those of "
         "digits 8x8x1; expected equal shapes (dataset.resize changes height and width)"),
        ({"factors": {"network.dropout": [0, 0.1]}, "design": {"random": 3}},
         "design: random: 3, but there are only 2 combinations; use full_factorial"),
        *(({"design": design}, f"design: design: {name} combines factors, and this study has none")
          for name, design in (("full_factorial", "full_factorial"), ("random", {"random": 5}))),
        ({"vary": ["seed", "seed"]}, "vary[1]: seed is given twice"),
        ({"factors": {"network.dropout": [0, 0.5]}, "blocks": ["network.dropout"] * 2},
         "blocks[1]: network.dropout is given twice"),
        ({"published": [{"value": 0.9, "source": "x", "trial": "MLP"}]},
         "published[0].trial: unknown trial 'MLP' (known: small)"),
        ({"published": [{"value": 97, "source": "x"}]},
         "published[0].value: test_accuracy must lie between 0 and 1, got 97; did you mean 0.97?"),
        ({"published": [{"value": -5, "source": "x"}]},
         "published[0].value: test_accuracy must lie between 0 and 1, got -5"),
        ({"scales": {"full": {"repeats": 1}}},
         "scales.full: full is the study as written and cannot be changed"),
    ],
)  # fmt: skip
def test_what_does_not_fit_together(changes: dict, said: str) -> None:
    assert message(small(**changes)) == [said]


def test_files_and_names_that_are_not_there(tmp_path: Path) -> None:
    assert message("mlp-factor") == [
        "unknown built-in study 'mlp-factor'; did you mean 'mlp-factors'? (`assay list` lists "
        "all); a study of your own is named by its YAML file"
    ]
    assert message("missing.yaml") == ["there is no study file missing.yaml"]
    assert message("mlp-factor.yaml") == [
        "there is no study file mlp-factor.yaml; did you mean the built-in 'mlp-factors'?"
    ]
    assert message("n" * 300 + ".yaml")[0].endswith("cannot be read: File name too long")
    assert message("a\0.yaml") == ["'a\\x00.yaml' cannot be read: embedded null byte"]
    os.mkfifo(tmp_path / "pipe.yaml")
    for device in (str(tmp_path / "pipe.yaml"), "/dev/zero"):
        assert message(device) == [f"{device} is not a regular file, expected a study's YAML file"]
    (tmp_path / "empty.yaml").touch()
    assert message(tmp_path / "empty.yaml") == [
        f"{tmp_path}/empty.yaml:1:1: a study must be a mapping that begins with `study: NAME`, "
        "got nothing"
    ]
    assert message(tmp_path) == [f"{tmp_path} is a folder, expected a study's YAML file"]
    (tmp_path / "list.yaml").write_text("- 1")
    assert message(tmp_path / "list.yaml")[0].endswith(
        "list.yaml:1:1: a study must be a mapping that begins with `study: NAME`, got [1]"
    )
    (tmp_path / "latin.yaml").write_bytes(b"study: caf\xe9")
    assert message(tmp_path / "latin.yaml")[0].endswith(
        "latin.yaml:1:11: this file is not UTF-8 text: byte 0xe9; save it as UTF-8"
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"training": {"epochs": 2, "optimizer": "sgd"}},
        {"training": {"epochs": 2, "optimizer": {"name": "sgd", "momentum": 0}}},
        {"training": {"epochs": 2, "optimizer": {"name": "sgd", "nesterov": True}}},
        {"training": {"epochs": 2.0, "learning_rate": 0.01, "batch_size": 32}},
        {"training": {"epochs": 2, "schedule": "constant", "augment": {"flip": False}}},
        {"training": {"epochs": 2, "early_stopping": False}},
        {"training": {"epochs": 2, "augment": {"reflect": True}}},
        {"dataset": {"name": "digits", "permute": None}},
        {"dataset": {"name": "digits", "resize": 8}},
        {"network": {"family": "mlp", "hidden": 16, "activation": "relu"}},
        {"task": "classify", "precision": "auto", "engine": "torch", "seed": 5, "repeats": 4},
    ],
)
def test_equal_meaning_has_an_equal_identity(changes: dict) -> None:
    assert config(**changes) == config()


def test_a_wrong_baseline_is_said_even_where_levels_replace_it() -> None:
    other = {"other": {"network": {"family": "mlp"}}, "third": {"network": "cnn"}}
    assert message(small(network={"family": "mlp", "hidden": 0}, factors={"net": other})) == [
        "network.hidden must be a whole number >= 1, got 0"
    ]


def test_short_and_long_forms_of_training() -> None:
    def read(**training: Any) -> dict[str, Any]:
        return config(training=training)["training"]

    assert read(early_stopping=True) == read(early_stopping={"patience": 10})
    assert read(early_stopping=3) == read(early_stopping={"patience": 3, "monitor": "val_loss"})
    assert read(optimizer="adam")["learning_rate"] == 0.001  # Keras's default
    assert read(optimizer="adam") == read(optimizer={"name": "adam", "beta_1": 0.9})
    assert read(steps=7) == read(steps=7, epochs=9)
    assert read(schedule="cosine") == read(schedule={"name": "cosine", "warmup": 0})


def test_settings_of_the_usual_optimizer_need_no_name() -> None:
    changed = ["training.optimizer.momentum=0.9"]
    (trial,) = parse_study(small(), set=changed).trials
    assert trial.config["training"]["optimizer"] == {"name": "sgd", "momentum": 0.9}
    training = {"epochs": 2, "optimizer": {"momentum": 0.9}}
    found = parse_study(
        small(training=training, factors={"training.optimizer.nesterov": [False, True]})
    )
    assert [trial.label for trial in found.trials] == ["baseline", "nesterov = true"]
    for changes, said in (
        (["training.schedule.warmup=0.1"], "training.schedule needs a name, one of: "),
        (["training.optimizer.beta_1=0.1"], "unknown setting of optimizer sgd 'beta_1'"),
        (["training.optimizer.learning_rate=1"], "learning_rate stands beside the optimizer, not"),
    ):
        with pytest.raises(ConfigError) as caught:
            parse_study(small(), set=changes)
        assert str(caught.value).startswith(f"--set {changes[0]}: {said}")


def test_settings_from_the_command_line_hold_in_every_trial() -> None:
    study = parse_study(
        small(trials={"a": {"training.epochs": 3}, "b": {"network.hidden": [9]}}),
        set=["training.epochs=1", "training.learning_rate=1e-3", "repeats=2"],
        seed=7,
        precision="float32",
    )
    assert {t.config["training"]["epochs"] for t in study.trials} == {1}
    assert {t.config["training"]["learning_rate"] for t in study.trials} == {0.001}
    assert {t.config["precision"] for t in study.trials} == {"float32"}
    assert study.seeds == (7, 8)
    assert study.command == (
        "assay run small --set training.epochs=1 --set training.learning_rate=1e-3 "
        "--set repeats=2 --seed 7 --precision float32"
    )


def test_a_command_can_be_pasted_into_a_shell(tmp_path: Path) -> None:
    file = tmp_path / "Größe und Übung" / "it's mine.yaml"
    file.parent.mkdir()
    file.write_text(yaml.safe_dump(small()), encoding="utf-8")
    change = "network.hidden=[8, 8]"
    study = parse_study(file, set=[change], repeats=2)
    assert shlex.split(study.command) == [
        "assay", "run", str(file), "--set", change, "--repeats", "2"
    ]  # fmt: skip


def test_wrong_settings_from_the_command_line_are_shown_as_they_were_given() -> None:
    study = small(factors={"network.activation": ["relu", "tanh"]})
    wrong = ["training.epochs=x", "network.hiden=[3]", "lr=1", "network.activation=tanh", "foo"]
    said = message(study, set=wrong, repeats=0, precision="flot32")
    assert [line.split(" (known: ")[0].split(" (a setting")[0] for line in said] == [
        "--precision flot32: unknown precision 'flot32'; did you mean 'float32'?",
        "--repeats 0: repeats must be a whole number from 1 to 10000, got 0",
        "--set foo: expected path=value, for example training.epochs=5",
        "--set lr=1: unknown setting 'lr'",
        "--set network.activation=tanh: network.activation cannot be set, because this study "
        "varies network.activation",
        "--set network.hiden=[3]: unknown option of network family mlp 'hiden'; did you mean "
        "'hidden'?",
        "--set training.epochs=x: training.epochs must be a whole number >= 1, got 'x'",
    ]


def test_mistyped_keys_of_a_study_are_named_in_scales_and_set() -> None:
    said = message(small(scales={"quick": {"repeat": 2, "seeed": 1}}), set=["repeat=3"])
    assert {line.split(" (a setting")[0] for line in said} == {
        "--set repeat=3: unknown setting 'repeat'; did you mean 'repeats'?",
        "scales.quick.repeat: unknown setting 'repeat'; did you mean 'repeats'?",
        "scales.quick.seeed: unknown setting 'seeed'; did you mean 'seed'?",
    }
    (said,) = message(small(), set=["training=3"])
    assert said == "--set training=3: training must be a mapping of settings of training, got 3"


@pytest.mark.parametrize("label", ["", "  "])
def test_a_label_is_seen(label: str) -> None:
    trials = {label: {"training.epochs": 1}, "b": {"training.epochs": 2}}
    (said,) = message(small(trials=trials))
    assert said.endswith(f"a label must contain a visible character, got {label!r}")
    (said,) = message(small(factors={"size": trials}))
    assert said.endswith(f"a label must contain a visible character, got {label!r}")


@pytest.mark.parametrize("name", ["COM¹", "lpt³.x"])
def test_devices_of_windows_have_raised_numbers_too(name: str) -> None:
    (said,) = message(small(study=name))
    assert (
        said == f"study must be a name that is not reserved for a device on Windows, got {name!r}"
    )


@pytest.mark.parametrize("more", ["", "search: {space: {network.hidden: [[8], [9]]}, trials: 2}\n"])
def test_images_for_validation_are_asked_for_before_training(more: str, tmp_path: Path):
    file = tmp_path / "s.yaml"
    text = "study: s\ndataset: {name: digits, validation: 0}\nnetwork: {family: mlp, hidden: [8]}\n"
    file.write_text(text + more)
    said = rf"^{file}:2:37: task classify needs at least 1 validation image, got 0$"
    with pytest.raises(ConfigError, match=said):
        parse_study(file)


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("dataset", "digit", "unknown dataset 'digit'; did you mean 'digits'? (known: arrays, "),
        ("metric", "test_acuracy", "unknown metric 'test_acuracy'; did you mean 'test_accuracy'?"),
        ("metric", "accuracy", "unknown metric 'accuracy'; did you mean 'val_accuracy'? (known: "),
    ],
)
def test_a_published_figure_names_what_there_is(key: str, value: str, said: str):
    figure = {"value": 0.9, "source": "x"}
    (found,) = message(small(published=[figure | {key: value}]))
    assert found.startswith(f"published[0].{key}: {said}")
    for known in ("digits", "mnist, permuted"):
        parse_study(small(published=[figure | {"dataset": known, "metric": "val_f1_macro"}]))
