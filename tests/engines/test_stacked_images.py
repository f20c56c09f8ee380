"""Narrow networks with convolutions as a stack: the numbers of members that take turns."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from assay.core.records import Record
from assay.core.store_format import encode_arrays
from assay.data import load
from assay.engines.compiled import choice
from assay.engines.engine import Cohort, Member, Resources
from assay.engines.torch_engine import stacking
from assay.engines.torch_engine.device import place
from assay.engines.torch_engine.engine import TorchEngine
from assay.engines.torch_engine.module import ModuleProgram
from assay.engines.torch_engine.program import StackedProgram
from assay.engines.torch_engine.stacked_images import stackable_images
from assay.networks.network import initial_weights
from assay.studies.plan import cohorts, make_plan
from assay.studies.study import parse_study
from assay.tasks.task import TASKS

CONV = {"conv2d": {"filters": 4, "kernel_size": 3}}
RELU, TANH, ELU, GELU = ({"activation": name} for name in ("relu", "tanh", "elu", "gelu"))
NETWORKS: dict[str, list[Any]] = {
    "pooled": [CONV, RELU, {"max_pool2d": 2}, "flatten", {"dense": 5}, TANH],
    "strided": [{"conv2d": {"filters": 3, "kernel_size": 4, "strides": 2}}, ELU, "flatten"],
    "valid": [{"conv2d": {"filters": 3, "kernel_size": 3, "padding": "valid"}}, GELU, CONV,
              "global_average_pool"],
    "normed": [{"conv2d": {"filters": 4, "kernel_size": 3, "use_bias": False}}, "batch_norm",
               RELU, {"dropout": 0.3}, {"max_pool2d": {"pool_size": 3, "strides": 2}}, "flatten"],
}  # fmt: skip


def members(layers: list[Any], *, count: int = 3, **training: Any) -> tuple[Member, ...]:
    study = {
        "study": "narrow",
        "dataset": {"name": "digits", "train": 96, "validation": 32, "test": 32},
        "network": {"layers": layers},
        "training": {"epochs": 2, "batch_size": 16, "optimizer": "adam", **training},
        "repeats": count,
        "precision": "float64",
    }
    (cohort,) = cohorts(make_plan(parse_study(study)).configs())
    return cohort.members


@pytest.mark.parametrize("layers", NETWORKS.values(), ids=NETWORKS)
@pytest.mark.parametrize("optimizer", ["adam", "muon"])
def test_a_stack_computes_what_its_members_compute_in_turns(layers: list[Any], optimizer: str):
    stack = members(layers, optimizer=optimizer, learning_rate=0.01)
    assert stackable_images(stack[0].network)
    where = place(Resources("cpu", "float64", 1), "float64")
    weights = [initial_weights(m.network, m.seed) for m in stack]
    together = StackedProgram(stack, weights, where, TASKS["classify"])
    turns = [
        ModuleProgram([m], [w], where, TASKS["classify"])
        for m, w in zip(stack, weights, strict=True)
    ]
    random = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for _ in range(4):
            images = torch.rand(3, 16, 8, 8, 1, dtype=torch.float64, generator=random)
            targets = torch.randint(0, 10, (3, 16), generator=random)
            losses, _ = together.step(images, targets, 1.0)
            alone = [
                t.step(images[k : k + 1], targets[k : k + 1], 1.0)[0] for k, t in enumerate(turns)
            ]
            np.testing.assert_allclose(losses, torch.cat(alone), rtol=1e-9)
        together.keep([0, 2])
        shown = images[:1]
        for k, turn in enumerate((turns[0], turns[2])):
            for name, one in turn.weights(0).items():
                np.testing.assert_allclose(together.weights(k)[name], one, rtol=1e-6, atol=1e-8)
            theirs = turn.outputs(shown)
            for name, out in together.outputs(shown).items():
                np.testing.assert_allclose(out[k], theirs[name][0], rtol=1e-9, atol=1e-12)


def test_weights_and_state_go_in_as_they_come_out():
    stack = members(NETWORKS["pooled"])
    where = place(Resources("cpu", "float64", 1), "float64")
    weights = [initial_weights(m.network, m.seed) for m in stack]
    one, other = (StackedProgram(stack, weights, where, TASKS["classify"]) for _ in range(2))
    images, targets = torch.rand(3, 16, 8, 8, 1, dtype=torch.float64), torch.zeros(3, 16).long()
    with torch.no_grad():
        one.step(images, targets, 1.0)
        for k in range(3):
            other.load(k, one.state(k))
        losses = [program.step(images, targets, 1.0)[0] for program in (one, other)]
        np.testing.assert_array_equal(*losses)
        other.restore(1, weights[1])
    for name, given in weights[1].items():
        np.testing.assert_allclose(other.weights(1)[name], given, rtol=1e-6)


@pytest.mark.parametrize("faster", ["PyTorch, stacked", "PyTorch, in turns"])
def test_the_way_that_was_measured_to_be_faster_trains(faster: str, monkeypatch, tmp_path):
    """Records are those of the other way, within rounding."""
    from assay.data import load

    monkeypatch.setenv("ASSAY_PROGRAM", "")
    monkeypatch.setattr(choice, "_file", lambda: tmp_path / "programs.json")
    rates = {"PyTorch, stacked": 1.0, "PyTorch, in turns": 1.0, faster: 2.0}
    monkeypatch.setattr(choice, "_found", {})
    monkeypatch.setattr(stacking, "_measured", lambda member, where, ways: rates)
    stack = members(NETWORKS["pooled"])
    (cohort,) = cohorts([m.config for m in stack])
    engine, resources = TorchEngine(), Resources("cpu", threads=1)
    assert engine.limit(cohort, resources) == (5 if faster == "PyTorch, stacked" else 1)
    data = load(stack[0].config["dataset"])
    records = list(engine.train(cohort, data, resources, lambda p: None))
    expected = "PyTorch, stacked" if faster == "PyTorch, stacked" else "PyTorch"
    assert {r.provenance["program"] for r in records} == {expected}
    monkeypatch.setenv("ASSAY_PROGRAM", "pytorch")
    for record, again in zip(
        records, engine.train(cohort, data, resources, lambda p: None), strict=True
    ):
        assert again.provenance["program"] == "PyTorch"
        np.testing.assert_allclose(record.curves["loss"], again.curves["loss"], rtol=1e-9)
        assert record.metrics["val_accuracy"] == again.metrics["val_accuracy"]


@pytest.mark.parametrize(("faster", "threads"), [("one thread", 1), ("all threads", 2)])
def test_one_network_trains_on_as_many_threads_as_were_measured_to_be_faster(
    faster: str, threads: int, monkeypatch, tmp_path
):
    from assay.data import load

    monkeypatch.setenv("ASSAY_PROGRAM", "")
    monkeypatch.setattr(choice, "_file", lambda: tmp_path / "programs.json")
    monkeypatch.setattr(choice, "_found", {})
    measured: list[int] = []

    def by_threads(member, where):
        measured.append(torch.get_num_threads())
        return 2.0 if (faster == "one thread") == (measured[-1] == 1) else 1.0

    monkeypatch.setattr(stacking, "_in_turns", by_threads)
    (one,) = members(NETWORKS["pooled"], count=1, epochs=1, batch_size=96)
    (cohort,) = cohorts([one.config])
    before = torch.get_num_threads()
    for _ in range(2):  # the second time it is remembered
        (record,) = TorchEngine().train(
            cohort, load(one.config["dataset"]), Resources("cpu", threads=2), lambda p: None
        )
        assert record.provenance["threads"] == threads
    assert measured == [1, 2]
    assert torch.get_num_threads() == before
    asked = place(Resources("cpu", threads=1), "float32")
    assert stacking.threads_alone(one, asked, 1) == 1  # nothing to choose
    assert measured == [1, 2]


@pytest.mark.parametrize(("share", "kept"), [(0.0, True), (0.5, False)])
def test_what_is_measured_while_others_have_the_core_is_not_kept(
    share: float, kept: bool, monkeypatch, tmp_path
):
    clock = iter([0.0, 0.01, 0.0, 0.01])
    monkeypatch.setattr(choice, "_found", {})
    monkeypatch.setattr(choice, "_file", lambda: tmp_path / "programs.json")
    monkeypatch.setattr(choice, "waited", lambda: share * next(clock) * 1000)
    assert choice.remembered("some networks", lambda: {"a program": 1.0}) == {"a program": 1.0}
    assert choice.remembered("some networks", lambda: {"a program": 2.0}) == {"a program": 1.0}
    monkeypatch.setattr(choice, "_found", {})
    again = choice.remembered("some networks", lambda: {"a program": 2.0})
    assert again == {"a program": 1.0 if kept else 2.0}


def test_wide_networks_take_turns_without_being_measured(monkeypatch):
    monkeypatch.setenv("ASSAY_PROGRAM", "")
    monkeypatch.setattr(stacking, "_measured", lambda *a: pytest.fail("it was measured"))
    monkeypatch.setattr(stacking, "_in_turns", lambda *a: pytest.fail("it was measured"))
    wide = [{"conv2d": {"filters": 256, "kernel_size": 7}}, RELU] * 2 + ["flatten"]
    (member, *_) = members(wide)
    where = place(Resources("cpu", threads=1), "float32")
    assert stacking.way_of_images(member, where) == stacking.TURNS
    assert stacking.threads_alone(member, where, 2) == 2


def test_one_of_a_stack_goes_on_alone_from_its_rung(monkeypatch, tmp_path):
    monkeypatch.setenv("ASSAY_PROGRAM", "")
    monkeypatch.setattr(choice, "_file", lambda: tmp_path / "programs.json")
    monkeypatch.setattr(choice, "_found", {})
    seconds = {"PyTorch, stacked": 2.0, "PyTorch, in turns": 1.0, "PyTorch, one thread": 1.0}
    monkeypatch.setattr(stacking, "_measured", lambda member, where, ways: seconds)
    folder = tmp_path / "checkpoints"
    folder.mkdir()
    layers = NETWORKS["pooled"]

    def train(some: tuple[Member, ...], kept: Path | None) -> list[Record]:
        data = load(some[0].config["dataset"])
        resources = Resources("cpu", threads=1, checkpoints=kept)
        return list(TorchEngine().train(Cohort(some), data, resources, lambda p: None))

    whole = {record.seed: record for record in train(members(layers), None)}
    for record in train(members(layers, stop_after=1), folder):
        assert record.provenance["program"] == "PyTorch, stacked"
        content = encode_arrays(record.state, "state")
        (folder / f"{record.run_id}.safetensors").write_bytes(content)
    (last,) = train(members(layers)[1:2], folder)
    assert last.provenance["program"] == "PyTorch, stacked"
    assert last.provenance["resumed_after_epoch"] == 1
    np.testing.assert_allclose(last.curves["loss"], whole[last.seed].curves["loss"], rtol=1e-6)
    (new,) = train(members(layers)[:1], None)
    assert new.provenance["program"] == "PyTorch"
