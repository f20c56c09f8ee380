"""What every engine promises: members as if alone, equal seeds equal results, honest selection."""

from __future__ import annotations

from dataclasses import replace
from importlib.util import find_spec

import numpy as np
import pytest

from assay.core.errors import AssayError, EngineError
from assay.core.records import VALIDATION_ONLY
from assay.data.dataset import Dataset, Split
from assay.engines.engine import ENGINES, Cohort, Member, Resources
from assay.engines.optimizers.optimizer import Optimizer
from assay.engines.trained import Trained
from assay.engines.training import Augment, EarlyStopping, Training
from assay.networks.families import build_network

MLP = {"family": "mlp", "hidden": [16, 12], "dropout": 0.2}
CNN = {"family": "cnn", "filters": [[8], [8, 8]], "first_kernel_size": 3, "dense": [16]}
NETWORKS = {"mlp": MLP, "cnn": CNN, "mlp, batch norm": {**MLP, "batch_norm": True}}


COMPILED = "torch, compiled"
"""The default engine's compiled program, which takes part as if it were an engine."""


def _trains(engine, network):
    if engine == COMPILED:
        return find_spec("numba") is not None and network is not CNN
    if engine == "keras":  # seconds for every model: test_keras_parity holds it to torch instead
        return False
    net = build_network(network, (8, 8, 1), {"class": 4})
    cohort = Cohort((Member({}, net, Training(), 0),))
    try:
        ENGINES[engine]().check(cohort, Resources(device="cpu"))
    except AssayError:
        return False
    return True


TRAINERS = (*ENGINES, COMPILED)
PAIRS = {
    f"{e}, {n}": (e, NETWORKS[n]) for e in TRAINERS for n in NETWORKS if _trains(e, NETWORKS[n])
}
each_network = pytest.mark.parametrize(("engine", "network"), PAIRS.values(), ids=PAIRS)
each_engine = pytest.mark.parametrize("engine", [e for e in TRAINERS if _trains(e, MLP)])


@pytest.fixture
def train(train, monkeypatch):
    """The engine first, then as everywhere."""

    def run(engine, *members, **settings):
        name, _, program = engine.partition(", ")
        monkeypatch.setenv("ASSAY_PROGRAM", program or "pytorch")
        return train(*members, engine=name, **settings)

    return run


def test_the_engines_are_found():
    assert {"torch, mlp", "torch, cnn", "torch, mlp, batch norm", "numpy, mlp"} <= set(PAIRS)
    assert "numpy, cnn" not in PAIRS


@each_network
def test_a_member_of_a_cohort_is_the_run_alone(engine, network, member, train):
    rates = [0.02, 0.05, 0.1]
    members = [member(network, seed=s, learning_rate=r) for s, r in enumerate(rates)]
    together = train(engine, *members)
    for record, alone in zip(together, [train(engine, m)[0] for m in members], strict=True):
        for name in ("loss", "accuracy", "val_loss"):
            np.testing.assert_allclose(record.curves[name], alone.curves[name], atol=1e-4)


@each_network
def test_equal_seed_equal_result_other_seed_another(engine, network, member, train):
    first, again, other = (train(engine, member(network, seed=s))[0] for s in (3, 3, 4))
    for name, curve in first.curves.items():
        if name != "seconds":
            assert np.array_equal(curve, again.curves[name])
    assert not np.array_equal(first.curves["loss"], other.curves["loss"])


@each_engine
def test_nothing_but_the_test_metrics_depends_on_the_test_images(engine, corners, member, train):
    one = member(MLP, early_stopping=EarlyStopping(patience=2), epochs=8)
    swapped = Split(255 - corners.test.images, corners.test.targets[::-1].copy())
    (before,), (after,) = (
        train(engine, one),
        train(engine, one, dataset=replace(corners, test=swapped)),
    )
    assert np.array_equal(before.curves["val_loss"], after.curves["val_loss"])
    assert all(np.array_equal(before.weights[k], after.weights[k]) for k in before.weights)
    assert before.metrics["test_loss"] != after.metrics["test_loss"]


@each_engine
def test_a_large_offset_of_float64_images_changes_nothing(engine, corners, member, train):
    """Rounded to float32, these images would be all the same before the mean is taken off."""

    def moved(split):
        return Split(split.images * 1e-3 + 1e9, split.targets)

    far = replace(
        corners,
        **{name: moved(getattr(corners, name)) for name in ("train", "validation", "test")},
        mean=corners.mean * 1e-3 + np.float64(1e9),
        std=corners.std * np.float64(1e-3),
    )
    (here,), (there,) = train(engine, member(MLP)), train(engine, member(MLP), dataset=far)
    for name in ("loss", "val_loss"):
        np.testing.assert_allclose(there.curves[name], here.curves[name], atol=1e-3)
    assert there.metrics["test_loss"] == pytest.approx(here.metrics["test_loss"], abs=1e-3)


class Sealed(Split):
    """A test split that says when it is read."""

    def __init__(self):
        """Nothing is there."""

    def __getattribute__(self, name):
        raise LookupError(f"{name} of the test split was read")


@each_engine
def test_the_test_split_is_out_of_reach_until_the_end(engine, corners, member, train, monkeypatch):
    assert all(part is not corners.test for part in vars(corners.fit_data).values())
    evaluated = []
    add = Trained.add
    monkeypatch.setattr(Trained, "add", lambda self, of: evaluated.append(of) or add(self, of))
    sealed = replace(corners, test=Sealed())
    recipe = {"early_stopping": EarlyStopping(patience=1), "epochs": 2}
    one = member(MLP, **recipe)
    chooses = replace(one, config={**one.config, VALIDATION_ONLY: True})
    (record,) = train(engine, chooses, dataset=sealed)
    assert record.status == "finished"
    assert not [name for name in record.metrics if name.startswith("test")]
    evaluated.clear()
    with pytest.raises(LookupError, match="of the test split was read"):
        train(engine, one, dataset=sealed)
    assert [point["epoch"] for point in evaluated] == [1.0, 2.0]


@each_engine
def test_a_test_curve_is_drawn_and_changes_nothing(engine, member, train):
    stopping = EarlyStopping(patience=2)
    (plain,) = train(engine, member(MLP, early_stopping=stopping, epochs=6))
    (drawn,) = train(engine, member(MLP, early_stopping=stopping, epochs=6, test_curve=True))
    assert len(drawn.curves["test_accuracy"]) == len(drawn.curves["val_loss"])
    assert not set(plain.curves) & {"test_loss", "test_accuracy"}
    assert np.array_equal(plain.curves["val_loss"], drawn.curves["val_loss"])
    assert all(np.array_equal(plain.weights[k], drawn.weights[k]) for k in plain.weights)
    at = int(drawn.metrics["best_epoch"]) - 1
    np.testing.assert_allclose(drawn.curves["test_loss"][at], drawn.metrics["test_loss"], rtol=1e-5)


def _keras_early_stopping(curve, rule):
    """(best evaluation, last evaluation), 1-based, as Keras's callback finds them."""
    best, at, waited = np.inf, 0, 0
    for i, loss in enumerate(curve, 1):
        waited += 1
        if loss < best - rule.min_delta:
            best, at, waited = loss, i, 0
        if waited >= rule.patience:
            return at, i
    raise AssertionError("it never stops")


@each_engine
def test_early_stopping_restores_the_best_weights(engine, member, train):
    rule = EarlyStopping(patience=3, min_delta=0.01)
    adam = {"optimizer": Optimizer.parse("adam"), "learning_rate": 0.03, "epochs": 40}
    network = {**MLP, "dropout": 0.0}
    free = train(engine, *[member(network, seed=s, **adam) for s in range(3)])
    stopped = train(
        engine, *[member(network, seed=s, early_stopping=rule, **adam) for s in range(3)]
    )
    assert len({r.metrics["epochs"] for r in stopped}) > 1, "they should end at different times"
    for record, undisturbed in zip(stopped, free, strict=True):
        curve = undisturbed.curves["val_loss"]
        best, last = _keras_early_stopping(curve, rule)
        assert (record.metrics["best_epoch"], record.metrics["epochs"]) == (best, last)
        np.testing.assert_allclose(record.curves["val_loss"], curve[:last], atol=1e-4)
        (at_best,) = train(engine, member(network, seed=record.seed, **{**adam, "epochs": best}))
        np.testing.assert_allclose(
            record.metrics["test_loss"], at_best.metrics["test_loss"], atol=1e-4
        )


@each_engine
def test_a_diverged_member_is_kept_and_harms_nobody(engine, member, train):
    good = member({**MLP, "dropout": 0.0}, seed=0)
    bad = member({**MLP, "dropout": 0.0}, seed=1, learning_rate=1e30)
    fine, lost = train(engine, good, bad)
    assert (fine.status, lost.status) == ("finished", "diverged")
    assert "not finite" in lost.message
    assert "test_accuracy" not in lost.metrics
    assert len(lost.curves["loss"]) < len(fine.curves["loss"])
    np.testing.assert_allclose(
        fine.curves["loss"], train(engine, good)[0].curves["loss"], atol=1e-4
    )


@each_engine
def test_steps_and_evaluations_are_counted(engine, member, train):
    (record,) = train(engine, member(MLP, steps=20, evaluate_every=6))
    assert record.curves["step"].tolist() == [6, 12, 18, 20]
    # 310 images in batches of 40: eight updates an epoch, the last one of 30 images
    assert record.curves["epoch"].tolist() == [6 / 8, 12 / 8, 18 / 8, 20 / 8]


@each_engine
def test_a_run_that_only_chooses_never_sees_the_test_part(engine, corners, member, train):
    class Closed:
        def __getattr__(self, name):
            raise AssertionError(f"the test part was asked for its {name}")

    values = {name: getattr(corners, name) for name in vars(corners)}
    closed = Dataset(**{**values, "test": Closed()})
    one = member(MLP, test_curve=True)
    with pytest.raises(AssertionError, match="the test part"):
        train(engine, one, dataset=closed)
    choosing = replace(one, config={**one.config, "validation_only": True})
    (record,) = train(engine, choosing, dataset=closed)
    assert len(record.curves["val_loss"]) == 3
    assert not any(name.startswith("test_") for name in [*record.curves, *record.metrics])


@each_engine
def test_a_run_bears_the_name_that_it_was_planned_with(engine, member, train):
    planned = member(MLP, epochs=1)
    names = planned.run_id, planned.trial_id
    planned.config["network"] = "read otherwise in a worker"
    (record,) = train(engine, planned)
    assert (record.run_id, record.trial_id) == names


@each_engine
@pytest.mark.parametrize("augment", [Augment(shift=1), Augment(flip=True), Augment(crop=1)])
def test_augmentation_changes_training_only(engine, augment, member, train):
    plain, changed, again = (
        train(engine, member({**MLP, "dropout": 0.0}, augment=a))[0]
        for a in (Augment(), augment, augment)
    )
    assert not np.array_equal(plain.curves["loss"], changed.curves["loss"])
    assert np.array_equal(changed.curves["loss"], again.curves["loss"])


@each_engine
def test_nothing_is_trained_without_validation_images(engine, corners, member, train):
    nothing = Split(corners.validation.images[:0], corners.validation.targets[:0])
    with pytest.raises(EngineError, match=r"no validation images.*expected dataset.validation > 0"):
        train(engine, member(MLP), dataset=replace(corners, validation=nothing))


@each_engine
def test_a_device_or_precision_that_is_not_there_is_named(engine, member):
    cohort, made = Cohort((member(MLP),)), ENGINES[engine.partition(",")[0]]()
    with pytest.raises(EngineError, match="unknown device 'gpu'"):
        made.check(cohort, Resources(device="gpu"))
    with pytest.raises(EngineError, match="unknown precision 'float23'; did you mean 'float32'"):
        made.check(cohort, Resources(device="cpu", precision="float23"))
