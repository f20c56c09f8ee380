"""Event files of a study, read back by TensorBoard's own reader."""

from __future__ import annotations

import importlib
import warnings
from pathlib import Path

import numpy as np
import pytest

import assay
from assay.apps import tensorboard
from assay.apps.cli.app import main


def test_a_missing_extra_is_named(store: Path, monkeypatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert main(["tensorboard", "small", "--store", str(store), "--no-open"]) == 2
    assert 'or pip install -e ".[tensorboard]" in its folder' in capsys.readouterr().err


def test_everything_is_read_back(store: Path, tmp_path: Path):
    pytest.importorskip("tensorboardX")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what TensorBoard's libraries say while imported
        reader = importlib.import_module("tensorboard.backend.event_processing.event_accumulator")
        at = ["--store", str(store), "--logdir", str(tmp_path), "--no-open", "--histograms"]
        assert main(["tensorboard", "small", *at]) == 0
        assert main(["tensorboard", "small", *at]) == 0, "again, over what is there"
    results = assay.load(store)["small"]
    labels = {trial["trial_id"]: trial["label"] for trial in results.plan["trials"]}
    records = results.records()
    for record in records:
        folder = tmp_path / tensorboard.folder_name(labels[record.trial_id], record.seed)
        assert len(list(folder.iterdir())) == 1
        found = reader.EventAccumulator(str(folder), size_guidance={"images": 0}).Reload()
        curve = found.Scalars("accuracy/val")
        assert [event.step for event in curve] == record.curves["step"].tolist()
        np.testing.assert_allclose([e.value for e in curve], record.curves["val_accuracy"])
        (reached,) = found.Scalars("result/test_accuracy")
        assert reached.value == pytest.approx(record.metrics["test_accuracy"])
        assert "_hparams_/session_start_info" in found.PluginTagToContent("hparams")
        assert any("weights/trunk" in tag for tag in found.Tags()["histograms"])
        assert any("addmm" in node.op or "linear" in node.op for node in _nodes(found))
        wrong = record.predictions["test_predicted"] != record.predictions["test_target"]
        images = [tag for tag in found.Tags()["images"] if tag.startswith("mistakes/")]
        assert bool(images) == bool(wrong.any())


def _nodes(found):
    from tensorboard.compat.proto.graph_pb2 import GraphDef

    graph = found.Graph()
    assert isinstance(graph, GraphDef) or graph.node
    return graph.node


def test_a_selection_and_wrong_names(
    store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    pytest.importorskip("tensorboardX")
    at = ["tensorboard", "small", "--store", str(store), "--logdir", str(tmp_path), "--no-open"]
    assert main([*at, "--trial", "nope"]) == 2
    assert main([*at, "--run", "zzz"]) == 2
    assert main([*at, "--port", "99999"]) == 2
    err = capsys.readouterr().err
    assert "error: unknown trial of study small 'nope'" in err
    assert "no finished run that starts with 'zzz'" in err
    assert "--port 99999: expected a number from 0 to 65535" in err
    run = assay.load(store)["small"].records()[0].run_id
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert main([*at, "--run", run]) == 0
    assert len(list(tmp_path.rglob("events.*"))) == 1
