"""Weights from other data: what is kept, what is frozen, and what cannot be transferred."""

from __future__ import annotations

import re

import numpy as np
import pytest

from assay.apps.api import plan_of
from assay.core.errors import AssayError, ConfigError, DataError, EngineError
from assay.data import load
from assay.data.catalog import ENTRIES
from assay.engines.engine import ENGINES, Resources
from assay.engines.transfer import Transfer
from assay.studies.plan import cohorts

THERE = {"name": "digits", "train": 100, "validation": 20, "permute": 5}
STUDY = {
    "study": "s",
    "dataset": {"name": "digits", "train": 60, "validation": 20, "test": 20},
    "network": {"family": "mlp", "hidden": [6], "batch_norm": True},
    "training": {"epochs": 1, "batch_size": 20, "optimizer": "adam"},
    "precision": "float32",
}


def cohort(freeze: bool, epochs: int = 1, **there):
    pretrain = {"name": "transfer", "dataset": THERE | there, "epochs": 1, "freeze": freeze}
    training = {**STUDY["training"], "epochs": epochs, "pretrain": pretrain}
    (found,) = cohorts(plan_of({**STUDY, "training": training}).configs())
    return found


def train(freeze: bool, epochs: int = 1, **there):
    mine = cohort(freeze, epochs, **there)
    engine, resources = ENGINES["torch"](), Resources(device="cpu", threads=1)
    data = load(mine.members[0].config["dataset"])
    (record,) = engine.train(mine, data, resources, lambda progress: None)
    return record


def test_a_frozen_trunk_is_what_the_other_data_taught_and_only_the_head_learns():
    short, long = train(True, 1), train(True, 4)
    moved = [k for k, v in short.weights.items() if not np.array_equal(v, long.weights[k])]
    assert sorted(moved) == ["head.class.0.bias", "head.class.0.kernel"]
    assert any("moving_mean" in name for name in short.weights)  # which stay as well
    assert long.provenance["parameters"] == 6 * 10 + 10


def test_a_trunk_that_is_not_frozen_learns_on():
    frozen, tuned = train(True, 2), train(False, 2)
    kernel = next(k for k in tuned.weights if k.startswith("trunk.") and k.endswith("kernel"))
    assert not np.array_equal(frozen.weights[kernel], tuned.weights[kernel])
    assert tuned.provenance["parameters"] == 64 * 6 + 6 + 2 * 6 + 70


def test_the_trunk_depends_on_the_other_data():
    one, other = train(True), train(True, permute=6)
    kernel = next(k for k in one.weights if k.startswith("trunk.") and k.endswith("kernel"))
    assert not np.array_equal(one.weights[kernel], other.weights[kernel])


def test_the_other_data_are_looked_for_in_the_folder_that_was_given(tmp_path, monkeypatch):
    monkeypatch.delenv("ASSAY_DATA", raising=False)
    file = ENTRIES["mnist"].sources[0].files[3]
    (tmp_path / "mnist").mkdir()
    (tmp_path / "mnist" / file.name).write_bytes(bytes(file.bytes))
    with pytest.raises(DataError, match=re.escape(str(tmp_path)) + r".* has 1 of its files"):
        Transfer({"name": "mnist"}).weights(
            cohort(True),
            load(STUDY["dataset"]).fit_data,
            Resources(data_dir=tmp_path),
            print,
            print,
        )


def test_what_cannot_be_transferred_is_said():
    with pytest.raises(ConfigError, match="images of digits are 4x4x1, those of digits 8x8x1"):
        train(True, resize=4)
    bad = {**STUDY["training"], "pretrain": {"name": "transfer", "dataset": "digitss"}}
    with pytest.raises(AssayError, match="did you mean 'digits'"):
        plan_of({**STUDY, "training": bad})
    with pytest.raises(AssayError, match="pretraining transfer needs dataset"):
        plan_of({**STUDY, "training": {**bad, "pretrain": "transfer"}})
    good = {**bad, "pretrain": {"name": "transfer", "dataset": "digits"}}
    (mine,) = cohorts(plan_of({**STUDY, "training": good, "engine": "numpy"}).configs())
    with pytest.raises(EngineError, match=r"training\.pretrain"):
        ENGINES["numpy"]().check(mine, Resources())


@pytest.mark.parametrize(
    ("there", "said"),
    [
        ({"split_seed": 1}, "dataset.split_seed is 0, that of the pretraining 1"),
        ({"validation": 10}, "dataset.validation is 20, that of the pretraining 10"),
        ({"validation": None, "validate_on_test": True}, "the pretraining has dataset.validate_on"),
        (
            {"validation": None, "folds": 4},
            "dataset.folds is None, that of the pretraining 4",
        ),
    ],
)
def test_a_trunk_never_learns_from_the_validation_images(there: dict, said: str):
    spec = {k: v for k, v in (THERE | there).items() if v is not None}
    training = {**STUDY["training"], "pretrain": {"name": "transfer", "dataset": spec}}
    with pytest.raises(ConfigError, match="learns from validation images of this study") as caught:
        plan_of({**STUDY, "training": training})
    assert said in str(caught.value)
    folds = {"name": "digits", "folds": 4, "fold": 1}
    other = {**training, "pretrain": {"name": "transfer", "dataset": {**folds, "train": 200}}}
    with pytest.raises(ConfigError, match=r"dataset\.train is 100, that of the pretraining 200"):
        plan_of({**STUDY, "dataset": {**folds, "train": 100}, "training": other})
    tuned = {k: v for k, v in STUDY["dataset"].items() if k != "validation"}
    study = {**STUDY, "dataset": {**tuned, "validate_on_test": True}, "training": training}
    assert plan_of(study).runs()  # test images are learned from by none


def test_a_trunk_never_learns_from_the_validation_images_of_a_searchs_folds():
    spec = {"name": "digits", "train": 100, "validation": 20}
    training = {**STUDY["training"], "pretrain": {"name": "transfer", "dataset": spec}}
    search = {"trials": 2, "space": {"training.learning_rate": {"float": [1e-3, 1e-1]}}}
    assert plan_of({**STUDY, "training": training, "search": search}).study.search
    free = {k: v for k, v in STUDY["dataset"].items() if k != "validation"}
    folded = {**STUDY, "dataset": free, "training": training, "search": {**search, "folds": 3}}
    with pytest.raises(ConfigError, match=r"dataset\.folds is 3, that of the pretraining None"):
        plan_of(folded)
