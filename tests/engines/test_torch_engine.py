"""What every cohort promises: members as if alone, equal seeds equal results, honest selection."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from assay.core.errors import EngineError
from assay.data.dataset import Split
from assay.engines.contract import ENGINES, Cohort, Resources
from assay.engines.training import Augment, EarlyStopping, Optimizer

MLP = {"family": "mlp", "hidden": [16, 12], "dropout": 0.2}
CNN = {"family": "cnn", "filters": [[8], [8, 8]], "first_kernel_size": 3, "dense": [16]}
NETWORKS = {"mlp": MLP, "cnn": CNN, "mlp, batch norm": {**MLP, "batch_norm": True}}


@pytest.mark.parametrize("network", NETWORKS.values(), ids=NETWORKS)
def test_a_member_of_a_cohort_is_the_run_alone(network, member, train):
    rates = [0.02, 0.05, 0.1]
    members = [member(network, seed=s, learning_rate=r) for s, r in enumerate(rates)]
    together = train(*members)
    for record, alone in zip(together, [train(m)[0] for m in members], strict=True):
        for name in ("loss", "accuracy", "val_loss"):
            np.testing.assert_allclose(record.curves[name], alone.curves[name], atol=1e-4)


@pytest.mark.parametrize("network", NETWORKS.values(), ids=NETWORKS)
def test_equal_seed_equal_result_other_seed_another(network, member, train):
    first, again, other = (train(member(network, seed=s))[0] for s in (3, 3, 4))
    for name, curve in first.curves.items():
        if name != "seconds":
            assert np.array_equal(curve, again.curves[name])
    assert not np.array_equal(first.curves["loss"], other.curves["loss"])


@pytest.mark.parametrize("precision", ["float32", "bfloat16", "float64"])
def test_it_learns_in_every_precision(precision, member, train):
    for network in (MLP, CNN):
        recipe = {"epochs": 12, "optimizer": Optimizer.parse("adam"), "learning_rate": 0.01}
        (record,) = train(member(network, **recipe), precision=precision)
        assert record.metrics["test_accuracy"] > 0.9
        assert record.provenance["precision"] == precision


def test_nothing_but_the_test_metrics_depends_on_the_test_images(corners, member, train):
    one = member(MLP, early_stopping=EarlyStopping(patience=2), epochs=8)
    swapped = Split(255 - corners.test.images, corners.test.targets[::-1].copy())
    (before,), (after,) = train(one), train(one, dataset=replace(corners, test=swapped))
    assert np.array_equal(before.curves["val_loss"], after.curves["val_loss"])
    assert all(np.array_equal(before.weights[k], after.weights[k]) for k in before.weights)
    assert before.metrics["test_loss"] != after.metrics["test_loss"]


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


def test_early_stopping_restores_the_best_weights(member, train):
    rule = EarlyStopping(patience=3, min_delta=0.01)
    adam = {"optimizer": Optimizer.parse("adam"), "learning_rate": 0.03, "epochs": 40}
    network = {**MLP, "dropout": 0.0}
    free = train(*[member(network, seed=s, **adam) for s in range(3)])
    stopped = train(*[member(network, seed=s, early_stopping=rule, **adam) for s in range(3)])
    assert len({r.metrics["epochs"] for r in stopped}) > 1, "they should end at different times"
    for record, undisturbed in zip(stopped, free, strict=True):
        curve = undisturbed.curves["val_loss"]
        best, last = _keras_early_stopping(curve, rule)
        assert (record.metrics["best_epoch"], record.metrics["epochs"]) == (best, last)
        np.testing.assert_allclose(record.curves["val_loss"], curve[:last], atol=1e-4)
        (at_best,) = train(member(network, seed=record.seed, **{**adam, "epochs": best}))
        np.testing.assert_allclose(
            record.metrics["test_loss"], at_best.metrics["test_loss"], atol=1e-4
        )


def test_a_diverged_member_is_kept_and_harms_nobody(member, train):
    good = member({**MLP, "dropout": 0.0}, seed=0)
    bad = member({**MLP, "dropout": 0.0}, seed=1, learning_rate=1e30)
    fine, lost = train(good, bad)
    assert (fine.status, lost.status) == ("finished", "diverged")
    assert "not finite" in lost.message
    assert "test_accuracy" not in lost.metrics
    assert len(lost.curves["loss"]) < len(fine.curves["loss"])
    np.testing.assert_allclose(fine.curves["loss"], train(good)[0].curves["loss"], atol=1e-4)


def test_steps_and_evaluations_are_counted(member, train):
    (record,) = train(member(MLP, steps=20, evaluate_every=6))
    assert record.curves["step"].tolist() == [6, 12, 18, 20]
    # 310 images in batches of 40: eight updates an epoch, the last one of 30 images
    assert record.curves["epoch"].tolist() == [6 / 8, 12 / 8, 18 / 8, 20 / 8]


@pytest.mark.parametrize("augment", [Augment(shift=1), Augment(flip=True), Augment(crop=1)])
def test_augmentation_changes_training_only(augment, member, train):
    plain, changed, again = (
        train(member({**MLP, "dropout": 0.0}, augment=a))[0] for a in (Augment(), augment, augment)
    )
    assert not np.array_equal(plain.curves["loss"], changed.curves["loss"])
    assert np.array_equal(changed.curves["loss"], again.curves["loss"])


def test_a_device_or_precision_that_is_not_there_is_named(member):
    cohort, engine = Cohort((member(MLP),)), ENGINES["torch"]()
    with pytest.raises(EngineError, match="unknown device 'gpu'"):
        engine.check(cohort, Resources(device="gpu"))
    with pytest.raises(EngineError, match="unknown precision 'float23'; did you mean 'float32'"):
        engine.check(cohort, Resources(device="cpu", precision="float23"))


def test_nothing_is_trained_without_validation_images(corners, member, train):
    nothing = Split(corners.validation.images[:0], corners.validation.targets[:0])
    with pytest.raises(EngineError, match=r"no validation images.*expected dataset.validation > 0"):
        train(member(MLP), dataset=replace(corners, validation=nothing))
