"""`assay ablate`: the changes of the best trial, each undone in turn."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import yaml

from assay.apps.ablation import ablation_plan, changes_between
from assay.apps.api import plan_of
from assay.apps.cli.app import main
from assay.core.errors import ConfigError
from assay.core.store import Store

STUDY = {
    "study": "toy",
    "dataset": {"name": "digits", "train": 200, "validation": 200, "test": 100},
    "network": {"family": "mlp", "hidden": [8]},
    "training": {"epochs": 1, "learning_rate": 0.01},
    "repeats": 2,
}


def test_what_differs_is_undone_one_at_a_time():
    factors = {
        "better": {
            "both": {"training.learning_rate": 0.2, "network.activation": "tanh"},
            "other network": {"network": {"family": "cnn", "filters": [[4]], "dense": [8]}},
        }
    }
    study = plan_of({**STUDY, "factors": factors}).study
    base, both, other = (trial.config for trial in study.trials)
    assert list(changes_between(base, both)) == [
        ("network", "activation"), ("training", "learning_rate")
    ]  # fmt: skip
    plan = ablation_plan(study, base, both)
    configs = {trial.label: trial.config for trial in plan.trials}
    assert list(configs) == [
        "without network.activation", "without training.learning_rate", "no change", "all changes"
    ]  # fmt: skip
    assert configs["without network.activation"]["network"] == base["network"]
    assert configs["without network.activation"]["training"] == both["training"]
    assert configs["without training.learning_rate"]["training"] == base["training"]
    assert plan.study.seeds == (2, 3)  # 0 and 1 chose
    made = plan.to_json()
    assert {c["against"] for c in made["comparisons"]} == {"all changes"}
    assert len(made["comparisons"]) == 3
    other = {**other, "precision": "bfloat16"}  # as `auto` is on some computers, for this network
    assert list(changes_between(base, other)) == [("network",)]
    undone = {t.label: t.config for t in ablation_plan(study, base, other).trials}
    assert undone["without network"]["precision"] == base["precision"]
    assert list(changes_between(base, {**base, "precision": "bfloat16"})) == [("precision",)]
    assert [t.label for t in ablation_plan(study, base, other).trials] == [
        "without network", "all changes"
    ]  # fmt: skip
    with pytest.raises(ConfigError, match="there is no change to undo"):
        ablation_plan(study, base, base)


@pytest.mark.usefixtures("blank_page")
def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    file, store = tmp_path / "toy.yaml", ["--store", str(tmp_path / "store")]
    levels = {"fast": {"training.learning_rate": 0.2, "training.batch_size": 16}}
    file.write_text(yaml.safe_dump({**STUDY, "factors": {"how": levels}}), encoding="utf-8")
    assert main(["ablate", str(file), *store]) == 2
    assert main(["run", str(file), *store]) == 0
    capsys.readouterr()
    assert main(["ablate", str(file), *store]) == 0
    out = capsys.readouterr().out
    assert "best of toy by validation: how = fast" in out or "fast" in out
    assert "without training.batch_size" in out
    assert main(["results", "ablate-toy", *store]) == 0
    labels = [line.split("  ")[0] for line in capsys.readouterr().out.splitlines()]
    assert {"no change", "all changes (baseline)"} <= {
        name.replace("best, ", "") for name in labels
    }
    with Store(tmp_path / "store", read_only=True, create=False) as opened:
        assert len(opened.plan("ablate-toy")["trials"]) == 4


@pytest.mark.usefixtures("blank_page")
def test_a_choice_by_images_that_were_trained_on_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    file, store = tmp_path / "toy.yaml", ["--store", str(tmp_path / "store")]
    file.write_text(
        "study: toy\ndataset: {name: digits, train: 200, validation: 100, test: 100, refit: true}\n"
        "network: {family: mlp, hidden: [8]}\ntraining: {epochs: 1}\nrepeats: 2\n"
        "factors: {training.learning_rate: [0.01, 0.2]}\n",
        encoding="utf-8",
    )
    assert main(["run", str(file), *store]) == 0
    capsys.readouterr()
    assert main(["ablate", str(file), *store]) == 0
    out, err = capsys.readouterr()
    assert "metrics on them are meaningless" in " ".join((out + err).split())


@pytest.mark.usefixtures("blank_page")
def test_what_a_search_found_is_undone_at_every_scale(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    searched = {
        "search": {
            "sampler": "random", "trials": 2, "best": 1,
            "space": {
                "training.learning_rate": {"float": [0.1, 0.3]},
                "training.batch_size": {"choice": [16, 64]},
            },
        },
        "scales": {"quick": {"search.trials": 3, "repeats": 2, "dataset.train": 100}},
    }  # fmt: skip
    file, store = tmp_path / "toy.yaml", ["--store", str(tmp_path / "store")]
    file.write_text(yaml.safe_dump({**STUDY, **searched}), encoding="utf-8")
    given = [str(file), "--scale", "quick", "--set", "search.trials=2", *store]
    assert main(["run", *given]) == 0
    assert main(["show", "toy@quick", *store]) == 0
    assert "trial identity" in " ".join(capsys.readouterr().out.split())
    assert main(["ablate", *given]) == 0
    capsys.readouterr()
    with Store(tmp_path / "store", read_only=True, create=False) as opened:
        plan = opened.plan("ablate-toy@quick")
    assert plan["question"] == "Which changes of the best trial of toy@quick matter?"
    assert plan["command"] == "assay report ablate-toy --scale quick"
    assert "without training.learning_rate" in [trial["label"] for trial in plan["trials"]]
    assert main(plan["command"].split()[1:] + store) == 0


PARTS = """
from dataclasses import dataclass

import assay
from assay.engines.schedules import Schedule


@assay.register_schedule("NAME")
@dataclass(frozen=True)
class Own(Schedule):
    def shape(self, step, total, per_epoch):
        return 0.5
"""


def test_the_plugin_of_a_change_is_no_change_of_its_own(tmp_path: Path):
    (tmp_path / "ablated_parts.py").write_text(PARTS.replace("NAME", "ablated"), encoding="utf-8")
    file = tmp_path / "toy.yaml"
    change = {"training.schedule": "ablated", "training.learning_rate": 0.2}
    written = {**STUDY, "plugins": ["ablated_parts.py"], "factors": {"how": {"own": change}}}
    file.write_text(yaml.safe_dump(written), encoding="utf-8")
    study = plan_of(file).study
    base, own = (trial.config for trial in study.trials)
    assert list(own["plugins"]) == ["ablated_parts.py"]
    configs = {trial.label: trial.config for trial in ablation_plan(study, base, own).trials}
    assert list(configs) == [
        "without training.learning_rate", "without training.schedule", "no change", "all changes"
    ]  # fmt: skip
    assert configs["without training.learning_rate"]["plugins"] == own["plugins"]
    assert "plugins" not in configs["without training.schedule"]


@pytest.mark.usefixtures("blank_page")
def test_a_search_starts_from_what_is_beside_its_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    monkeypatch.chdir(tmp_path)
    (folder / "started_parts.py").write_text(PARTS.replace("NAME", "started"), encoding="utf-8")
    rng = np.random.default_rng(0)
    np.save(folder / "x.npy", rng.integers(0, 255, (400, 6, 6), np.uint8))
    np.save(folder / "y.npy", np.arange(400) % 4)
    search = {
        "trials": 2, "sampler": "random", "best": 1, "repeats": 1, "set": {"network.hidden": "[n]"},
        "space": {
            "n": {"int": [4, 8]},
            "training.learning_rate": {"float": [0.1, 0.3]},
            "training.optimizer.momentum": {"choice": [0.5, 0.9]},
        },
    }  # fmt: skip
    written = {
        **STUDY,
        "dataset": {"name": "arrays", "arrays": "x.npy", "labels": "y.npy"},
        "plugins": ["started_parts.py"],
        "training": {**STUDY["training"], "optimizer": "sgd", "schedule": "started"},
        "search": search,
        "scales": {"tiny": {"training.batch_size": 16, "dataset.train": 100}},
    }
    (folder / "toy.yaml").write_text(yaml.safe_dump(written), encoding="utf-8")
    given = ["elsewhere/toy.yaml", "--scale", "tiny", "--set", "training.epochs=2"]
    given += ["--store", str(tmp_path / "store")]
    assert main(["run", *given]) == 0
    assert main(["ablate", *given]) == 0
    with Store(tmp_path / "store", read_only=True, create=False) as opened:
        trials = opened.plan("ablate-toy@tiny")["trials"]
    configs = {trial["label"]: trial["config"] for trial in trials}
    assert [label.removeprefix("without ") for label in configs] == [
        "network.hidden", "training.learning_rate", "training.optimizer", "no change", "all changes"
    ]  # fmt: skip
    base = configs["no change"]
    assert base["network"]["hidden"] == [8]
    assert {key: base["training"][key] for key in ("epochs", "learning_rate", "batch_size")} == {
        "epochs": 2, "learning_rate": 0.01, "batch_size": 16
    }  # fmt: skip
    assert base["dataset"] == configs["all changes"]["dataset"]
