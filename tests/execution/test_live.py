"""What readers can see of runs in training."""

from __future__ import annotations

import json
import time
from pathlib import Path

import assay
from assay.core.store import Store
from assay.engines.engine import Progress
from assay.execution import live
from assay.execution.events import Event
from assay.execution.executors import worker
from assay.execution.live import LiveFile, read_live

STUDY = {
    "study": "watched",
    "dataset": {"name": "digits", "train": 200, "test": 100},
    "network": {"family": "mlp", "hidden": [8]},
    "training": {"epochs": 4},
    "repeats": 2,
}


def point(step: int) -> Progress:
    values = {"step": step, "epoch": step / 10, "val_loss": 1 / step}
    return Progress(0, 0.5, 1, points=(("aa", values),))


def test_the_curves_of_runs_in_training_are_seen_and_gone_when_they_are_stored(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(live, "EVERY_SECONDS", 0.0)
    monkeypatch.setattr(worker, "PROGRESS_SECONDS", 0.0)
    seen: list[tuple[set[str], list[str]]] = []

    def look(event: Event) -> None:
        (said,) = read_live(tmp_path)
        with Store(tmp_path, create=False, read_only=True) as store:
            seen.append((set(said["curves"]), store.run_ids()))

    results = assay.run(STUDY, store=tmp_path, workers=1, on_event=look)
    runs = {record.run_id for record in results.records()}
    assert any(curves for curves, _ in seen)
    assert all(curves <= runs for curves, _ in seen)
    assert read_live(tmp_path) == []
    assert list((tmp_path / "live").iterdir()) == []


def test_a_point_of_a_curve_is_that_of_the_record(tmp_path, monkeypatch):
    monkeypatch.setattr(live, "EVERY_SECONDS", 0.0)
    monkeypatch.setattr(worker, "PROGRESS_SECONDS", 0.0)
    points: dict[str, dict[str, list[float]]] = {}

    def look(event: Event) -> None:
        if event.progress:
            for run, values in event.progress.points:
                for name, value in values.items():
                    points.setdefault(run, {}).setdefault(name, []).append(value)

    results = assay.run(STUDY, store=tmp_path, workers=1, on_event=look)
    for record in results.records():
        for name in ("step", "val_loss", "val_accuracy"):
            got = points[record.run_id][name]
            assert [round(v, 5) for v in got] == [round(float(v), 5) for v in record.curves[name]]


def test_it_is_written_once_a_second_at_most(tmp_path):
    with LiveFile(tmp_path, "s") as told:
        told(Event("started", 0, title="t", members=1))
        first = (tmp_path / "live").joinpath(next((tmp_path / "live").iterdir()).name).read_text()
        for step in range(1, 200):
            told(Event("progress", 0, progress=point(step)))
        (file,) = (tmp_path / "live").iterdir()
        assert file.read_text() == first


def test_long_curves_are_thinned(tmp_path, monkeypatch):
    monkeypatch.setattr(live, "EVERY_SECONDS", 0.0)
    with LiveFile(tmp_path, "s") as told:
        for step in range(1, 1000):
            told(Event("progress", 0, progress=point(step)))
        (said,) = read_live(tmp_path)
    steps = said["curves"]["aa"]["step"]
    assert len(steps) <= live.MOST_POINTS
    assert steps[-1] == 999
    assert steps == sorted(steps)


def test_what_a_dead_process_left_is_ignored_and_swept(tmp_path):
    folder = tmp_path / "live"
    folder.mkdir()
    (folder / "1-0.json").write_text(
        json.dumps({"owner": "elsewhere|1||0", "started": 0, "updated": time.time() - 9999})
    )
    (folder / "2-0.json").write_text("{")
    assert read_live(tmp_path) == []
    with LiveFile(tmp_path, "s"):
        assert len(list(folder.iterdir())) == 1
        assert [said["study"] for said in read_live(tmp_path)] == ["s"]


def test_a_file_that_cannot_be_written_stops_nothing(tmp_path: Path):
    (tmp_path / "live").write_text("a file")
    with LiveFile(tmp_path, "s") as told:
        told(Event("planned", total=1))
    assert read_live(tmp_path) == []
