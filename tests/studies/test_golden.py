"""What must never move: names of stored runs, and numbers that only mutations of the code changed.

The names stand in `results/*.json`, which earlier versions wrote. Whoever resumes a store relies on
the code finding the same names again.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from assay.apps.api import plan_of
from assay.core.config import Entry, Problems, Source
from assay.core.records import VARIES, run_config, run_id, trial_id
from assay.data.catalog import ENTRIES
from assay.data.transforms import TRANSFORMS
from assay.networks.families import FAMILIES
from assay.studies.estimate import estimate
from assay.studies.parts import VERSIONS, of_earlier_versions
from assay.studies.plan import make_plan
from assay.studies.settings import read_config
from assay.studies.study import parse_study
from assay.tasks.task import TASKS

RESULTS = Path(__file__).resolve().parents[2] / "results"
FILES = sorted(RESULTS.glob("*.json"))

PLAIN = ("--set", "dataset.glare=0")
FIRST_RECIPE = (
    "--set", "network.kernel_initializer=he_normal",
    "--set", "training.optimizer={name: muon, weight_decay: 0.05}",
    "--set", "training.schedule={name: linear, warmup: 0.2}",
    "--set", "training.ema=0.99", "--set", "training.evaluate_every=450",
)  # fmt: skip
REPLAYED = {
    # studies have changed since: these settings give what was run
    "tell-the-time-best-plain-longer": PLAIN,
    "tell-the-time-best-plain-xeon": (
        *PLAIN, "--set", "training.steps=36000", "--set", "training.evaluate_every=2000",
        "--set", "task.looks=5"),
    "cifar10-fast-airbench-before": FIRST_RECIPE,
    "cifar10-fast-before": FIRST_RECIPE,
}  # fmt: skip
OWN_FILES = {
    # made from files that are not in the project; only the names of their runs can be checked
    "circular-regression-not-led-home",
    "clocks-fixed",
    "tell-the-time-75",
    "tell-the-time-96",
    "tell-the-time-best-plain",
}
SEARCHES = {"bayes-cnn", "bayes-mlp", "grid-mlp", "hyperband-mlp", "random-cnn", "random-mlp"}


def read(file: Path) -> dict[str, Any]:
    return json.loads(file.read_text(encoding="utf-8"))


def skip_without_its_subject(said: dict[str, Any]) -> None:
    """Subjects can be left out of assay; then their studies cannot be planned."""
    for trial in said["trials"]:
        dataset, network, task = (trial["config"][key] for key in ("dataset", "network", "task"))
        known = dataset["name"] in ENTRIES and network["family"] in FAMILIES
        known = known and (task if isinstance(task, str) else task["name"]) in TASKS
        if not known or ("restore" in dataset and "restore" not in TRANSFORMS):
            pytest.skip("its subject is not here")


def replay(command: str, *more: str) -> set[str]:
    """Names of the runs of a command in every number format that `precision: auto` may be or may
    have been, and before their precision was part of them."""
    _, _, study, *options = shlex.split(command)
    given: dict[str, Any] = {}
    changes = []
    for name, value in zip(*[iter([*options, *more])] * 2, strict=True):
        if name == "--set":
            changes.append(value)
        else:
            given[name.strip("-")] = int(value) if value.isdigit() else value
    runs = {}
    for precision in ("bfloat16", "float32", None):
        runs |= plan_of(study, set=tuple(changes), **{"precision": precision, **given}).runs()
    before = {*runs}

    def notes(names: Iterable[str]) -> set[str]:
        before.update(names)
        return set()

    of_earlier_versions(runs, notes)
    return before


@pytest.mark.parametrize("file", FILES, ids=lambda f: f.stem)
def test_stored_names_are_the_names_of_their_configurations(file: Path) -> None:
    for trial in read(file)["trials"]:
        assert trial_id(trial["config"]) == trial["trial_id"]
        for run in trial["runs"]:
            assert run_id(run_config(trial["config"], run["seed"])) == run["run_id"]


@pytest.mark.parametrize("file", FILES, ids=lambda f: f.stem)
def test_stored_configurations_are_canonical_still(file: Path) -> None:
    if file.stem == "clocks-fixed":
        pytest.skip("stored before `per_time` was part of a dataset")
    skip_without_its_subject(read(file))
    for trial in read(file)["trials"]:
        problems = Problems()
        entry = Entry(dict(trial["config"]), (), Source(trial["config"]), problems)
        # what varies with the seed is a setting of the study, and versions are those of the code
        beside = (VARIES, VERSIONS)
        assert read_config(entry) == {k: v for k, v in trial["config"].items() if k not in beside}
        problems.raise_if_any()


@pytest.mark.parametrize(
    "file", [f for f in FILES if f.stem not in OWN_FILES | SEARCHES], ids=lambda f: f.stem
)
def test_every_stored_run_is_planned_again_by_its_command(file: Path) -> None:
    said = read(file)
    skip_without_its_subject(said)
    stored = {run["run_id"] for trial in said["trials"] for run in trial["runs"]}
    assert stored <= replay(said["command"], *REPLAYED.get(file.stem, ()))


def test_an_estimate_counts_products_and_steps() -> None:
    study = parse_study(
        {
            "study": "small",
            "dataset": "digits",
            "network": {"family": "mlp", "hidden": [16]},
            "training": {"epochs": 2, "batch_size": 32},
            "precision": "float32",
        }
    )
    seen, steps, macs = 2 * 1293, 2 * 41, 64 * 16 + 16 * 10
    one, two = (estimate(make_plan(study), gflops=speed) for speed in (1.0, 2.0))
    assert (one.images, one.steps, one.macs) == (seen, steps, (macs, macs))
    # products once forward and twice backward, two operations each; the rest costs time by steps
    assert one.seconds - two.seconds == pytest.approx(2 * 3 * macs * seen / 1e9 / 2)


@pytest.mark.parametrize(
    ("scale", "train", "validation"), [("quick", 10_000, 2_000), ("smoke", 500, 100)]
)
def test_an_automatic_scale_keeps_a_fifth_for_validation(
    scale: str, train: int, validation: int
) -> None:
    study = parse_study(
        {"study": "small", "dataset": "mnist", "network": {"family": "mlp", "hidden": [16]}},
        scale=scale,
    )
    dataset = study.trials[0].config["dataset"]
    assert (dataset["train"], dataset["validation"]) == (train, validation)
