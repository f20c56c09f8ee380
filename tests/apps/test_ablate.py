"""`assay ablate`: the changes of the best trial, each undone in turn."""

from __future__ import annotations

from pathlib import Path

import pytest

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
        "without network.activation", "without training.learning_rate", "baseline", "best"
    ]  # fmt: skip
    assert configs["without network.activation"]["network"] == base["network"]
    assert configs["without network.activation"]["training"] == both["training"]
    assert configs["without training.learning_rate"]["training"] == base["training"]
    assert plan.study.seeds == (2, 3)  # 0 and 1 chose
    made = plan.to_json()
    assert {c["against"] for c in made["comparisons"]} == {"best"}
    assert len(made["comparisons"]) == 3
    other = {**other, "precision": "bfloat16"}  # as `auto` is on some computers, for this network
    assert list(changes_between(base, other)) == [("network",)]
    undone = {t.label: t.config for t in ablation_plan(study, base, other).trials}
    assert undone["without network"]["precision"] == base["precision"]
    assert list(changes_between(base, {**base, "precision": "bfloat16"})) == [("precision",)]
    assert [t.label for t in ablation_plan(study, base, other).trials] == [
        "without network", "best"
    ]  # fmt: skip
    with pytest.raises(ConfigError, match="there is no change to undo"):
        ablation_plan(study, base, base)


@pytest.mark.usefixtures("blank_page")
def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    import yaml

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
    import yaml

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
    assert main(["ablate", *given]) == 0
    capsys.readouterr()
    with Store(tmp_path / "store", read_only=True, create=False) as opened:
        plan = opened.plan("ablate-toy@quick")
    assert plan["question"] == "Which changes of the best trial of toy@quick matter?"
    assert plan["command"] == "assay report ablate-toy --scale quick"
    assert "without training.learning_rate" in [trial["label"] for trial in plan["trials"]]
    assert main(plan["command"].split()[1:] + store) == 0
