"""Networks of users as a stack: the same numbers as in turns, or it is not used."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from own_parts import WRITTEN, assert_same, cohort, train

from assay.core.records import Record
from assay.engines.engine import Cohort, Progress, Stopped
from assay.engines.torch_engine.own_stack import _sum, stackable_own

NOT_TO_BE_MAPPED = """
import torch
from own_parts_base import Net


class Branching(Net):
    def forward(self, x):
        return super().forward(x) * (2 if x.mean() > 0 else 1)


class Noisy(Net):
    def forward(self, x):
        return super().forward(x) + torch.rand(len(x), 1)


class Replacing(Net):
    def __init__(self, image_shape, num_classes):
        super().__init__(image_shape, num_classes)
        self.register_buffer("seen", torch.zeros(()))

    def forward(self, x):
        self.seen = self.seen + 1
        return super().forward(x) + self.seen
"""


def in_turns(one: Cohort, **options: Any) -> list[Record]:
    return [train(replace(one, members=(member,)), **options)[0] for member in one.members]


def assert_close(a: Record, b: Record) -> None:
    """Equal within rounding; the bias before batch norm has no gradient but rounding, which adam
    makes large."""
    for name in ("loss", "val_loss", "val_accuracy"):
        np.testing.assert_allclose(a.curves[name], b.curves[name], 1e-3, 2e-2, err_msg=name)
    for name in a.weights.keys() - {"conv.bias", "norm.running_mean"}:
        np.testing.assert_allclose(a.weights[name], b.weights[name], 0.02, 0.02, err_msg=name)


def test_a_stack_computes_what_its_members_compute_alone(parts: str):
    recipe = WRITTEN["training"] | {"optimizer": "sgd", "learning_rate": 0.1}
    recipe |= {"augment": {"shift": 1}}
    factors = {"training.learning_rate": [0.1, 0.03]}
    one = cohort({"module": f"{parts}:Net"}, training=recipe, factors=factors)
    together, alone = train(one), in_turns(one)
    assert len(together) == 4
    assert {r.provenance["program"] for r in together} == {"PyTorch, stacked"}
    found = {record.run_id: record for record in together}
    for record in alone:
        assert_close(found[record.run_id], record)
    assert all(int(r.weights["norm.num_batches_tracked"]) > 10 for r in together)
    assert len({r.weights["out.weight"][0, 0] for r in together}) == 4


def test_a_stack_goes_on_as_if_it_had_never_stopped(
    parts: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("assay.engines.loop._REPORT_SECONDS", 0.0)
    one = cohort({"module": f"{parts}:Net"})
    whole, reports = train(one), iter(range(9))

    def stop(progress: Progress) -> None:
        if next(reports) == 3:
            raise Stopped

    for folder in ("together", "alone"):
        reports = iter(range(9))
        with pytest.raises(Stopped):
            train(one, tmp_path / folder, stop)
    told: list[str] = []
    again = train(one, tmp_path / "together", lambda p: told.append(p.remark))
    assert told[0].startswith("2 interrupted runs resume from update 4")
    for wanted, found in zip(whole, again, strict=True):
        assert_same(wanted, found)
    for wanted, found in zip(whole, in_turns(one, folder=tmp_path / "alone"), strict=True):
        assert "resumed_after_epoch" not in found.provenance, "it stopped within the first epoch"
        assert_close(wanted, found)


def test_members_that_end_leave_the_others_as_they_are(parts: str):
    recipe = WRITTEN["training"] | {"epochs": 6, "early_stopping": {"patience": 1}}
    one = cohort({"module": f"{parts}:residual"}, training=recipe, repeats=3)
    together, alone = {r.seed: r for r in train(one)}, in_turns(one)
    assert len({r.metrics["epochs"] for r in alone}) > 1, "all end together: no member leaves"
    for record in alone:
        assert together[record.seed].metrics["epochs"] == record.metrics["epochs"]
        assert abs(together[record.seed].metrics["test_loss"] - record.metrics["test_loss"]) < 0.02


@pytest.mark.parametrize("name", ["Branching", "Noisy", "Replacing"])
def test_what_cannot_be_mapped_takes_turns(parts: str, name: str, tmp_path: Path):
    code = NOT_TO_BE_MAPPED.replace("own_parts_base", parts)
    (tmp_path / f"{parts}_m.py").write_text(code, encoding="utf-8")
    one = cohort({"module": f"{parts}_m:{name}"}, training={"epochs": 1, "batch_size": 64})
    before = torch.get_rng_state()
    assert not stackable_own(one.members[0].network)  # type: ignore[arg-type]
    assert torch.equal(torch.get_rng_state(), before)
    if name == "Branching":
        together, alone = train(one), in_turns(one)
        assert {r.provenance["program"] for r in together} == {"PyTorch"}
        for record, wanted in zip(together, alone, strict=True):
            assert_same(record, wanted)


def test_the_number_that_is_compared_lies_where_the_outputs_do():
    out = torch.zeros(2, 3, device="meta")
    assert _sum({"class": out}).device.type == "meta"
