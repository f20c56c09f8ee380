"""All kinds of generation, trained for seconds: they learn, repeat themselves, and go on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from assay.core.errors import DataError, EngineError
from assay.engines import loop
from assay.engines.engine import Progress, Stopped
from assay.engines.torch_engine.trainer import DeviceDataset
from assay.subjects.generation.judge import Judge
from assay.subjects.generation.measures import numbers
from assay.subjects.generation.sampler import PictureSampler

STEPS = 40
pytestmark = pytest.mark.usefixtures("few_resamples")


def _same(a: dict[str, np.ndarray], b: dict[str, np.ndarray]) -> bool:
    return a.keys() == b.keys() and all(np.array_equal(a[k], b[k]) for k in a)


@pytest.mark.parametrize("kind", ["gan", "vae", "flow"])
def test_pictures_come_nearer_to_real_ones(train, kind):
    record = train(kind, steps=STEPS, batch_size=16, evaluate_every=10)
    assert record.status == "finished"
    untrained = train(kind, steps=1, batch_size=16)
    other = train(kind, steps=1, batch_size=16, seed=1, only_chooses=True)
    before = untrained.metrics["test_distance"]
    assert record.metrics["test_distance"] < 0.4 * before  # 0.1 to 0.17 of it
    assert record.metrics["test_floor_distance"] < record.metrics["test_distance"]
    _measured(record, kind)
    film = record.predictions["film"]
    assert film.shape == (STEPS // 10, 16, 32, 32, 3)
    assert record.predictions["film_step"][-1] == STEPS
    # the weights alone make the same pictures again, for a seed that stands for the same points
    again = PictureSampler(record, record.weights)
    np.testing.assert_array_equal(again.sample(64, seed=0), record.predictions["samples"])
    np.testing.assert_array_equal(again.interpolate(1, 2, 12), record.predictions["interpolation"])
    assert not np.array_equal(again.sample(4, seed=3), again.sample(4, seed=4))
    assert not _same(untrained.weights, other.weights)
    np.testing.assert_array_equal(again.interpolate(3, 4, 5)[[0]], again.sample(1, seed=3))


def _measured(record, kind: str) -> None:
    """Every number is there, in its interval and beside its floor."""
    known = {"distance" if name == "frechet_distance" else name for name in numbers()}
    own = {"reconstruction_error"}
    there = known if kind == "vae" else known - own
    assert {n for n in known if f"test_{n}" in record.metrics} == there
    for name in known - own:
        low, value, high = (record.metrics[f"test_{end}{name}"] for end in ("low_", "", "high_"))
        assert low <= value <= high, name
        assert f"test_floor_{name}" in record.metrics, name
    near = record.predictions["samples_nearest"]
    assert near.shape == (64, 4)
    assert 0 <= near.min() <= near.max() < 400
    assert (np.diff(record.predictions["samples_distance"]) >= 0).all()


def test_a_run_that_only_chooses_never_sees_the_test_part(train, monkeypatch):
    monkeypatch.setattr(DeviceDataset, "test", lambda self: pytest.fail("it was read"))
    monkeypatch.setattr(Judge, "_test", property(lambda self: pytest.fail("it was read")))
    record = train("vae", steps=1, batch_size=50, only_chooses=True)
    assert record.metrics["val_distance"] > 0
    assert not [name for name in record.metrics if name.startswith("test")]


@pytest.mark.parametrize("kind", ["gan", "vae", "flow"])
def test_a_run_goes_on_where_it_was_interrupted_as_if_it_had_not_been(
    train, kind, tmp_path, monkeypatch
):
    more = {"steps": 12, "batch_size": 50, "evaluate_every": 4}  # eight are an epoch
    whole = train(kind, **more)
    checkpoints = {"checkpoints": tmp_path, "checkpoint_seconds": 3600.0}
    _interrupted(train, monkeypatch, kind, more, checkpoints)
    seen: list[Progress] = []
    resumed = train(kind, **more, resources=checkpoints, on_progress=seen.append)
    assert sum(p.images for p in seen) == 2 * 50  # of 12 updates, two were left
    assert [p.remark for p in seen if p.remark] == ["an interrupted run resumes from update 10"]
    assert _same(whole.weights, resumed.weights)  # and so equal seeds give equal runs
    assert _same(whole.predictions, resumed.predictions)
    for name in set(whole.curves) - {"seconds"}:
        np.testing.assert_array_equal(whole.curves[name], resumed.curves[name])
    (left,) = tmp_path.iterdir()  # until its record is stored
    assert left.name == f"{resumed.run_id}.unfinished.safetensors"


def _interrupted(train, monkeypatch, kind: str, more: dict, checkpoints: dict) -> None:
    """Train until the second evaluation is over and two updates more, then ask it to stop."""
    updates = 0

    def stop(progress: Progress) -> None:
        nonlocal updates
        updates += 1
        if updates == 10:
            raise Stopped

    monkeypatch.setattr(loop, "_REPORT_SECONDS", -1.0)  # after every update
    with pytest.raises(Stopped):
        train(kind, **more, resources=checkpoints, on_progress=stop)


def test_the_best_weights_on_validation_are_kept_where_asked_for(train):
    stopping = {"patience": 50, "monitor": "val_distance"}
    settings = {"batch_size": 16, "early_stopping": stopping, "only_chooses": True}
    record = train("gan", steps=20, evaluate_every=4, **settings)
    assert len(record.curves["val_distance"]) == 5
    best = record.curves["val_distance"].min()
    assert record.metrics["val_distance"] == best
    with pytest.raises(EngineError, match=r"'val_loss' is not measured by task adversarial"):
        train("gan", steps=4, early_stopping={"monitor": "val_loss"})


def test_divergence_and_collapse_are_named(train, monkeypatch):
    record = train("gan", steps=20, batch_size=50, evaluate_every=5, learning_rate=1e20)
    assert record.status == "diverged"
    assert "was not finite by step" in record.message
    assert "samples" not in record.predictions  # but the film shows how
    monkeypatch.setattr("assay.subjects.generation.training.loop.COLLAPSED", 1e9)
    record = train("vae", steps=12, batch_size=16, evaluate_every=2)
    assert record.status == "diverged"
    assert record.message.startswith("the generator collapsed: the variance of its images is ")
    assert record.message.endswith("by step 12")


def test_a_loss_over_feature_maps_is_another_loss(train):
    short = {"steps": 2, "batch_size": 50, "only_chooses": True}
    plain, seen = train("vae", **short), train("vae", **short, task={"perceptual": 5.0})
    assert seen.curves["loss"][0] > plain.curves["loss"][0]


def test_bfloat16_learns_as_well(train):
    record = train("vae", steps=8, batch_size=32, precision="bfloat16")
    exact = train("vae", steps=8, batch_size=32)
    assert record.provenance["precision"] == "bfloat16"
    assert record.metrics["test_loss"] == pytest.approx(exact.metrics["test_loss"], rel=0.1)


def test_a_sampler_says_what_it_cannot_use(train, tmp_path: Path):
    unsaved = {"save_weights": False}
    record = train("vae", steps=1, batch_size=50, resources=unsaved, only_chooses=True)
    with pytest.raises(DataError, match="was stored without its weights; train it with"):
        PictureSampler(record, record.weights)
