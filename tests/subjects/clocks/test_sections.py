"""What a report says of readers of clocks, from made-up readings whose faults are known."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from assay.core.records import Record, run_id, trial_id
from assay.core.seeds import stream
from assay.data.dataset import Dataset, Split
from assay.reports.html import render_html
from assay.reports.results import mean_text
from assay.statistics import estimate
from assay.subjects.clocks.benchmarks import BENCHMARKS, benchmark_table
from assay.subjects.clocks.section import fault_table
from assay.subjects.clocks.views import _bounds, clock_answers, error_map, fault_rows, worst

TIMES = np.array([divmod(m, 60) for m in range(0, 720, 5)])
TRUE = 60 * TIMES[:, 0] + TIMES[:, 1]


def reading(labels: str, seed: int) -> np.ndarray:
    """Plain regression says six o'clock round twelve; the joint labels are a minute late; sine and
    cosine get the hour wrong at one time of six."""
    if labels == "regression":
        near = np.minimum(TRUE, 720 - TRUE) <= 30
        return np.where(near, 360, TRUE + stream(seed, "noise").normal(0, 4, len(TRUE)))
    if labels == "joint":
        return TRUE + 1
    return TRUE + 60 * (np.arange(len(TRUE)) % 6 == seed % 6)


def study(dataset: str = "clocks-made-up") -> tuple[dict[str, Any], list[Record]]:
    trials, records = [], []
    for labels in ("regression", "sine_cosine", "joint"):
        config = {
            "dataset": {"name": dataset},
            "network": {"family": "clock-net"},
            "task": {"name": "tell_time", "labels": labels},
        }
        runs = [{**config, "seed": seed} for seed in range(3)]
        trials.append(
            {
                "label": labels,
                "trial_id": trial_id(config),
                "levels": {"task.labels": labels},
                "config": config,
                "runs": [run_id(run) for run in runs],
            }
        )
        records += [made_up(run, labels, run["seed"]) for run in runs]
    names = [trial["label"] for trial in trials]
    plan = {"study": "made-up", "trials": trials, "factors": {"task.labels": names}}
    return {**plan, "comparisons": [], "published": []}, records


def made_up(config: dict[str, Any], labels: str, seed: int) -> Record:
    read = reading(labels, seed) % 720
    error = float(np.minimum(abs(read - TRUE), 720 - abs(read - TRUE)).mean())
    epoch = np.arange(1.0, 6)
    falling = error + 100 * np.exp(-epoch)
    curves = {"epoch": epoch, "step": 10 * epoch, "minutes": falling, "val_minutes": falling + 2}
    certainty = np.full(len(read), np.nan if labels == "regression" else 0.9, np.float16)
    return Record(
        run_id=run_id(config),
        trial_id=trial_id(config),
        seed=seed,
        status="finished",
        config=config,
        curves=curves,
        metrics={"test_minutes": error, "val_minutes": error, "test_loss": 1.0, "val_loss": 1.0},
        predictions={
            "test_minutes": read.astype(np.float32),
            "test_certainty": certainty,
            "test_target": TIMES,
        },
        timing={"train": 1.0},
    )


def images(spec: object) -> Dataset:
    pictures = stream(0, "pictures").integers(0, 255, (len(TIMES), 12, 12, 1), np.uint8)
    split = Split(pictures, TIMES)
    mean = np.zeros(1, np.float32)
    return Dataset({"name": "clocks-made-up"}, split, split, split, (), mean, mean + 1, "f" * 16)


def test_faults_are_counted_by_their_kind():
    plan, records = study()
    regression, periodic, joint = fault_rows(plan, records)
    at_the_seam = np.abs(np.arange(-30, 35, 5))
    assert regression["seam"].mean == pytest.approx(360 - at_the_seam.mean())
    assert regression["seam"].mean > 20 * regression["elsewhere"].mean
    assert periodic["hour_flips"].mean == pytest.approx(1 / 6)
    assert periodic["minutes"].mean == pytest.approx(10)
    told = [joint[name].mean for name in ("minutes", "within_1_minute", "hour_flips")]
    assert told == [1, 1, 0]
    assert [row["n"] for row in (regression, periodic, joint)] == [3, 3, 3]


def test_intervals_of_frequencies_end_where_frequencies_do():
    regression, *_ = fault_rows(*study())
    for name in ("within_1_minute", "within_5_minutes", "hour_flips", "wraps"):
        assert 0 <= regression[name].low <= regression[name].high <= 1, name
    assert _bounds("minutes") == (0, 360)
    found = estimate([0.0, 0.0, 0.001], bounds=_bounds("hour_flips"))
    assert found.low == 0


def test_what_goes_wrong_is_written_as_in_the_other_tables():
    """An interval that ends at 0 and 360 minutes is no "186.38 ± 180.00"."""
    plan, records = study()
    (row, *_) = fault_rows(plan, records)
    cells = {column.header: column.text for column in fault_table(plan, records).columns}
    ended = replace(row["minutes"], mean=186.38, low=0.0, high=360.0)
    told = cells["mean error (min)"]({**row, "minutes": ended})
    assert told == mean_text(ended, "test_minutes") == "186.38 (0.00 to 360.00)"
    told = cells["within 1 min (%)"](row), cells["within 5 min (%)"](row)
    same = (mean_text(row[f"within_{n}"], f"test_within_{n}") for n in ("1_minute", "5_minutes"))
    assert told == tuple(same)


def test_the_map_shows_where_the_errors_are():
    _, records = study()
    regression = error_map(records[:3])
    assert regression.shape == (12, 12)
    assert regression[0, 0] > 300
    assert regression[5, 6] < 30
    assert np.allclose(error_map(records[-3:]), 1)


def test_the_worst_readings_come_first():
    _, records = study()
    items = worst(records[:3])["items"]
    assert items[0]["error"] == 360
    assert items[0]["true"] == "12:00"
    assert items[0]["read"] == "6:00"
    assert items[0]["certainty"] is None
    assert all(a["error"] >= b["error"] for a, b in pairwise(items))


def test_sentences_say_only_what_was_measured():
    plan, records = study()
    regression, periodic, joint = clock_answers(plan, records)
    assert "within half an hour of 12:00" in regression
    assert "the seam costs it" in regression
    assert "hour wrong in 16.67 %" in periodic
    assert joint.startswith("joint: mean error 1.00 min (95 % CI 1.00 to 1.00, n = 3)")
    assert "cost" not in clock_answers(plan, records[:1])[0]  # one run says nothing about chance


def test_the_report_speaks_of_minutes_and_lower_is_better():
    plan, records = study()
    page = render_html(plan, records, images)
    assert "Reading clocks" in page
    assert "Error by the time on the clock" in page
    assert "test mean error 1.00 min" in page
    assert "joint is the best of 3 levels of labels by validation mean error" in page
    assert "one of each class" not in page


def test_a_study_of_photos_stands_beside_what_others_report():
    table = benchmark_table(*study("clock-photos"))
    assert table is not None
    rows = [[column.text(row) for column in table.columns] for row in table.rows]
    assert len(rows) == 3 + len(BENCHMARKS)
    (joint,) = (row for row in rows if row[0] == "joint")
    assert joint[2].startswith("100.0")  # a minute late counts as correct
    people = rows[3]
    assert people[0] == "people"
    assert people[2] == "90.7"
    assert "no: the pictures are private" in people[3]
    assert rows[-1][2] == "not given here"
    assert benchmark_table(*study()) is None
