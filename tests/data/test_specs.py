"""What a study may write under `dataset:`, and what it then means."""

from __future__ import annotations

import json

import pytest

from assay.core.errors import ConfigError
from assay.data import describe, entries, problems, resolve


def test_a_name_is_enough_and_becomes_plain_json_with_every_default():
    spec = resolve("fashion-mnist")
    assert spec == {
        "name": "fashion-mnist",
        "train": None,
        "validation": 5000,
        "test": None,
        "permute": None,
        "split_seed": 0,
        "folds": None,
        "fold": None,
    }
    assert json.loads(json.dumps(spec)) == spec == resolve(spec) == resolve({"name": spec["name"]})


def test_a_count_may_be_written_as_1e4():
    written = resolve({"name": "mnist", "train": 1e4, "permute": 7.0})
    assert written == resolve({"name": "mnist", "train": 10_000, "permute": 7})
    assert json.dumps(written["train"]) == "10000"


@pytest.mark.parametrize(
    ("spec", "train", "validation", "test"),
    [
        ("mnist", 55_000, 5_000, 10_000),
        ("cifar10", 45_000, 5_000, 10_000),
        ("digits", 1_293, 144, 360),
        ({"name": "mnist", "train": 10_000}, 10_000, 1_000, 10_000),
        ({"name": "mnist", "validation": 0.2}, 48_000, 12_000, 10_000),
        ({"name": "mnist", "validation": 0, "test": 100}, 60_000, 0, 100),
        ({"name": "mnist", "train": 100, "folds": 3, "fold": 1}, 67, 33, 10_000),
        ({"name": "mnist", "validate_on_test": True}, 60_000, 10_000, 10_000),
        ({"name": "mnist", "validate_on_test": True, "train": 9, "test": 20}, 9, 20, 20),
    ],
)
def test_counts_are_known_before_any_file_is_there(monkeypatch, spec, train, validation, test):
    monkeypatch.delenv("ASSAY_DATA", raising=False)
    info = describe(spec)
    assert (info.train, info.validation, info.test) == (train, validation, test)
    assert info.classes == 10


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("fashion-mnis", "unknown dataset 'fashion-mnis'; did you mean 'fashion-mnist'?"),
        ({"name": "mnist", "permut": 7}, "'permut'; did you mean 'permute'?"),
        ({"name": "mnist", "permute": True}, "permute must be a whole number >= 0, got True"),
        ({"name": "mnist", "train": 0}, "train must be a whole number >= 1, got 0"),
        (
            {"name": "mnist", "split_seed": None},
            "split_seed must be a whole number >= 0, got nothing",
        ),
        ({"name": "mnist", "train": 58_000}, "need 63000 images, the training set has 60000"),
        ({"name": "mnist", "test": 10_001}, "10001 images requested, but the test set has 10000"),
        ({"name": "mnist", "validation": 1.5}, "fraction between 0 and 1, got 1.5"),
        (
            {"name": "mnist", "validation": 60_000},
            "no image is left for training: of 70,000, "
            "10,000 are for testing and 60,000 for validation",
        ),
        ({"name": "mnist", "fold": 1}, "dataset.fold needs dataset.folds"),
        ({"name": "mnist", "normalize": "centre"}, "'centre'; did you mean 'center'?"),
        ({"name": "mnist", "folds": 3, "fold": 3}, "fold must be less than dataset.folds = 3"),
        ({"name": "mnist", "folds": 3, "validation": 5}, "cannot be combined"),
        ({"name": "mnist", "folds": 9, "train": 5}, "folds: 9 need 9 images"),
        (
            {"name": "mnist", "folds": 3, "train": 60_001},
            "60001 images requested, but the training",
        ),
        ({"name": "mnist", "validate_on_test": True, "validation": 5}, "the test images"),
        ({"name": "mnist", "validate_on_test": True, "validation": 0}, "the test images"),
        ({"name": "mnist", "validate_on_test": True, "refit": True}, "refit and dataset.validate"),
        (
            {"name": "mnist", "validate_on_test": True, "train": 60_001},
            "the training set has 60000",
        ),
        ({"name": "folder"}, "^dataset folder needs path, a folder's path, for example path: my-p"),
        ({"name": "folder", "path": None}, "^dataset folder needs path, a folder's path"),
        ({"name": "folder", "path": "x", "size": 32}, r"size must be \[height, width\]"),
        ({"name": "mnist", "path": "x"}, "unknown setting of dataset mnist 'path'"),
        ({}, "^a dataset needs a name, one of: arrays, "),
        ({"name": None}, "^a dataset needs a name, one of: arrays, "),
        (["mnist"], r"a name or a mapping with a name, got \['mnist'\]"),
    ],
)
def test_what_is_wrong_is_said_by_name(spec, words):
    with pytest.raises(ConfigError, match=words.replace("?", r"\?")):
        resolve(spec)


def test_all_problems_are_found_at_once_under_their_keys():
    found = problems({"name": "mnist", "tran": 5, "permute": -1, "validation": "half"})
    assert set(found) == {"tran", "permute", "validation"}
    assert set(problems({"name": "mnist", "test": 10_001})) == {"test"}


def test_every_entry_says_where_it_comes_from():
    names = [entry.name for entry in entries()]
    assert {"cifar10", "digits", "fashion-mnist", "folder", "mnist"} <= set(names)
    for entry in entries():
        assert entry.title, entry.name
        assert entry.licence, entry.name
        assert entry.citation, entry.name
        for source in entry.sources:
            assert all(len(f.sha256) == 64 and f.bytes > 0 for f in source.files)
