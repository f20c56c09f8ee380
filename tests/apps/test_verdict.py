"""`assay verdict` and `assay power`: pairs until it is decided, and what repeats can show."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from assay.apps.cli.app import main
from assay.apps.verdicts import decide
from assay.core.errors import ConfigError
from assay.core.records import Record

STUDY = """\
study: toy
dataset: {name: digits, train: 300, validation: 200, test: 200}
network: {family: mlp, hidden: [8]}
training: {epochs: 6, learning_rate: 0.1}
repeats: 2
factors:
  training.learning_rate: [0.1, 1.0e-6]
"""


def trained(a, b, metric="val_accuracy", status=None):
    """What trains so many pairs: it reads them from two lists."""
    asked = []

    def train(n):
        asked.append(n)
        return [
            Record(f"{t}{s}", t, s, (status or {}).get((t, s), "finished"), {}, {},
                   {metric: float(v[s])})
            for t, v in (("a", a), ("b", b)) for s in range(n)
        ]  # fmt: skip

    return train, asked


NOISE = np.random.default_rng(3).normal(0, 0.004, (2, 40))


@pytest.mark.parametrize(
    ("ahead", "at_least", "verdict", "pairs"),
    [
        (0.05, 0.0, "better", 4),
        (0.05, 2.0, "better", 5),
        (-0.05, 0.0, "not better", 4),
        (0.0, 1.5, "not better", 5),
        (0.0, 0.0, "undecided", 30),
        (0.02, 2.0, "undecided", 30),
    ],
)
def test_pairs_are_added_until_it_is_decided(ahead, at_least, verdict, pairs):
    train, asked = trained(0.9 + ahead + NOISE[0], 0.9 + NOISE[1])
    found = decide(train, ("a", "b"), "val_accuracy", at_least=at_least)
    assert found.verdict == verdict
    assert asked[-1] == found.comparison.n
    assert asked[-1] <= pairs + 3
    assert list(found.looked) == asked
    assert asked[0] == 4


def test_a_lower_loss_is_better_and_a_metric_without_a_direction_decides_nothing():
    train, _ = trained(0.3 + NOISE[0], 0.4 + NOISE[1], "val_loss")
    assert decide(train, ("a", "b"), "val_loss").verdict == "better"
    assert decide(train, ("a", "b"), "val_loss", at_least=0.2).verdict == "not better"
    with pytest.raises(ConfigError, match="unknown whether a higher val_own is better"):
        decide(train, ("a", "b"), "val_own")


def test_a_side_that_diverges_is_not_better():
    lost = {("a", s): "diverged" for s in (1, 3, 7, 12)}
    train, _ = trained(0.92 + NOISE[0], 0.9 + NOISE[1], status=lost)
    assert decide(train, ("a", "b"), "val_accuracy", most=15).verdict != "better"


@pytest.fixture
def place(tmp_path: Path) -> tuple[str, list[str]]:
    (tmp_path / "toy.yaml").write_text(STUDY, encoding="utf-8")
    return str(tmp_path / "toy.yaml"), ["--store", str(tmp_path / "store")]


def test_the_commands(place, capsys: pytest.CaptureFixture[str]):
    file, store = place
    other = f"{file}:learning_rate = 1e-06"
    assert main(["power", file, *store]) == 0
    assert "2 repeats and 1 comparison: a difference of" in capsys.readouterr().out
    assert main(["power", file, "--difference", "0.5", *store]) == 2
    assert "no pairs of runs of toy are in the store" in capsys.readouterr().err
    assert main(["power", file, "--difference", "1", "--spread", "1", "--json", *store]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["repeats_needed"], found["comparisons"], found["repeats"]) == (10, 1, 2)

    assert main(["power", "cifar10-fast", *store]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "5 repeats and no comparison of its own: against another study with as many" in said
    assert "repeats, a difference of 1.7" in said

    assert main(["power", "random-mlp", *store]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "5 repeats and 2 comparisons: a difference of" in said  # the best 3 of the search

    assert main(["verdict", file, other, "--json", *store]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["verdict"], found["metric"]) == ("better", "val_accuracy")
    assert found["low"] > 0
    assert main(["verdict", other, file, "--at-least", "0.3", *store]) == 1
    out = capsys.readouterr().out
    assert (
        "toy: learning_rate = 1e-06 is not better than toy: baseline by more than 0.3 points" in out
    )
    assert main(["verdict", file, other, "--repeats", "5", *store]) == 2
    assert "--repeats 5: a verdict trains as many pairs as it needs" in capsys.readouterr().err
    assert main(["verdict", file, other, "--max-repeats", "2", "--at-least", "500", *store]) == 1
    capsys.readouterr()
    assert main(["report", "verdict-toy", *store]) == 0
    capsys.readouterr()
    assert main(["power", file, "--difference", "0.5", *store]) == 0
    assert "with 80 % power by" in capsys.readouterr().out


def test_a_recipe_that_trains_on_the_deciding_images_cannot_be_judged(
    place, capsys: pytest.CaptureFixture[str]
):
    file, store = place
    text = Path(file).read_text(encoding="utf-8")
    pairs = {}
    for name, data in (("refit", "validation: 200, "), ("validate_on_test", "")):
        pairs[name] = str(Path(file).with_name(f"{name}.yaml"))
        said = text.replace("validation: 200, ", f"{data}{name}: true, ").replace("toy", name)
        Path(pairs[name]).write_text(said, encoding="utf-8")
    assert main(["verdict", pairs["refit"], file, *store]) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert "refit: baseline trains on its validation images (dataset.refit), which decide" in said
    tuned = pairs["validate_on_test"]
    assert main(["verdict", file, tuned, *store]) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert "validate_on_test: baseline is validated on the test images" in said
    assert main(["verdict", tuned, f"{tuned}:learning_rate = 1e-06", *store]) == 0
    assert "test results were read while tuning" in " ".join(capsys.readouterr().out.split())
    assert main(["verdict", tuned, f"{tuned}:learning_rate = 1e-06", "--json", *store]) == 0
    assert "test results were read while tuning" in json.loads(capsys.readouterr().out)["note"]


@pytest.mark.parametrize(
    ("a", "b", "said"),
    [
        ("{}", "{}", "are the same trial"),
        ("{}:learning_rate = 1e-6", "{}", "did you mean 'learning_rate = 1e-06'"),
        ("random-mlp", "{}", "random-mlp is a search"),
        ("permuted-pixels", "{}", "several trials and no baseline"),
    ],
)
def test_what_cannot_be_decided(a, b, said, place, capsys: pytest.CaptureFixture[str]):
    file, store = place
    assert main(["verdict", a.format(file), b.format(file), *store]) == 2
    assert said in capsys.readouterr().err
