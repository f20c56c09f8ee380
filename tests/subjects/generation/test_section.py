"""The part of the report about made pictures, from records that were made by hand."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from assay.core.records import Record
from assay.reports.html import render_html
from assay.subjects.generation import views
from assay.subjects.generation.section import generation_section, generation_table, near_tables


def _record(trial: str, seed: int, distance: float, **more: Any) -> Record:
    rng = np.random.default_rng(seed)

    def pictures(*shape: int) -> np.ndarray:
        return rng.integers(0, 256, (*shape, 8, 8, 3)).astype(np.uint8)

    epochs = np.arange(1.0, 4)
    config = {"task": "adversarial", "dataset": {"name": "x"}, "seed": seed}
    return Record(
        run_id=f"{trial}{seed}",
        trial_id=trial,
        seed=seed,
        status="finished",
        config=config,
        curves={
            "step": 10 * epochs,
            "epoch": epochs,
            "seconds": 2 * epochs,
            "generator_loss": 1 / epochs,
            "discriminator_loss": epochs,
            "val_distance": distance * 3 / epochs,
            "val_variety": epochs / 3,
        },
        metrics={
            "val_distance": distance,
            "test_distance": distance + 1,
            "test_floor_distance": 1.0,
            "test_variety": 0.5,
            "test_low_variety": 0.4,
            "test_high_variety": 0.625,
            "test_floor_variety": 1.0,
            "epochs": 3.0,
            "best_epoch": 3.0,
            "steps": 30.0,
        },
        predictions={
            "film": pictures(3, 16),
            "film_step": np.array([10, 20, 30]),
            "samples": pictures(64),
            "interpolation": pictures(12),
            **more,
        },
        timing={"train": 6.0, "evaluate": 1.0, "prepare": 0.5, "images_per_second": 9.0},
    )


PLAN = {
    "study": "made",
    "question": "Which?",
    "trials": [
        {"label": label, "trial_id": label, "levels": {}, "config": {}, "runs": [f"{label}0"]}
        for label in ("a", "b")
    ],
    "comparisons": [],
}


def test_a_sheet_keeps_every_picture_in_its_place():
    images = np.arange(5 * 2 * 3).reshape(5, 2, 3, 1).astype(np.uint8)
    joined = views.sheet(images, 3, gap=1)
    assert joined.shape == (5, 11, 1)
    np.testing.assert_array_equal(joined[3:5, 4:7], images[4])
    assert (joined[3:, 8:] == 255).all()  # nothing is left for the last place


def test_the_filmstrip_has_the_first_and_the_last_row_and_the_film_every_frame():
    film = (
        np.zeros((20, 16, 4, 4, 3), np.uint8)
        + np.arange(20, dtype=np.uint8)[:, None, None, None, None]
    )
    strip, steps = views.filmstrip(film, [100 * i for i in range(20)], rows=4, columns=5)
    assert (steps[0], steps[-1], len(steps)) == (0, 1900, 4)
    assert strip.shape == (4 * 6 - 2, 5 * 6 - 2, 3)
    assert (strip[0, 0], strip[-1, -1]) == (pytest.approx([0] * 3), pytest.approx([19] * 3))
    content = base64.b64decode(views.film_uri(film).removeprefix("data:image/gif;base64,"))
    assert Image.open(io.BytesIO(content)).n_frames == 20


def test_the_map_puts_pictures_where_their_points_are():
    images = np.stack([np.full((4, 4, 1), i, np.uint8) for i in (10, 20, 30)])
    points = np.array([[0.0, 0.0], [1.0, 1.0], [1.0, 1.0]])
    drawn = views.latent_map(points, images, side=40)
    assert drawn[1, 1, 0] == 10
    assert drawn[-1, -1, 0] == 20  # the first one there
    assert not (drawn == 30).any()


def test_neighbours_stand_below_the_samples_that_are_nearest_to_them():
    train = np.arange(20, dtype=np.uint8)[:, None, None, None] * np.ones((8, 8, 3), np.uint8)
    kept = {
        "samples": 100 + train[:3],
        "samples_nearest": np.array([[4, 5], [6, 7], [8, 9]], np.int32),
        "samples_distance": np.array([[0.5, 0.6], [0.1, 0.9], [0.3, 0.3]], np.float32),
    }
    found = views.neighbours(kept, train, count=2)
    assert found is not None
    pictures, columns = found
    assert columns == 2
    assert pictures[:, 0, 0, 0].tolist() == [101, 102, 6, 8, 7, 9]
    assert views.neighbours(kept, train[:5]) is None  # other pictures than the run saw
    assert views.neighbours({}, train) is None


def test_a_floor_of_images_that_are_no_others_is_no_floor():
    records = [_record("a", 0, 8.0), _record("b", 0, 2.0)]
    for name in ("", "validate_on_test", "refit"):
        dataset = {"name": "x", **({name: True} if name else {})}
        plan = {**PLAN, "trials": [{**t, "config": {"dataset": dataset}} for t in PLAN["trials"]]}
        for table in (generation_table(plan, records), *near_tables(plan, records)):
            told = [note for note in table.notes if "The floor means nothing" in note]
            assert len(told) == bool(name)
            assert all(f"(`dataset.{name}`)" in note for note in told)


def test_the_section_shows_the_best_run_of_each_trial_and_what_went_wrong():
    failed = _record("b", 1, 9.0)
    failed = Record(**{**vars(failed), "status": "diverged", "message": "it collapsed"})
    records = [_record("a", 0, 8.0), _record("a", 1, 4.0), _record("b", 0, 2.0), failed]
    section = generation_section(PLAN, records, lambda spec: None)
    assert section is not None
    assert [(t["label"], t["seed"]) for t in section["trials"]] == [("a", 1), ("b", 0)]
    assert section["failed"] == ["it collapsed"]
    (near,) = near_tables(PLAN, records)  # the same dataset: the numbers compare
    assert near.headers == ["measure", "best", "floor", "a", "b"]
    assert near.texts() == [
        ["Fréchet distance", "lower", "1.000", "7.000 ± 25.41", "3.000"],
        ["Variety", "the floor", "1.000", "0.500 [0.400, 0.625] ± 0.000", "0.500 [0.400, 0.625]"],
    ]
    other = _record("b", 0, 2.0)
    other.config["dataset"] = {"name": "y"}
    tables = near_tables(PLAN, [*records[:2], other])
    assert [t.headers[3:] for t in tables] == [["a"], ["b"]]
    rows = generation_table(PLAN, records).rows
    assert [(r["trial"], r["n"], r["test_distance"]) for r in rows] == [
        ("a", 2, 7.0),
        ("b", 1, 3.0),
    ]
    assert views.generation_rows(PLAN, records)[0]["test_distance"].low == 0  # no distance is less
    (first, _) = views.progress(PLAN, records)
    np.testing.assert_allclose(first["curves"]["val_distance"], [18, 9, 6])
    page = render_html(PLAN, records, lambda spec: None)
    assert page.count("data:image/gif") == 2
    assert "Fréchet distance" in page
    assert "it collapsed" in page
    assert generation_section(PLAN, [], lambda spec: None) is None
