"""A run that stops at a rung and goes on is the run that never stopped."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from checkpointed_runs import CASES, assert_same, kill, member, train

from assay.apps.api import plan_of
from assay.core.errors import EngineError
from assay.core.records import Record
from assay.core.store import Store
from assay.data import load
from assay.data.dataset import Dataset, Split
from assay.engines import loop
from assay.engines.checkpoints import Checkpoint
from assay.engines.engine import ENGINES, Cohort, Member, Progress, Resources, Stopped
from assay.studies.members import cohorts


@pytest.mark.parametrize("case", CASES)
def test_going_on_is_not_having_stopped(case: str, corners: Dataset, tmp_path: Path):
    seeds = (3, 4)
    whole = train([member(corners, case, s, None) for s in seeds], corners, None)
    first = train([member(corners, case, s, 1) for s in seeds], corners, tmp_path)
    assert all(record.state for record in first)
    # only one is promoted, as a rung does it, and then once more
    (later,) = train([member(corners, case, 4, 3)], corners, tmp_path)
    assert later.provenance["resumed_after_epoch"] == 1
    (end,) = train([member(corners, case, 4, None)], corners, tmp_path)
    assert end.provenance["resumed_after_epoch"] == min(3, later.metrics["epochs"])
    assert not end.state
    assert_same(end, whole[1])
    spent = [record.timing["train"] for record in (first[1], later, end)]
    assert sum(spent) == pytest.approx(end.curves["seconds"][-1], rel=1e-6)


@pytest.mark.parametrize("case", ["stacked adam", "noise"])
def test_in_the_numpy_engine_too(case: str, corners: Dataset, tmp_path: Path):
    (whole,) = train([member(corners, case, 3, None)], corners, None, "numpy")
    train([member(corners, case, 3, 2)], corners, tmp_path, "numpy")
    (end,) = train([member(corners, case, 3, None)], corners, tmp_path, "numpy")
    assert end.provenance["resumed_after_epoch"] == 2
    assert_same(end, whole)


def test_fresh_pictures_go_on_with_the_next_epoch(
    corners: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def fresh(epoch: int) -> Split:
        return Split(np.roll(corners.train.images, epoch, axis=1), corners.train.targets)

    values = {name: getattr(corners, name) for name in vars(corners)}
    drawn, case = Dataset(**{**values, "fresh": fresh}), "stacked adam"
    (whole,) = train([member(corners, case, 3, None)], drawn, None)
    train([member(corners, case, 3, 2)], drawn, tmp_path)
    kill(monkeypatch, 30, [member(corners, case, 3, None)], drawn, tmp_path)
    (end,) = train([member(corners, case, 3, None)], drawn, tmp_path)
    assert end.provenance["resumed_after_epoch"] == 2
    assert_same(end, whole)
    often = member(corners, case, 3, None, evaluate_every=5)
    kill(monkeypatch, 13, [often], drawn, tmp_path / "often")
    assert list((tmp_path / "often").iterdir())
    assert_same(*(train([often], drawn, at)[0] for at in (tmp_path / "often", None)))
    (still,) = train([member(corners, case, 3, None)], corners, None)
    assert not np.array_equal(still.curves["loss"], whole.curves["loss"])


@pytest.mark.parametrize(
    ("case", "engine"),
    [(case, "torch") for case in CASES] + [(case, "numpy") for case in CASES if "cnn" not in case],
)
def test_an_interrupted_run_goes_on_as_if_it_had_not_been(
    case: str, engine: str, corners: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    members = [member(corners, case, s, None, evaluate_every=4) for s in (3, 4)]
    whole = train(members, corners, None, engine)
    kill(monkeypatch, 10, members, corners, tmp_path, engine)  # in the middle of an epoch
    begun = [(tmp_path / f"{r.run_id}.unfinished.safetensors").exists() for r in whole]
    assert any(begun)
    assert_goes_on(whole, members, corners, tmp_path, engine, begun)


def assert_goes_on(
    whole: Sequence[Record],
    members: Sequence[Member],
    corners: Dataset,
    tmp_path: Path,
    engine: str,
    begun: Sequence[bool],
    **changes: Any,
) -> None:
    """Members go on after ten updates, eight of which are an epoch, where they had begun."""
    seen: list[Progress] = []
    resumed = train(members, corners, tmp_path, engine, seen.append, **changes)
    for before, after in zip(whole, resumed, strict=True):
        assert_same(before, after)
        assert "resumed_after_epoch" not in after.provenance  # it is one run with one record
    steps = [record.metrics["steps"] for record in whole]
    said = [p.remark for p in seen if p.remark]
    assert said
    assert all(text.endswith(" from update 10") for text in said)
    trained = sum(40 * s - 10 * (s // 8) for s in steps)  # every eighth batch has 30 images
    assert sum(p.images for p in seen) == trained - 390 * sum(begun)  # not the first 10 again
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("case", "engine", "precision"),
    [
        *((case, "torch", "float32") for case in CASES),
        *((case, "torch", "bfloat16") for case in CASES),
        *((case, "numpy", "float32") for case in CASES if "cnn" not in case),
    ],
)
def test_a_run_that_is_asked_to_stop_saves_its_state_between_evaluations(
    case: str,
    engine: str,
    precision: str,
    corners: Dataset,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    """It goes on bit for bit, the losses that were summed for the next evaluation included."""
    monkeypatch.setattr(loop, "_REPORT_SECONDS", -1.0)  # after every update
    members = [member(corners, case, s, None, evaluate_every=4) for s in (3, 4)]
    seconds = {"checkpoint_seconds": 3600.0, "precision": precision}
    whole = train(members, corners, None, engine, **seconds)
    updates = 0

    def stop(progress: Progress) -> None:
        nonlocal updates
        updates += bool(progress.images)
        if updates == 10:
            raise Stopped

    with pytest.raises(Stopped):
        train(members, corners, tmp_path, engine, stop, **seconds)
    begun = [(tmp_path / f"{r.run_id}.unfinished.safetensors").exists() for r in whole]
    assert any(begun)
    assert_goes_on(whole, members, corners, tmp_path, engine, begun, **seconds)


@pytest.mark.parametrize("engine", ["torch", "numpy"])
def test_a_record_that_is_lost_on_its_way_costs_what_followed_the_checkpoint(
    engine: str, corners: Dataset, tmp_path: Path
):
    """An engine does not know whether its records are stored, so it leaves the checkpoints."""
    members = [member(corners, "stacked adam", seed, None) for seed in (3, 4)]
    resources = Resources("cpu", "float32", 1, checkpoints=tmp_path, checkpoint_seconds=0.0)
    cohort, seen = Cohort(tuple(members)), list[Progress]()
    lost = list(ENGINES[engine]().train(cohort, corners, resources, seen.append))
    left = {file.name for file in tmp_path.iterdir()}
    assert left == {f"{record.run_id}.unfinished.safetensors" for record in lost}
    images = sum(progress.images for progress in seen)
    seen.clear()
    again = train(members, corners, tmp_path, engine, seen.append)
    for before, after in zip(sorted(lost, key=lambda r: r.seed), again, strict=True):
        assert_same(before, after)
    assert 0 < sum(progress.images for progress in seen) < images / 4
    assert not list(tmp_path.iterdir())


def test_a_pretraining_leaves_no_checkpoint_because_no_store_gets_its_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(loop, "_REPORT_SECONDS", -1.0)  # after every update
    small = {"name": "xor", "train": 60, "validation": 20, "test": 20}
    pretrain = {"name": "transfer", "dataset": {**small, "noise": 0.5}, "epochs": 2}
    recipe = {"epochs": 2, "batch_size": 20, "pretrain": pretrain}
    study = {"study": "x", "dataset": small, "network": {"family": "mlp", "hidden": [4]}}
    (cohort,) = cohorts(plan_of({**study, "training": recipe, "repeats": 1}).configs())
    resources = Resources("cpu", "float32", 1, checkpoints=tmp_path, checkpoint_seconds=0.0)
    made, seen = ENGINES["torch"](), set[str]()

    def look(progress: Progress) -> None:
        seen.update(file.name for file in tmp_path.iterdir())

    (record,) = made.train(cohort, load(small), resources, look)
    (file,) = tmp_path.iterdir()
    assert file.name == f"{record.run_id}.unfinished.safetensors"
    assert len(seen) == 2, "the pretraining had one, too"


def test_an_interrupted_rung_goes_on_and_so_does_the_next(
    corners: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    case = "stacked adam"
    (whole,) = train([member(corners, case, 3, None)], corners, None)
    first, per_epoch = member(corners, case, 3, 3), -(-len(corners.train) // 40)
    kill(monkeypatch, 2 * per_epoch, [first], corners, tmp_path)
    (rung,) = train([first], corners, tmp_path)
    assert "resumed_after_epoch" not in rung.provenance
    kill(monkeypatch, 4 * per_epoch - 2, [member(corners, case, 3, None)], corners, tmp_path)
    (end,) = train([member(corners, case, 3, None)], corners, tmp_path)
    assert end.provenance["resumed_after_epoch"] == 3
    assert_same(end, whole)
    spent = rung.timing["train"] + end.timing["train"]
    assert spent == pytest.approx(end.curves["seconds"][-1], rel=1e-6)


def test_a_checkpoint_that_is_damaged_or_of_something_else_is_of_no_use(tmp_path: Path):
    arrays = {"a": np.arange(5.0)}
    Checkpoint(tmp_path, "run", "data", 0.0).save(arrays)
    found = Checkpoint(tmp_path, "run", "data", 0.0).load()
    assert found is not None
    np.testing.assert_array_equal(found["a"], arrays["a"])
    assert Checkpoint(tmp_path, "run", "other data", 0.0).load() is None
    (file,) = tmp_path.iterdir()
    file.write_bytes(file.read_bytes()[:-9])
    assert Checkpoint(tmp_path, "run", "data", 0.0).load() is None
    assert not Checkpoint(None, "run", "data", 0.0).due()


def test_a_rung_of_other_data_or_precision_is_not_resumed(corners: Dataset, tmp_path: Path):
    case, told = "stacked adam", []
    other = replace(
        corners,
        train=Split(255 - corners.train.images, corners.train.targets),
        fingerprint="inverted",
    )
    train([member(corners, case, 3, 1)], corners, tmp_path)
    for dataset, changes in ((other, {}), (corners, {"precision": "float64"})):
        (whole,) = train([member(corners, case, 3, None)], dataset, None, **changes)
        (end,) = train(
            [member(corners, case, 3, None)], dataset, tmp_path, "torch", told.append, **changes
        )
        assert "resumed_after_epoch" not in end.provenance
        assert_same(end, whole)
    said = [progress.remark for progress in told if progress.remark]
    assert len(said) == 2
    assert all("made with different data, precision or versions" in remark for remark in said)


def test_a_run_that_cannot_go_on_from_its_checkpoint_says_so(
    corners: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    one = member(corners, "stacked adam", 3, None, evaluate_every=4)
    (whole,) = train([one], corners, None)
    kill(monkeypatch, 10, [one], corners, tmp_path)
    (file,) = tmp_path.iterdir()
    file.write_bytes(file.read_bytes()[:-9])
    seen: list[Progress] = []
    (again,) = train([one], corners, tmp_path, "torch", seen.append)
    assert_same(again, whole)
    assert [p.remark for p in seen if p.remark] == [
        f"an interrupted run resumes from update 0; the checkpoint {file.name} was ignored: "
        "it is damaged"
    ]


def test_without_its_checkpoint_a_run_starts_again(corners: Dataset, tmp_path: Path):
    case, seeds = "stacked adam", (3, 4)
    whole = train([member(corners, case, s, None) for s in seeds], corners, None)
    first = train([member(corners, case, s, 2) for s in seeds], corners, tmp_path)
    (tmp_path / f"{first[0].run_id}.safetensors").unlink()
    ends = train([member(corners, case, s, None) for s in seeds], corners, tmp_path)
    assert ["resumed_after_epoch" in r.provenance for r in ends] == [False, True]
    for end, other in zip(ends, whole, strict=True):
        assert_same(end, other)
    (tmp_path / f"{first[1].run_id}.safetensors").write_bytes(b"half of it")
    (again,) = train([member(corners, case, 4, None)], corners, tmp_path)
    assert_same(again, whole[1])


def test_the_store_keeps_checkpoints_until_they_are_dropped(
    corners: Dataset, tmp_path: Path, train: Callable[..., list[Record]]
):
    (record,) = train(member(corners, "stacked adam", 3, 2))
    with Store(tmp_path) as store:
        store.add(record)
        file = store.checkpoints / f"{record.run_id}.safetensors"
        assert file.exists()
        store.drop_checkpoints([record.run_id, "never there"])
        assert not file.exists()


def test_an_engine_that_cannot_go_on_says_so(corners: Dataset):
    if find_spec("keras") is None:
        pytest.skip("needs Keras, which is only asked for its version here")
    one = member(corners, "cnn with batch norm and adagrad", 3, 2)
    with pytest.raises(EngineError, match=r"cannot resume training, got training.stop_after"):
        ENGINES["keras"]().check(Cohort((one,)), Resources())


def test_a_run_that_only_chooses_reads_no_test_image(corners: Dataset):
    class Closed:
        """A test part that nobody may look at."""

        def __getattr__(self, name: str) -> Any:
            raise AssertionError(f"the test part was asked for its {name}")

        def __len__(self) -> int:
            raise AssertionError("the test part was counted")

    values = {name: getattr(corners, name) for name in vars(corners)}
    closed = Dataset(**{**values, "test": Closed()})
    for case in ("stacked adam", "cnn, augmented, averaged"):
        one = member(corners, case, 3, None, epochs=6)
        with pytest.raises(AssertionError, match="the test part"):
            train([one], closed, None)
        choosing = Member({**one.config, "validation_only": True}, one.network, one.training, 3)
        (record,) = train([choosing], closed, None)
        assert record.metrics["val_accuracy"] > 0.3
        assert not any(name.startswith("test_") for name in record.metrics)
        assert not record.predictions
