"""Event files of a study, read back by TensorBoard's own reader."""

from __future__ import annotations

import importlib
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import assay
from assay.apps import tensorboard
from assay.apps.cli.app import main
from assay.apps.importing import read_runs

RATES = """\
study: rates
dataset: {name: digits, train: 97, validation: 40, test: 40}
network: {family: mlp, hidden: [8]}
training: {epochs: 2, batch_size: 32}
engine: numpy
repeats: 2
factors: {training.learning_rate: [0.01, 1.0e+30]}
"""


@pytest.mark.parametrize(
    ("there", "said"),
    [
        ((), "this needs tensorboardX and tensorboard, which are not installed; install it with"),
        (("tensorboardX",), "this needs tensorboard, which is not installed; install it with"),
    ],
)
def test_a_missing_extra_is_named(
    there, said, store: Path, monkeypatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: name in there or None)
    assert main(["tensorboard", "small", "--store", str(store), "--no-open"]) == 2
    told = capsys.readouterr().err
    assert said in told
    assert 'or pip install -e ".[tensorboard]" in its folder' in told


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
    names = tensorboard.folder_names(list(labels.values()))
    for record in records:
        folder = tmp_path / names[labels[record.trial_id]] / f"seed-{record.seed}"
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


def test_what_it_writes_can_be_imported(tmp_path: Path, capsys: pytest.CaptureFixture[str], caplog):
    """With equal splits and equal ends of the runs, so that the verdicts are the same."""
    pytest.importorskip("tensorboardX")
    at = ["--store", str(tmp_path / "store")]
    (tmp_path / "rates.yaml").write_text(RATES)
    assert main(["run", str(tmp_path / "rates.yaml"), *at]) == 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        events = ["--no-open", "--logdir", str(tmp_path / "events")]
        assert main(["tensorboard", "rates", *at, *events]) == 0
        capsys.readouterr()
        assert main(["import", str(tmp_path / "events"), *at]) == 0
    assert "NaN or Inf found" not in caplog.text  # a line for each of them, from tensorboardX
    studies = assay.load(tmp_path / "store")
    trained, imported = (
        {(r.status, r.seed): {k: v for k, v in r.metrics.items() if k.startswith(("val_", "test_"))}
         for r in studies[name].records()}
        for name in ("rates", "events")
    )  # fmt: skip
    assert [*trained] == [("finished", 0), ("finished", 1), ("diverged", 0), ("diverged", 1)]
    assert imported == {key: pytest.approx(metrics) for key, metrics in trained.items()}
    assert "diverged, counted as the worst" in studies["events"].sentences()[0]
    assert main(["tensorboard", "events", *at, "--no-open", "--logdir", str(tmp_path / "b")]) == 0
    assert read_runs(tmp_path / "b")[0].metrics == read_runs(tmp_path / "events")[0].metrics


def test_what_a_study_is_judged_by_can_be_imported(tmp_path: Path, capsys):
    """Objective, baseline and factors come back, and with them the comparisons."""
    pytest.importorskip("tensorboardX")
    at = ["--store", str(tmp_path / "store")]
    (tmp_path / "two.yaml").write_text(
        "study: two\ndataset: {name: digits, train: 97, validation: 40, test: 40}\n"
        "network: {family: mlp, hidden: [8], activation: tanh}\nrepeats: 2\nengine: numpy\n"
        "training: {epochs: 1, batch_size: 32}\nobjective: val_f1_macro\n"
        "factors: {network.activation: [elu, tanh], network.hidden: [[8], [4]]}\n"
    )
    assert main(["run", str(tmp_path / "two.yaml"), *at]) == 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        events = ["--no-open", "--logdir", str(tmp_path / "events")]
        assert main(["tensorboard", "two", *at, *events]) == 0
    assert main(["import", str(tmp_path / "events"), *at]) == 0
    studies = assay.load(tmp_path / "store")
    trained, imported = (studies[name].plan for name in ("two", "events"))
    assert imported["metric"] == trained["metric"] == "val_f1_macro"
    assert imported["factors"] == trained["factors"]
    levels = {t["label"]: t["levels"] for t in imported["trials"]}
    base = {"network.activation": "tanh", "network.hidden": "8"}
    assert levels[imported["baseline"]] == base
    names = ("factor", "level", "against", "where")
    asked = [[{n: c[n] for n in names} for c in p["comparisons"]] for p in (trained, imported)]
    assert sorted(map(str, asked[0])) == sorted(map(str, asked[1]))


def test_a_text_of_another_tool_says_nothing_of_a_study(tmp_path: Path):
    writer = pytest.importorskip("tensorboardX").SummaryWriter
    for seed, text in enumerate(
        ["a study", "[]", '{"levels": {"a": 1}, "better": {}, "main": ""}']
    ):
        with writer(str(tmp_path / f"a-seed{seed}")) as events:
            events.add_text("study", text)
            events.add_scalar("test/accuracy", 0.5, 0)
    assert [run.levels for run in read_runs(tmp_path)] == [{"trial": "a"}] * 3


def test_a_run_that_diverged_with_finite_losses_says_so(store: Path, tmp_path: Path):
    pytest.importorskip("tensorboardX")
    results = assay.load(store)["small"]
    lost = replace(results.records()[0], status="diverged", message="nothing varies", metrics={})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tensorboard.write_events(results, [lost], tmp_path)
    (run,) = read_runs(tmp_path)
    assert run.diverged


def test_labels_that_differ_in_replaced_characters_have_folders_of_their_own():
    labels = ["a b", "a/b", "a_b", "ä", "µ", "b", "..", "a_B", "A B", "B_2", "b_2", "B"]
    names = tensorboard.folder_names(labels)
    assert (names["a b"], names["B_2"], names["B"]) == ("a_b", "B_2", "B_3")
    # file systems of macOS and Windows take upper and lower case as equal
    assert len({name.lower() for name in names.values()}) == len(labels)
    assert ".." not in names.values()
