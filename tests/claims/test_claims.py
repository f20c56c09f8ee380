"""Numbers of the texts against the records: right ones pass, and each wrong one is named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from claims.check import check, read_claims, read_texts
from claims.exports import ClaimError, Export
from claims.names import names_for
from claims.phrases import find_phrase
from claims.texts import read_text

ROOT = Path(__file__).resolve().parents[2]


def run(seed: int, accuracy: float, minutes: float) -> dict[str, Any]:
    """A run as `assay export` writes it."""
    return {
        "run_id": f"{seed}",
        "seed": seed,
        "status": "finished",
        "metrics": {"test_accuracy": accuracy, "val_accuracy": accuracy},
        "seconds": {"train": 60 * minutes, "evaluate": 0.0, "prepare": 0.0},
        "precision": "float32",
        "cohort": 1,
        "finished_at": f"2026-11-21T00:0{seed}:00+00:00",
    }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A repository with one record: accuracies 0.88, 0.90 and 0.92, and no published figure."""
    runs = [run(seed, 0.88 + 0.02 * seed, seed + 1) for seed in range(3)]
    trial = {"label": "activation = tanh", "trial_id": "t", "config": {"epochs": 5}, "runs": runs}
    (tmp_path / "results").mkdir()
    record = {"study": "widths", "scale": "full", "command": "assay run widths", "trials": [trial]}
    (tmp_path / "results/widths.json").write_text(json.dumps(record))
    return tmp_path


def wrong(folder: Path, text: str, *says: str, **entry: str) -> list[str]:
    """What the check finds in a README with one entry of claims."""
    entries = [{"record": "results/widths.json", "says": list(says), **entry}] if says else []
    if "because" in entry:
        del entries[0]["record"]
    return check(folder, {"README.md": text}, {"README.md": entries})[0]


@pytest.mark.usefixtures("all_subjects")
def test_every_number_of_the_texts_is_in_a_record() -> None:
    found, count = check(ROOT, read_texts(ROOT), read_claims(ROOT))
    assert not found, "\n".join(found)
    assert count > 1000


def test_a_changed_number_of_a_text_is_named() -> None:
    name = "docs/unscramble.md"
    texts, claims = read_texts(ROOT), read_claims(ROOT)
    words = read_text(name, texts[name])
    claims = {name: claims[name]}
    numbers = words.numbers()
    assert len(numbers) > 100
    for number in numbers[::12]:
        digit = number.group()[-1]
        other = str((int(digit) + 5) % 10)
        changed = words.words[: number.end() - 1] + other + words.words[number.end() :]
        found, _ = check(ROOT, {name: changed}, claims)
        stated = number.group()[:-1] + other
        assert any(stated in line for line in found), (number.group(), stated, found)


def test_what_is_wrong_is_said_with_place_and_value(folder: Path) -> None:
    text = "# Widths\n\nOn the digits tanh has\n91 ± 5.0 % (n = 3), the others less.\n"
    said = "tanh has {ci('tanh')} % (n = {n('tanh')})"
    # 90 and 4.303 * 2 / sqrt(3) = 4.97, by Student's t with two degrees of freedom
    assert wrong(folder, text, said) == [
        "README.md:4: says 91, results/widths.json 90 by ci('tanh')"
    ]
    assert wrong(folder, text.replace("91", "90"), said) == []


def test_a_number_without_a_claim_is_named(folder: Path) -> None:
    assert wrong(folder, "It has 90 % on\nthe 17 pictures.\n", "It has {mean()} %") == [
        "README.md:2: 17 has no record: ...It has 90 % on the 17 pictures...."
    ]


def test_a_setting_is_claimed_word_for_word(folder: Path) -> None:
    setting = {"because": "the study's"}
    assert wrong(folder, "Batches of 32.\n", "Batches of 32", **setting) == []
    found = wrong(folder, "Batches of 64.\n", "Batches of 32", **setting)
    assert found[0] == "README.md does not say 'Batches of 32' (the study's)"
    assert found[1].startswith("README.md:1: 64 has no record")


def test_a_claim_that_the_text_lost_is_named(folder: Path) -> None:
    assert wrong(folder, "Nothing.\n", "It has {mean()} %") == [
        "README.md does not say 'It has {mean()} %' (claims of README.md: 'It has {mean()} %')"
    ]


@pytest.mark.parametrize(
    ("says", "part"),
    [
        ("It has {mean('tnah')} %", "trial 'tnah' fits 0 of ['activation = tanh']"),
        ("It has {mean(metric='loss')} %", "no run has the metric 'test_loss'"),
        ("It has {maen()} %", "{maen()}: NameError"),
    ],
)
def test_an_expression_that_cannot_be_computed_is_named(folder: Path, says: str, part: str) -> None:
    assert part in wrong(folder, "It has 90 %.\n", says)[0]


@pytest.mark.parametrize(
    ("stated", "right"),
    [("90", True), ("90.0", True), ("90.00", True), ("90.1", False), ("89", False), ("9", False)],
)
def test_a_number_is_right_to_the_digits_that_it_has(
    folder: Path, stated: str, right: bool
) -> None:
    text = read_text("README.md", f"It has {stated} %.\n")
    names = names_for(folder, "results/widths.json")
    assert [f.right for f in find_phrase("It has {mean()} %", text, names)] == [right]


def test_what_is_no_result_is_passed_over() -> None:
    raw = (
        "On 2026-11-21 MLP 784-300-100 read 28x28 pixels of CIFAR-10 with `epochs: 5` at 1e-3,\n"
        "a 95 % CI, PyTorch 2.13.0, bfloat16, see [a](results/a-75.json) and [b](b.md).\n\n"
        "```sh\nassay run x --repeats 7\n```\n\n    assay run x --seed 8\n\nThen 1,797 of 3.\n"
    )
    assert [m.group() for m in read_text("a.md", raw).numbers()] == ["1,797", "3"]


def test_of_a_study_only_its_head_is_read() -> None:
    text = read_text("a.yaml", "# Wide\n# or 2 deep?\nstudy: a\n# 4\n")
    assert [(m.group(), text.place(m.start())) for m in text.numbers()] == [("2", "a.yaml:2")]


def test_an_export_gives_what_later_tables_need(folder: Path) -> None:
    export = Export(json.loads((folder / "results/widths.json").read_text()))
    found = export.estimate("tanh")
    assert (found.n, round(found.mean, 6), round(found.half_width, 2)) == (3, 90.0, 4.97)
    assert export.values("tanh") == pytest.approx([88, 90, 92])
    assert export.seconds() == [60, 120, 180]
    assert export.elapsed() == 180  # all three began a minute before the first one ended
    assert export.compare("tanh", "tanh").difference == 0


def test_effects_are_those_that_the_study_planned() -> None:
    path = ROOT / "results/mlp-factors.json"
    effect = Export(json.loads(path.read_text())).effect("elu")
    said = "elu is worse than relu by 0.71 points (95 % CI -0.87 to -0.56, p = 0.0018"
    assert said in path.read_text()
    assert (round(effect.comparison.difference, 4), round(effect.p_adjusted, 4)) == (
        -0.0071,
        0.0018,
    )
    with pytest.raises(ClaimError, match=r"effect .* fits 0"):
        Export(json.loads(path.read_text())).effect("gelu")
