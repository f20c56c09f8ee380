"""Networks side by side train as alone, and how they train on a GPU is a matter of measurement.

Without a GPU the networks take turns within each step; on one, each has its own stream.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch

from assay.engines.torch_engine import engine, stacking
from assay.engines.torch_engine.device import DevicePlace
from assay.engines.torch_engine.side_by_side import SideBySideProgram
from assay.engines.training import EarlyStopping
from assay.networks.network import initial_weights
from assay.tasks.task import TASKS

NETWORK = {
    "family": "cnn",
    "filters": [[4], [6]],
    "first_kernel_size": 3,
    "batch_norm": True,
    "dense": [8],
    "dropout": 0.3,
}
EXACT = DevicePlace(torch.device("cpu"), torch.float64)


def test_networks_side_by_side_train_as_alone(member, train, monkeypatch):
    """With an average of the weights, dropout, and members that end at different times."""
    stop = EarlyStopping(patience=1, min_delta=0.03)
    members = [
        member(
            {**NETWORK, "dropout": 0.1 * s},
            seed=s,
            batch_size=9,
            epochs=8,
            ema=0.9 * (s == 1),
            early_stopping=stop,
            learning_rate=0.02 * 3**s,
        )
        for s in range(3)
    ]
    monkeypatch.setattr(engine, "_way", lambda *_: stacking.TURNS)
    alone = train(*members, precision="float64")
    monkeypatch.setattr(engine, "_way", lambda *_: stacking.SIDE_BY_SIDE)
    beside = train(*members, precision="float64")
    assert len({len(r.curves["loss"]) for r in alone}) > 1
    assert {r.provenance["program"] for r in beside} == {"PyTorch, side by side"}
    by_id = {r.run_id: r for r in beside}
    for record in alone:
        other = by_id[record.run_id]
        assert record.metrics["val_loss"] == other.metrics["val_loss"]
        np.testing.assert_array_equal(record.curves["loss"], other.curves["loss"])
        for name, weight in record.weights.items():
            np.testing.assert_array_equal(weight, other.weights[name], err_msg=name)


def test_a_member_goes_on_from_its_state(member):
    pair = [member(NETWORK, seed=s, learning_rate=0.05) for s in range(2)]
    weights = [initial_weights(m.network, m.seed) for m in pair]
    rng = np.random.default_rng(0)
    images = torch.from_numpy(rng.normal(size=(4, 2, 5, 8, 8, 1)))
    targets = torch.from_numpy(rng.integers(0, 4, (4, 2, 5)))

    def steps(program, some):
        with torch.no_grad():
            return [program.step(images[k], targets[k], 1.0)[0] for k in some]

    whole = SideBySideProgram(pair, weights, EXACT, TASKS["classify"])
    steps(whole, (0, 1))
    states = [whole.state(k) for k in range(2)]
    again = SideBySideProgram(pair, weights, EXACT, TASKS["classify"])
    for k, state in enumerate(states):
        again.load(k, state)
    for one, other in zip(steps(whole, (2, 3)), steps(again, (2, 3)), strict=True):
        assert torch.equal(one, other)
    whole.keep([1])
    assert whole.outputs(images[0, :1])["class"].shape == (1, 5, 4)
    for name, weight in again.weights(1).items():
        np.testing.assert_array_equal(whole.weights(0)[name], weight)


@pytest.mark.parametrize("fastest", [stacking.TURNS, stacking.SIDE_BY_SIDE, stacking.STACKED])
def test_a_measurement_chooses_the_way_on_a_gpu(fastest, member, monkeypatch):
    """Here is none, so that the rates are given."""
    asked = []

    def remembered(what, measure):
        asked.append((what, measure()))
        return {fastest: 2.0, stacking.TURNS: 1.0} if fastest != stacking.TURNS else {fastest: 1.0}

    monkeypatch.setenv("ASSAY_PROGRAM", "")
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "a GPU")
    monkeypatch.setattr(stacking, "remembered", remembered)
    monkeypatch.setattr(stacking, "_measured", lambda member, where, ways: dict.fromkeys(ways, 0))
    gpu = DevicePlace(torch.device("cuda"), torch.float32)
    plain = {**NETWORK, "batch_norm": False}
    ways = [stacking.TURNS, stacking.SIDE_BY_SIDE, stacking.STACKED]
    assert stacking.way_of_images(member(plain), gpu) == fastest
    assert list(asked[0][1]) == ways
    assert asked[0][0].endswith("a GPU")
    averaged = stacking.way_of_images(member(plain), gpu, stack=False)
    assert averaged == (fastest if fastest != stacking.STACKED else stacking.TURNS)
    assert list(asked[1][1]) == ways[:2]


def test_nothing_is_measured_on_devices_that_are_not_waited_for(member, monkeypatch):
    monkeypatch.setenv("ASSAY_PROGRAM", "")
    monkeypatch.setattr(stacking, "remembered", lambda what, measure: {stacking.STACKED: 1.0})
    one = member({**NETWORK, "batch_norm": False})
    where = [DevicePlace(torch.device(kind), torch.float32) for kind in ("mps", "cpu")]
    assert stacking.way_of_images(one, where[0]) == stacking.TURNS
    assert stacking.way_of_images(one, where[1]) == stacking.STACKED


def test_ways_that_need_too_much_memory_are_not_chosen(member, monkeypatch):
    def too_large(*given):
        raise torch.OutOfMemoryError("out of memory")

    monkeypatch.setattr(stacking, "StackedProgram", too_large)
    one = member({**NETWORK, "batch_norm": False})
    ways = [stacking.TURNS, stacking.SIDE_BY_SIDE, stacking.STACKED]
    where = DevicePlace(torch.device("cpu"), torch.float32)
    rates = stacking._measured(one, where, ways)
    assert rates[stacking.STACKED] == 0
    assert min(rates[stacking.TURNS], rates[stacking.SIDE_BY_SIDE]) > 0
