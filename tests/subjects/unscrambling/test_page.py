"""The page of permuted pixels: what it computes."""

from __future__ import annotations

from pathlib import Path

import pytest

from assay.apps.web.pages import Site
from assay.apps.web.shelf import Shelf
from assay.core.errors import ConfigError
from assay.subjects.unscrambling.page import PAGE


@pytest.mark.usefixtures("blank_page")
def test_a_picture_before_and_after_and_what_networks_say(tmp_path: Path):
    from assay.apps.cli.app import main

    store, study = tmp_path / "store", tmp_path / "two.yaml"
    study.write_text(
        "study: two\ndataset: {name: digits, train: 400}\n"
        "network: {family: mlp, hidden: [32]}\ntraining: {epochs: 12, optimizer: adam}\n"
        "repeats: 1\nfactors: {dataset.permute: [null, 7]}\n"
    )
    assert main(["run", str(study), "--store", str(store), "--workers", "1"]) == 0
    answers = PAGE.answers(Site(store, None, Shelf(store)))
    seen = [answers["look"]({"dataset": "digits", "seed": 7, "index": i}) for i in range(12)]
    assert all(one["plain"] != one["moved"] for one in seen)
    titles = {network["title"]: network for network in seen[0]["networks"]}
    assert set(titles) == {
        "mlp, trained on plain pictures",
        "mlp, trained on permuted (7) pictures",
    }

    def right(title: str, which: str) -> int:
        named = [
            n[which]["name"] == s["true"]
            for s in seen
            for n in s["networks"]
            if n["title"] == title
        ]
        return sum(named)

    plain, permuted = titles
    if "permuted" in plain:
        plain, permuted = permuted, plain
    assert right(plain, "plain") > right(plain, "moved")
    assert right(permuted, "moved") > right(permuted, "plain")


@pytest.mark.parametrize(
    "wrong",
    [
        None, {}, {"dataset": "../x"}, {"dataset": "digits", "seed": -1},
        {"dataset": "digits", "index": "1"},
    ],
)  # fmt: skip
def test_what_cannot_be_shown_is_said(tmp_path: Path, wrong: object):
    answers = PAGE.answers(Site(tmp_path, None, Shelf(tmp_path)))
    for name in ("look", "restore"):
        with pytest.raises(ConfigError):
            answers[name](wrong)
