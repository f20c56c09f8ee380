"""What Lion and Muon promise, and what the contract of an optimizer does with others."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.core.errors import ConfigError, EngineError
from assay.data import load
from assay.engines.engine import ENGINES, Cohort, Resources
from assay.engines.numpy_engine.optimizers import ArraySlot
from assay.engines.optimizers import Optimizer
from assay.engines.optimizers.muon import orthogonalised
from assay.engines.optimizers.optimizer import OPTIMIZERS, checked
from assay.engines.torch_engine.device import place
from assay.engines.torch_engine.module import ModuleProgram
from assay.engines.torch_engine.optimizers import Slot, update
from assay.engines.torch_engine.slots import EagerSlot
from assay.networks.network import hidden_kernels, initial_weights, output_layers
from assay.studies.plan import cohorts, make_plan
from assay.studies.study import parse_study
from assay.tasks.task import TASKS

SIDES = st.integers(1, 12)
SEEDS = st.integers(0, 2**16)


def matrix(rows: int, columns: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(rows, columns))


@settings(max_examples=50, deadline=None)
@given(SIDES, SIDES, SEEDS, st.floats(1e-3, 1e3))
def test_newton_schulz_makes_singular_values_about_one(rows, columns, seed, scale):
    u, _, vt = np.linalg.svd(matrix(rows, columns, seed), full_matrices=False)
    values = np.linspace(1, 0.05, min(rows, columns))
    found = orthogonalised(u * (scale * values) @ vt, 5)
    measured = np.linalg.svd(found, compute_uv=False)
    assert 0.65 < measured.min() <= measured.max() < 1.25
    tilted = u.T @ found @ vt.T  # the singular vectors are as they were
    np.testing.assert_allclose(tilted, np.diag(np.diag(tilted)), atol=1e-6)


@settings(max_examples=20, deadline=None)
@given(SIDES, SIDES, SEEDS, st.integers(0, 3))
def test_newton_schulz_of_a_stack_with_room_is_that_of_each_matrix(rows, columns, seed, room):
    one = matrix(rows, columns, seed)
    wide = np.pad(one, ((0, room), (0, room)))
    stack = orthogonalised(torch.tensor(np.stack([wide, 2 * wide])), 5).numpy()
    for found in stack:
        np.testing.assert_allclose(found[:rows, :columns], orthogonalised(one, 5), atol=1e-6)
        assert not found[rows:].any()
        assert not found[:, columns:].any()


@settings(max_examples=20, deadline=None)
@given(st.floats(1e-4, 1.0), SEEDS)
def test_lion_moves_every_number_by_the_learning_rate(rate, seed):
    slot = ArraySlot(matrix(4, 5, seed), Optimizer.parse("lion"), rate, None)
    for _ in range(3):
        before = slot.weight.copy()
        slot.step(matrix(4, 5, seed + 1), 1.0)
        np.testing.assert_allclose(np.abs(slot.weight - before), rate, rtol=1e-6)


def _steps(
    named: str | dict, shape: tuple[int, ...], hidden: tuple[int, int] | None, size: float = 1.0
):
    """A weight, which is `size` times as large at the start, after three steps."""
    optimizer, rng = Optimizer.parse(named), np.random.default_rng(0)
    numbers = {**optimizer.numbers(hidden), "learning_rate": 0.1}
    slot = Slot(torch.tensor(size * rng.normal(size=shape)), numbers)
    for _ in range(3):
        update(type(optimizer), [slot], [torch.tensor(rng.normal(size=shape))], 1.0)
    return slot.weight.numpy()


@pytest.mark.parametrize("shape", [(7,), (4, 3)])
def test_muon_is_adamw_for_all_but_hidden_kernels(shape):
    assert np.array_equal(_steps("muon", shape, None), _steps("adamw", shape, None))
    if len(shape) == 2:
        assert not np.allclose(_steps("muon", shape, shape), _steps("adamw", shape, None))


def test_muon_moves_a_convolution_as_a_matrix():
    shape, flat = (6, 2, 3, 3), (6, 18)
    found = _steps("muon", shape, flat)
    np.testing.assert_allclose(found.reshape(flat), _steps("muon", flat, flat), rtol=1e-12)


def test_an_update_of_muon_has_the_size_of_its_rate():
    """About `rms_rate` of the learning rate, whatever the shape and the gradient are."""
    for shape in ((40, 40), (20, 80), (80, 20)):
        slot = Slot(torch.zeros(shape), Optimizer.parse("muon").numbers(shape))
        slot.numbers |= {"learning_rate": 0.1, "weight_decay": 0.0}
        update(OPTIMIZERS["muon"], [slot], [torch.tensor(matrix(*shape, 1)).float() * 1e4], 1.0)
        assert float(slot.weight.square().mean().sqrt()) == pytest.approx(0.02, rel=0.25)


@pytest.mark.parametrize("shape", [(40, 40), (80, 20)])
def test_a_relative_rate_is_the_size_of_an_update_in_that_of_its_kernel(shape):
    """Whatever the norm of the kernel was."""
    relative = {"name": "muon", "relative_rate": 0.5}
    rows, columns = shape
    weight = torch.tensor(matrix(rows, columns, 0))
    slot = Slot(weight.clone(), Optimizer.parse(relative).numbers(shape) | {"learning_rate": 0.2})
    update(OPTIMIZERS["muon"], [slot], [torch.tensor(matrix(rows, columns, 1))], 1.0)
    start = weight * columns**0.5 / weight.norm()
    assert float((slot.weight - start).norm() / start.norm()) == pytest.approx(0.1, rel=0.25)
    sized = [_steps(relative, shape, shape, size) for size in (1.0, 1000.0)]
    np.testing.assert_allclose(*sized, rtol=1e-9)
    nothing = _steps(relative, shape, shape, 0.0)  # a kernel of zeros has no norm to keep
    assert np.isfinite(nothing).all()


@pytest.mark.parametrize("named", ["muon", {"name": "muon", "relative_rate": 0.5}])
def test_a_stack_of_muon_is_its_members(named):
    optimizer, rng = Optimizer.parse(named), np.random.default_rng(0)
    each = [optimizer.numbers((6, 4)) | {"learning_rate": rate, "l2": 0.01} for rate in (0.1, 0.02)]
    start = torch.tensor(rng.normal(size=(2, 6, 4)))
    together = EagerSlot(start.clone(), None, type(optimizer), each)
    alone = [Slot(w.clone(), n) for w, n in zip(start, each, strict=True)]
    for _ in range(3):
        gradient = torch.tensor(rng.normal(size=start.shape))
        together.update(gradient.clone(), 0.9)
        for slot, own in zip(alone, gradient, strict=True):
            update(type(optimizer), [slot], [own], 0.9)
    found = torch.stack([slot.weight for slot in alone])
    torch.testing.assert_close(together._slot.weight, found, rtol=1e-9, atol=1e-12)
    assert set(together.memory(0)) == {"momentum"}


def test_which_layers_are_hidden(member):
    network = member({"family": "cnn", "filters": [4, 6], "dense": [5]}).network
    assert output_layers(network) == ["head.class.0"]
    hidden = hidden_kernels(network)
    assert [len(shape) for shape in hidden.values()] == [4, 4, 2]
    assert not any(name.startswith("head.") for name in hidden)


@pytest.mark.parametrize("name", ["lion", "muon"])
def test_a_convolutional_network_learns(name, member, train):
    one = member(
        {"family": "cnn", "filters": [6], "dense": [8]},
        optimizer=Optimizer.parse(name),
        learning_rate={"lion": 0.003, "muon": 0.02}[name],
        epochs=8,
    )
    (record,) = train(one)
    assert record.metrics["test_accuracy"] > 0.6


def test_hidden_kernels_are_those_that_muon_moves(member, corners):
    """Their updates are orthogonal, and those of the output layer are Adam's."""
    one = member({"family": "mlp", "hidden": [6]}, optimizer=Optimizer.parse("muon"))
    exact = place(Resources(device="cpu", precision="float64", threads=1))
    program = ModuleProgram([one], [initial_weights(one.network, 0)], exact, TASKS["classify"])
    scales = {tuple(s.weight.shape): s.numbers["scale"] for s in program._slots}
    assert scales == {(64, 6): pytest.approx(0.2 * 8), (6,): 0, (6, 4): 0, (4,): 0}


def test_what_is_no_optimizer_is_refused():
    @dataclass(frozen=True)
    class Empty(Optimizer):
        """No step at all."""

    class Undecided(Optimizer):
        decay: float = 0.5

    with pytest.raises(ConfigError, match="expected a subclass of Optimizer, got 3"):
        checked("three", 3)
    with pytest.raises(ConfigError, match=r"decay is not a setting yet; write @dataclass"):
        checked("undecided", Undecided)
    assert checked("empty", Empty).kind == "empty"
    with pytest.raises(ConfigError, match="unknown optimizer 'lio'; did you mean 'lion'"):
        Optimizer.parse("lio")
    with pytest.raises(ConfigError, match="unknown setting of optimizer lion 'beta_3'; did you"):
        Optimizer.parse({"name": "lion", "beta_3": 1})


class Rebinding(Optimizer):
    """Replaces the weight, which nothing sees."""

    @staticmethod
    def torch_step(slot, gradient, rate):
        slot.weight = slot.weight - rate * gradient

    numpy_step = torch_step


def test_a_step_that_replaces_the_weight_is_refused():
    numbers = {"learning_rate": 0.1}
    slots = [Slot(torch.ones(3), dict(numbers))]
    with pytest.raises(EngineError, match=r"must change slot\.weight in place"):
        update(Rebinding, slots, [torch.ones(3)], 1.0)
    stack = EagerSlot(torch.ones(2, 3), None, Rebinding, [numbers, numbers])
    with pytest.raises(EngineError, match=r"must change slot\.weight in place"):
        stack.update(torch.ones(2, 3), 1.0)
    with pytest.raises(EngineError, match=r"must change slot\.weight in place"):
        ArraySlot(np.ones(3), Rebinding(), 0.1, None).step(np.ones(3), 1.0)


@pytest.mark.parametrize("engine", ["torch", "numpy"])
def test_an_engine_without_a_step_says_so(engine, member):
    @dataclass(frozen=True)
    class Empty(Optimizer):
        keras = "Adam"

    one = member({"family": "mlp", "hidden": [4]}, optimizer=Empty())
    with pytest.raises(EngineError, match=f"has no step for the {engine} engine; use engine: ker"):
        ENGINES[engine]().check(Cohort((one,)), Resources(device="cpu"))


@pytest.mark.parametrize("name", ["adam", "rmsprop", "adagrad"])
@pytest.mark.parametrize("program", ["pytorch", "compiled"])
def test_an_epsilon_of_zero_divides_no_padding(monkeypatch, name, program):
    monkeypatch.setenv("ASSAY_PROGRAM", program)
    study = {
        "study": "e",
        "dataset": {"name": "digits", "train": 100, "validation": 40, "test": 40},
        "network": {"family": "mlp", "hidden": [20], "activation": "tanh"},
        "training": {"epochs": 2, "optimizer": {"name": name, "epsilon": 0}},
        "repeats": 2,
        "precision": "float32",
    }
    (cohort,) = cohorts(make_plan(parse_study(study)).configs())
    data = load(cohort.members[0].config["dataset"])
    for engine in ("torch", "numpy"):
        records = ENGINES[engine]().train(cohort, data, Resources("cpu", threads=1), lambda p: None)
        assert {record.status for record in records} == {"finished"}
