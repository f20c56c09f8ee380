"""The page of made pictures: what it computes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from assay.apps.api import plan_of
from assay.apps.web import views
from assay.apps.web.pages import Site
from assay.apps.web.shelf import Shelf
from assay.core.errors import ConfigError
from assay.core.store import Store
from assay.data import load
from assay.engines.engine import ENGINES, Resources
from assay.studies.members import cohorts
from assay.subjects.generation.page import PAGE, principal_directions
from assay.subjects.generation.sampler import PictureSampler

STUDY = {
    "study": "tiny",
    "dataset": {"name": "drawn-dials", "size": 16, "train": 40, "validation": 20, "test": 20},
    "network": {"family": "vae", "latent": 3, "filters": [4], "down_filters": [4], "dense": 64},
    "task": {"name": "autoencode", "features": 1},
    "training": {"steps": 2, "optimizer": "adam"},
}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    plan = plan_of(STUDY)
    (cohort,) = cohorts(plan.runs().values())
    dials = load(STUDY["dataset"])
    resources = Resources(device="cpu", precision="float32", threads=1)
    (record,) = ENGINES["torch"]().train(cohort, dials, resources, lambda progress: None)
    folder = tmp_path_factory.mktemp("made") / "store"
    with Store(folder) as opened:
        opened.save_plan(plan.to_json())
        opened.add(record)
    return folder


def test_the_table_of_runs_leaves_ends_and_floors_to_the_page_of_a_run(store: Path):
    found = views.runs(Shelf(store), "tiny")
    shown = [column["name"] for column in found["columns"] if not column["beside"]]
    assert {"test_distance", "test_recall", "test_reconstruction_error", "val_variety"} <= {*shown}
    assert not any(part in name for name in shown for part in ("_low_", "_high_", "_floor_"))
    head, _ = views.runs_csv(found).splitlines()
    assert {"test_distance", "test_low_distance", "test_floor_distance"} <= {*head.split(",")}


def test_sliders_and_the_way_between_two_faces(store: Path):
    make = PAGE.answers(Site(store, None, Shelf(store)))["make"]
    (start,) = make({"first": 0, "second": 1, "share": 0})["pictures"]
    (end,) = make({"first": 0, "second": 1, "share": 1})["pictures"]
    (moved,) = make({"first": 0, "second": 1, "share": 0, "knobs": [5.0]})["pictures"]
    assert start["title"] == "VAE, drawn-dials"
    assert start["images"][1] == start["images"][0]
    assert end["images"][1] == end["images"][2]
    assert moved["images"][1] != start["images"][1]
    (far,) = make({"first": 0, "second": 1, "share": 10**400})["pictures"]
    assert far["images"][1] == far["images"][2]
    shapes = ({"knobs": 5}, {"knobs": {"a": 1}}, {"knobs": ["a"]}, {"knobs": [float("nan")]})
    for wrong in (None, {"first": -1}, {"first": True}, {"share": "x"}, *shapes):
        with pytest.raises(ConfigError):
            make(wrong)


def test_directions_change_pictures_more_than_others_do(store: Path):
    with Store(store, read_only=True) as opened:
        (run,) = opened.run_ids()
        sampler = PictureSampler(opened.record(run), opened.weights(run))
    directions = principal_directions(sampler)
    np.testing.assert_allclose(np.linalg.norm(directions, axis=1), 1, rtol=1e-5)

    def change(direction: np.ndarray) -> float:
        points = sampler.prior.draw(50, np.random.default_rng(5))
        before, after = (sampler.make(points + s * direction) for s in (-1, 1))
        return float(np.abs(before.astype(float) - after).mean())

    others = np.random.default_rng(1).standard_normal((8, 3)).astype(np.float32)
    others /= np.linalg.norm(others, axis=1, keepdims=True)
    assert change(directions[0]) >= np.mean([change(o) for o in others])
