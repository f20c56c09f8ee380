"""Updates in a CUDA graph do what they do one by one. Here is no CUDA: what a graph would launch is
recorded, operation by operation, and done again on the memory that was seen then."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten

from assay.engines.optimizers.optimizer import OPTIMIZERS, Optimizer
from assay.engines.schedules import Cosine
from assay.engines.torch_engine import engine, graphs
from assay.engines.torch_engine.device import DevicePlace
from assay.engines.torch_engine.graphs import GraphedTrainer, cuda_graph
from assay.engines.torch_engine.program import StackedProgram
from assay.engines.torch_engine.trainer import DeviceDataset
from assay.engines.training import EarlyStopping
from assay.networks.network import initial_weights
from assay.tasks.task import TASKS

NETWORK = {"family": "mlp", "hidden": [12, 8], "dropout": 0.3}
EXACT = DevicePlace(torch.device("cpu"), torch.float64)


class Tape(TorchDispatchMode):
    """Notes every operation; afterwards the tensors are as before."""

    def __init__(self) -> None:
        super().__init__()
        self.notes: list[tuple[Any, Any, Any, Any]] = []
        self.before: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if func is torch.ops.aten._local_scalar_dense.default:
            raise RuntimeError("this would wait for the device")
        for argument, given in zip(func._schema.arguments, args, strict=False):
            written = argument.alias_info is not None and argument.alias_info.is_write
            if written and given.untyped_storage().data_ptr() not in self.before:
                self.before[given.untyped_storage().data_ptr()] = given, given.clone()
        out = func(*args, **kwargs)
        self.notes.append((func, args, kwargs, out))
        return out

    def replay(self) -> None:
        for func, args, kwargs, out in self.notes:
            again = func(*args, **kwargs)
            if func._schema.is_mutable or any(r.alias_info for r in func._schema.returns):
                continue
            for old, new in zip(tree_flatten(out)[0], tree_flatten(again)[0], strict=True):
                old.copy_(new)


@pytest.fixture
def graphed(train, monkeypatch):
    """Train members in graphs; returns their records and how many graphs were replayed."""

    def recorded(run):
        with Tape() as tape:
            run()
        for tensor, was in tape.before.values():
            tensor.copy_(was)
        replays.append(0)

        def replay():
            replays[-1] += 1
            with torch.no_grad():
                tape.replay()

        return replay

    replays: list[int] = []

    def run(*members, **settings):
        monkeypatch.setattr(engine, "graphs_pay", lambda *_: True)
        monkeypatch.setattr(graphs, "cuda_graph", recorded)
        records = train(*members, **settings)
        monkeypatch.undo()
        return records, replays

    return run


def same(ours, theirs, atol):
    for one, other in zip(ours, theirs, strict=True):
        assert one.metrics.keys() == other.metrics.keys()
        for name in ("loss", "val_loss"):
            np.testing.assert_allclose(one.curves[name], other.curves[name], atol=atol)
        for name, weight in other.weights.items():
            np.testing.assert_allclose(one.weights[name], weight, atol=10 * atol, err_msg=name)


@pytest.mark.parametrize("optimizer", list(OPTIMIZERS))
def test_graphs_equal_single_updates_for_100_updates(optimizer, member, train, graphed):
    """With dropout, rates that change, and a last batch that is shorter in every epoch."""
    rule = Optimizer.parse(optimizer)
    settings = {"optimizer": rule, "batch_size": 9, "epochs": 3, "schedule": Cosine(warmup=0.2)}
    rates = (0.01, 0.02)
    members = [member(NETWORK, seed=s, learning_rate=r, **settings) for s, r in enumerate(rates)]
    ours, replays = graphed(*members, precision="float64")
    assert len(replays) == 1
    assert replays[0] == 5  # of 16 updates each, of 105 in all
    same(ours, train(*members, precision="float64"), 1e-8)


def test_members_that_leave_and_networks_with_batch_norm(member, train, graphed):
    network = {**NETWORK, "batch_norm": True, "activation": "sigmoid"}
    stop = EarlyStopping(patience=1, min_delta=0.03)
    members = [
        member(network, seed=s, batch_size=9, epochs=12, early_stopping=stop, learning_rate=0.3)
        for s in range(4)
    ]
    ours, replays = graphed(*members, precision="float64")
    theirs = train(*members, precision="float64")
    assert len({len(r.curves["loss"]) for r in theirs}) > 1  # they end at different times
    assert len(replays) > 1
    same(ours, theirs, 1e-8)


def test_what_cannot_be_captured_trains_update_by_update(member, train, monkeypatch):
    members = [member(NETWORK, seed=s, batch_size=9, epochs=2) for s in range(2)]
    theirs = train(*members)

    def refused(run):
        run()
        raise RuntimeError("operation not permitted when stream is capturing")

    monkeypatch.setattr(engine, "graphs_pay", lambda *_: True)
    monkeypatch.setattr(graphs, "cuda_graph", lambda run: refused(lambda: None))
    same(train(*members), theirs, 0)


def test_a_run_that_resumes_makes_its_first_updates_without_a_graph(member, corners, monkeypatch):
    """They copy places of dropout's bits from the host, which a graph cannot."""
    captured: list[int] = []
    monkeypatch.setattr(graphs, "cuda_graph", lambda run: lambda: captured.append(1))
    one, task = member(NETWORK, batch_size=9), TASKS["classify"]
    data = DeviceDataset(corners.fit_data, corners.read_test, task, EXACT)
    weights, order = [initial_weights(one.network, one.seed)], np.arange(310)[None]

    def trainer():
        program = StackedProgram([one], weights, EXACT, task, direct=True)
        made = GraphedTrainer(program, data, task, 100, 3)
        made.start_epoch(order, 0)
        return made

    first, second = trainer(), trainer()
    first.steps(0, 144, [1.0] * 16)
    second.load(0, first.state(0))
    second.steps(144, 288, [1.0] * 16)
    assert not captured
    second.steps(0, 144, [1.0] * 16)
    assert captured


def test_without_cuda_nothing_is_captured():
    with pytest.raises((RuntimeError, AssertionError)):
        cuda_graph(lambda: None)
    assert issubclass(GraphedTrainer, engine.TorchTrainer)


SGDS = {
    "plain": {"name": "sgd"},
    "momentum": {"name": "sgd", "momentum": 0.9},
    "nesterov": {"name": "sgd", "momentum": 0.9, "nesterov": True},
}


@pytest.mark.parametrize("optimizer", SGDS.values(), ids=SGDS)
def test_products_that_are_added_in_place_are_the_gradients(optimizer, member, corners):
    rule = Optimizer.parse(optimizer)
    pair = [member(NETWORK, seed=s, optimizer=rule, learning_rate=0.1 + s / 10) for s in range(2)]
    weights = [initial_weights(m.network, m.seed) for m in pair]
    direct, plain = (
        StackedProgram(pair, weights, EXACT, TASKS["classify"], direct) for direct in (True, False)
    )
    assert [block.products for block in direct.blocks].count(True) == 3
    assert not any(block.products for block in plain.blocks)
    rng = np.random.default_rng(0)
    for _ in range(5):
        images = torch.from_numpy(rng.normal(size=(2, 7, 8, 8, 1)))
        targets = torch.from_numpy(rng.integers(0, 4, (2, 7)))
        with torch.no_grad():
            for program in (direct, plain):
                program.step(images, targets, 0.5)
    for k in range(2):
        for name, weight in plain.weights(k).items():
            np.testing.assert_allclose(direct.weights(k)[name], weight, atol=1e-6, err_msg=name)


@pytest.mark.parametrize(
    "rule", [*SGDS.values(), {"name": "adam"}], ids=[*SGDS, "without products in place"]
)
@pytest.mark.parametrize("precision", ["float64", "bfloat16"])
def test_members_of_one_seed_share_their_batches(rule, precision, member, train, monkeypatch):
    """Until some end early and the groups are uneven; the first layer has several widths."""
    stop = EarlyStopping(patience=1, min_delta=0.05)
    members = [
        member(
            {**NETWORK, "hidden": [hidden, 8]},
            seed=seed,
            optimizer=Optimizer.parse(rule),
            learning_rate=rate,
            batch_size=9,
            epochs=6,
            early_stopping=stop,
        )
        for seed in (3, 1)
        for hidden, rate in ((12, 0.01), (10, 0.02), (12, 0.05))
    ]
    theirs = train(*members, precision=precision)
    seen: list[tuple[int, int]] = []

    class Shared(StackedProgram):
        def __init__(self, *given):
            super().__init__(*given, direct=True)

        def step(self, images, targets, factor):
            seen.append((len(images), len(targets)))
            return super().step(images, targets, factor)

    monkeypatch.setattr(engine, "StackedProgram", Shared)
    ours = train(*members, precision=precision)
    assert seen[0] == (2, 6)
    if precision == "float64":
        same(ours, theirs, 1e-8)
    for one, other in zip(ours, theirs, strict=True):  # later, rounding has grown
        np.testing.assert_allclose(one.curves["loss"][0], other.curves["loss"][0], atol=0.01)


def test_penalties_need_the_gradient_itself(member):
    network = {**NETWORK, "kernel_regularizer": {"l2": 0.01}}
    one = member(network)
    weights = [initial_weights(one.network, one.seed)]
    program = StackedProgram([one], weights, EXACT, TASKS["classify"], direct=True)
    assert not any(block.products for block in program.blocks)


def test_a_network_without_hidden_layers_shares_nothing(member):
    """Its only dense layer is that of the head."""
    pair = [member({"family": "layers", "layers": ["flatten"]}, learning_rate=r) for r in (0.1, 1)]
    weights = [initial_weights(m.network, m.seed) for m in pair]
    direct, plain = (
        StackedProgram(pair, weights, EXACT, TASKS["classify"], direct) for direct in (True, False)
    )
    assert direct.groups == 2
    images = torch.rand(2, 7, 8, 8, 1, dtype=torch.float64)
    with torch.no_grad():
        for program in (direct, plain):
            program.step(images, torch.zeros(2, 7, dtype=torch.int64), 1.0)
    for k in range(2):
        for name, weight in plain.weights(k).items():
            np.testing.assert_allclose(direct.weights(k)[name], weight, atol=1e-6, err_msg=name)
