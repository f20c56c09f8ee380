"""`assay clocks`, and commands that know clocks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from assay.apps.cli.app import main
from assay.apps.cli.checks import checked_device
from assay.core.errors import ConfigError


def test_the_command_that_rendering_ends_with_can_be_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    assert main(["clocks", "render", "--n", "3600", "--size", "30", "--out", str(tmp_path)]) == 0
    said = " ".join(capsys.readouterr().out.split())
    command = said.partition("train on them: assay ")[2].split()
    assert main([*command, "--dry-run", "--store", str(tmp_path / "store")]) == 0
    assert "33" in capsys.readouterr().out, "runs of the study"


def test_networks_are_shown_on_a_dataset_and_with_a_task_that_suit_them(capsys):
    for family in ("clock-net", "clock-cnn"):
        assert main(["network", "show", family]) == 0
    assert "clocks-rendered" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "option"),
    [
        (["clocks", "train", "--out", "."], "--out"),
        (["clocks", "read", "x.png", "--overlay", "."], "--overlay"),
        (["data", "show", "digits", "--sheet", "."], "--sheet"),
    ],
)
def test_a_folder_is_no_file_to_write(
    arguments: list[str], option: str, capsys: pytest.CaptureFixture[str]
):
    assert main(arguments) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert f"for {option}. it is a folder, expected a file name" in said


@pytest.fixture
def photo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A photo in the current folder, and a second name of it."""
    monkeypatch.chdir(tmp_path)
    Image.new("RGB", (60, 60), "grey").save("photo.png")
    Path("link.png").symlink_to("photo.png")
    return "photo.png"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--overlay", "photo.png"], "--overlay photo.png: would overwrite the photo"),
        (["--overlay", "link.png"], "--overlay link.png: would overwrite the photo"),
        (["--overlay", "seen.jpg"], "for --overlay. expected a name that ends in .png"),
        (["--overlay", "photo.png/x.png"], "for --overlay. photo.png is a file, not a folder"),
        (
            ["--reader", "cours"],
            "--reader cours: no such reader; did you mean 'course'? (any, course, or a file)",
        ),
    ],
)
def test_a_photo_is_not_read_if_an_option_is_wrong(photo, arguments, said, capsys):
    before = Path(photo).read_bytes()
    assert main(["clocks", "read", photo, *arguments]) == 2
    found = capsys.readouterr()
    assert said in " ".join(found.err.split())
    assert found.out == ""
    assert Path(photo).read_bytes() == before


def test_an_address_is_not_read_and_shown_as_it_was_given(capsys):
    for command in (["clocks", "read"], ["data", "show"], ["unscramble"]):
        assert main([*command, "http://a/b.npy"]) == 2
        said = capsys.readouterr().err
        assert said.startswith("error: http://a/b.npy: addresses are not read; download the")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--seed", "-1"], "--seed -1: expected a whole number from 0 to "),
        (["--device", "cdua"], "--device cdua: unknown device 'cdua'; did you mean 'cuda'?"),
        (["--device", "cpu:x"], "--device cpu:x: unknown device 'cpu:x'; did you mean 'cpu'?"),
        (["--device", "cpu:7"], "--device cpu:7: unknown device 'cpu:7'; did you mean 'cpu'?"),
    ],
)
def test_clocks_are_not_drawn_or_learned_if_an_option_is_wrong(photo, arguments, said, capsys):
    render = ["clocks", "render", "--n", "1", "--out", "drawn"]
    for command in (render, ["clocks", "train", "--minutes", "0.01", "--store", "store"]):
        assert main([*command, *arguments]) == 2
        assert said in capsys.readouterr().err
    assert sorted(path.name for path in Path().iterdir()) == ["link.png", "photo.png"]


def test_a_file_is_no_folder_to_draw_into(photo, capsys):
    assert main(["clocks", "render", "--n", "1", "--out", photo]) == 2
    assert "for --out. photo.png is a file, not a folder" in capsys.readouterr().err


def test_devices_that_this_machine_lacks_are_refused(monkeypatch):
    assert checked_device("cpu") == checked_device("cpu:0") == "cpu"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ConfigError, match=r"--device cuda: .* is not available on this machine"):
        checked_device("cuda")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert checked_device("cuda:1") == "cuda:1"
    with pytest.raises(ConfigError, match=r"--device cuda:2: device .* the last GPU .* is cuda:1"):
        checked_device("cuda:2")


@pytest.mark.parametrize(
    ("start", "said"),
    [
        (
            "cours",
            "--start cours: no such reader; did you mean 'course'? (any, course, or a file)",
        ),
        ("no.safetensors", "--start no.safetensors: no such reader (any, course, or a file)"),
        ("photo.png", "photo.png: not a reader of clocks"),
    ],
)
def test_a_training_cannot_start_from_what_is_no_reader(photo, start, said, capsys):
    assert main(["clocks", "train", "--start", start, "--store", "store"]) == 2
    assert said in " ".join(capsys.readouterr().err.split())
    assert not Path("store").exists()


def test_clocks_of_ones_own_are_not_drawn_over(tmp_path, capsys):
    command = ["clocks", "render", "--size", "24", "--out", str(tmp_path), "--n"]
    np.save(tmp_path / "images.npy", np.zeros((2, 24, 24), np.uint8))
    assert main([*command, "1"]) == 2
    assert "would overwrite images.npy, which assay did not draw" in capsys.readouterr().err
    assert len(np.load(tmp_path / "images.npy")) == 2
    (tmp_path / "images.npy").unlink()
    for n in ("3", "1"):  # its own files are replaced
        assert main([*command, n]) == 0
        assert len(np.load(tmp_path / "images.npy")) == int(n)
    assert "1 clock of 24x24 pixels" in capsys.readouterr().out


def test_a_reader_is_never_written_over_another_kind_of_file(photo, capsys):
    assert main(["clocks", "train", "--minutes", "0.01", "--out", photo]) == 2
    said = f"{photo}: expected a name that ends in .safetensors\n"
    assert capsys.readouterr().err.endswith(said)
