"""Pictures from a stored run by the command line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from assay.apps.api import plan_of
from assay.apps.cli.app import main
from assay.core.store import Store
from assay.data import load
from assay.engines.engine import ENGINES, Resources
from assay.studies.members import cohorts

DIALS = {"name": "drawn-dials", "size": 16, "train": 40, "validation": 20, "test": 20}
STUDY = {
    "study": "tiny",
    "dataset": DIALS,
    "network": {"family": "vae", "latent": 2, "filters": [4], "down_filters": [4], "dense": 64},
    "task": {"name": "autoencode", "features": 1},
    "training": {"steps": 2, "optimizer": "adam"},
}


FLOW = {
    "study": "flowing",
    "dataset": DIALS,
    "network": {"family": "flow", "filters": [4]},
    "task": {"name": "flow_matching", "euler_steps": 4, "features": 1},
    "training": {"steps": 2, "optimizer": "adam"},
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with one run of a VAE and one of a flow."""
    folder = tmp_path_factory.mktemp("made") / "store"
    resources = Resources(device="cpu", precision="float32", threads=1)
    for study in (STUDY, FLOW):
        plan = plan_of(study)
        (cohort,) = cohorts(plan.runs().values())
        (record,) = ENGINES["torch"]().train(cohort, load(DIALS), resources, lambda progress: None)
        with Store(folder) as store:
            store.save_plan(plan.to_json())
            store.add(record)
    return folder


def _pixels(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path))


def test_pictures_of_a_seed_are_always_the_same(made: Path, tmp_path: Path) -> None:
    files = [tmp_path / f"{name}.png" for name in "abc"]
    for file, seed in zip(files, ("3", "3", "4"), strict=True):
        command = ["sample", "tiny", "-n", "10", "--seed", seed, "--out", str(file)]
        assert main([*command, "--store", str(made)]) == 0
    first, again, other = map(_pixels, files)
    assert first.shape == (2 * 18 - 2, 8 * 18 - 2, 3)
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_pictures_that_cannot_be_written_leave_the_earlier_ones(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "a.png"
    file.write_bytes(b"earlier")

    def full(image: object, path: Path, *how: object) -> None:
        path.write_bytes(b"half of it")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", full)
    command = ["sample", "tiny", "-n", "1", "--out", str(file), "--store", str(made)]
    assert main(command) == 2
    assert f"cannot write {file}: No space left on device" in " ".join(
        capsys.readouterr().err.split()
    )
    assert file.read_bytes() == b"earlier"
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize("study", ["tiny", "flowing"])
def test_the_way_between_two_seeds_begins_and_ends_with_them(
    made: Path, tmp_path: Path, study: str
) -> None:
    command = ["interpolate", study, "--from", "3", "--to", "5", "--steps", "4"]
    assert main([*command, "--out", str(tmp_path / "way.png"), "--store", str(made)]) == 0
    one = ["sample", study, "-n", "1", "--seed", "5", "--out", str(tmp_path / "end.png")]
    assert main([*one, "--store", str(made)]) == 0
    way = _pixels(tmp_path / "way.png")
    assert way.shape == (16, 4 * 18 - 2, 3)
    np.testing.assert_array_equal(way[:, -16:], _pixels(tmp_path / "end.png"))


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (["sample", "tony"], "did you mean 'tiny'"),
        (["sample", "tiny", "-n", "0"], "must be from 1 to 10,000, got 0"),
        (["interpolate", "tiny", "--steps", "1"], "must be from 2 to 10,000, got 1"),
        (["sample", "zzz"], "no study or run 'zzz' in the store"),
        (["sample", "tiny", "--seed", "-1"], "--seed -1: expected a whole number from 0 to"),
        (["interpolate", "tiny", "--to", "-2"], "--to -2: expected a whole number from 0 to"),
    ],
)
def test_what_cannot_be_meant_is_said(made: Path, capsys, command: list[str], said: str) -> None:
    assert main([*command, "--store", str(made)]) == 2
    assert said in capsys.readouterr().err


def test_what_takes_one_network_says_so(made: Path, capsys) -> None:
    with Store(made, create=False, read_only=True) as opened:
        runs = opened.run_ids()
    assert len(runs) == 2
    for run in runs:
        assert main(["export", run, "--to", "torch", "--store", str(made)]) == 2
        assert "takes a network that reads images, got run" in capsys.readouterr().err
    assert main(["engines", "dials-gan-vae"]) == 2
    assert (
        "trains generator and discriminator by a program of the torch engine alone"
        in capsys.readouterr().err
    )


def test_a_run_that_makes_no_pictures_is_refused(store: Path, capsys) -> None:
    assert main(["sample", "small", "--store", str(store)]) == 2
    assert "has no finished run that generates images" in capsys.readouterr().err
    with Store(store, create=False, read_only=True) as opened:
        run = opened.run_ids()[0]
    assert main(["sample", run, "--store", str(store)]) == 2
    assert (
        "expected a run of task adversarial, autoencode or flow_matching" in capsys.readouterr().err
    )


@pytest.mark.parametrize(
    "arguments", [["sample", "run", "--out", "."], ["interpolate", "run", "--out", "./"]]
)
def test_a_folder_is_no_file_to_write(arguments: list[str], capsys: pytest.CaptureFixture[str]):
    assert main(arguments) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert "for --out. it is a folder, expected a file name" in said
