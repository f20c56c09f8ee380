"""`assay clocks`, and commands that know clocks."""

from __future__ import annotations

from pathlib import Path

import pytest

from assay.apps.cli.app import main


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
    ],
)
def test_a_folder_is_no_file_to_write(
    arguments: list[str], option: str, capsys: pytest.CaptureFixture[str]
):
    assert main(arguments) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert f"for {option}. it is a folder, expected a file name" in said
