"""`assay import` of TensorBoard event files that something else wrote."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import assay
from assay.apps.import_events import _trial
from assay.apps.importing import import_runs, read_runs


@pytest.mark.parametrize(
    ("tag", "curve"),
    [
        ("val/accuracy", "val_accuracy"),
        ("Accuracy/valid", "val_accuracy"),
        ("Loss/train", "loss"),
        ("validation/Loss", "val_loss"),
        ("test/my/Score", "test_my_Score"),
        ("val", "val"),
        ("epoch/seconds", "epoch_seconds"),
        ("test_accuracy", "test_accuracy"),
    ],
)
def test_tags_of_event_files(tag: str, curve: str, tmp_path: Path):
    pytest.importorskip("tensorboard")
    writer = pytest.importorskip("tensorboardX").SummaryWriter
    with writer(str(tmp_path / "seed0")) as events:
        events.add_scalar(tag, 0.5, 0)
    (run,) = read_runs(tmp_path)
    assert list(run.curves) == [curve]


def test_event_files_are_read_without_tensorflow(tmp_path: Path):
    pytest.importorskip("tensorboard")
    writer = pytest.importorskip("tensorboardX").SummaryWriter
    with writer(str(tmp_path / "seed0")) as events:
        events.add_scalar("loss", 0.5, 0)
    code = (
        "import sys, pathlib\nfrom assay.apps.importing import read_runs\n"
        f"read_runs(pathlib.Path({str(tmp_path)!r}))\nassert 'tensorflow' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_event_files_are_a_run_for_each_folder(tmp_path: Path):
    pytest.importorskip("tensorboard")
    writer = pytest.importorskip("tensorboardX").SummaryWriter
    for trial, seed in (("tanh", 0), ("tanh", 1), ("relu", 0)):
        with writer(str(tmp_path / "events" / f"{trial}-seed{seed}")) as events:
            for step in range(3):
                events.add_scalar("val/accuracy", 0.5 + step / 10 + seed / 100, step)
                events.add_scalar("loss", 1 / (step + 1), step)
    runs = read_runs(tmp_path / "events")
    assert [(r.levels["trial"], r.seed) for r in runs] == [("relu", 0), ("tanh", 0), ("tanh", 1)]
    assert runs[2].metrics == {"validation_accuracy": pytest.approx(0.71)}
    assert runs[0].curves["loss"] == ([0, 1, 2], [1, 0.5, pytest.approx(1 / 3)])


def test_a_loss_that_ends_as_nan_has_diverged(tmp_path: Path):
    pytest.importorskip("tensorboard")
    writer = pytest.importorskip("tensorboardX").SummaryWriter
    losses = {"a-seed0": (1.0, np.inf), "a-seed1": (np.inf, 1.0), "b-seed0": (1.0, 0.5)}
    for name, values in losses.items():
        with writer(str(tmp_path / name)) as events:
            for step, value in enumerate(values):
                events.add_scalar("Loss/train", value, step)
                events.add_scalar("Accuracy/test", 0.5, step)
    runs = read_runs(tmp_path)
    assert [run.diverged for run in runs] == [True, False, False]  # it recovered from the second
    import_runs(tmp_path / "store", "mine", runs)
    records = assay.load(tmp_path / "store")["mine"].records()
    assert [r.status for r in records] == ["diverged", "finished", "finished"]
    assert [r.metrics for r in records] == [{}, *[{"test_accuracy": 0.5}] * 2]


def test_a_training_curve_alone_is_named_so(tmp_path: Path):
    pytest.importorskip("tensorboard")
    writer = pytest.importorskip("tensorboardX").SummaryWriter
    with writer(str(tmp_path / "seed0")) as events:
        events.add_scalar("Loss/train", 0.5, 0)
    (run,) = read_runs(tmp_path)
    assert (run.metrics, list(run.curves)) == ({"training_loss": 0.5}, ["loss"])


@pytest.mark.parametrize(
    ("name", "trial", "seed"),
    [
        ("tanh-seed1", "tanh", 1),
        ("tanh/seed-0", "tanh", 0),
        ("tanh_run3", "tanh", 3),
        ("lightning_logs/version_2", "lightning_logs", 2),
        ("vit-s16", "vit-s16", None),
        ("tanh_1", "tanh_1", None),
        ("tanh/7", "tanh", 7),
        ("seed0", "run", 0),
        ("12", "run", 12),
        ("resnet18", "resnet18", None),
        ("resnet-34", "resnet-34", None),
        ("layers3", "layers3", None),
        ("lr0.001", "lr0.001", None),
        ("hidden64/seed1", "hidden64", 1),
    ],
)
def test_only_what_is_called_a_seed_is_one(name: str, trial: str, seed: int | None):
    assert _trial(name) == (trial, seed)
