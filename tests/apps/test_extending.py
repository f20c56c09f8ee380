"""docs/extending.md: the code of each section runs as it stands, in another folder."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

DOCS = Path(__file__).resolve().parents[2] / "docs" / "extending.md"

Run = Callable[..., str]


def blocks(section: str) -> dict[str, str]:
    """Language -> code of a section."""
    text = DOCS.read_text(encoding="utf-8").split(f"## {section}\n")[1].split("\n## ")[0]
    return dict(re.findall(r"```(\w+)\n(.*?)```", text, re.DOTALL))


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., str]:
    """Write the code of a section beside the study that uses it; return the study's file."""

    def write_section(section: str, more: str = "") -> str:
        code = blocks(section)
        (name,) = re.findall(r"plugins: \[(\w+\.py)\]", code["yaml"])
        (tmp_path / name).write_text(code["python"])
        (tmp_path / "study.yaml").write_text(code["yaml"] + more)
        return str(tmp_path / "study.yaml")

    return write_section


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """The command line in a process of its own and a folder of its own; what it prints."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()

    def run_command(*command: str, status: int = 0) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "assay", *command],
            cwd=elsewhere,
            env={**os.environ, "COLUMNS": "200"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == status, done.stderr
        return done.stdout + done.stderr

    return run_command


def test_a_metric(write: Callable[..., str], run: Run) -> None:
    run("run", write("A metric of your own", "engine: numpy\n"), "--workers", "1")
    table = run("results", "with-my-metric")  # with no plugin: the plan says how it is shown
    assert "judged by macro F1." in table
    assert "Other metrics of with-my-metric" in table
    assert "mistakes" in table
    assert re.search(r"\(baseline\) +2 +[\d.]+ ± [\d.]+ +\d\.\d{3} ± \d\.\d{3}\s", table)


def test_an_optimizer_and_a_schedule(write: Callable[..., str], run: Run) -> None:
    study = write("An optimizer of your own")
    said = run("run", study, "--workers", "2")
    assert "trained 8 of 8 runs" in said
    assert re.search(r"signum, momentum 0\.5\S* +(\(best\) +)?2 ", said)
    Path(study).write_text(Path(study).read_text().replace("[signum,", "[signun,"))
    said = run("run", study, status=2)
    assert "unknown optimizer 'signun'; did you mean 'signum'?" in said


def test_the_steps_of_an_optimizer_agree(write: Callable[..., str], run: Run) -> None:
    study = write("An optimizer of your own", "engine: numpy\n")
    only = ("--only", "signum", "--workers", "1", "--precision", "float64", "--repeats", "1")
    numbers = []
    for engine in ("numpy", "torch"):
        run("run", study, "--engine", engine, *only)
        numbers.append(
            re.findall(r"signum \(.*?\) +1 +([\d.]+)", run("results", "with-my-optimizer"))
        )
    assert numbers[0] == numbers[1] != []


def test_an_augmentation(write: Callable[..., str], run: Run, tmp_path: Path) -> None:
    study = write("An augmentation of your own")
    assert "trained 6 of 6 runs" in run("run", study, "--workers", "2")
    Path(study).write_text(Path(study).read_text().replace("size: 5", "sise: 5"))
    said = run("run", study, status=2)
    assert "unknown setting of augmentation cutout 'sise'; did you mean 'size'?" in said


def test_a_task_with_its_dataset_metric_and_network(write: Callable[..., str], run: Run) -> None:
    study = write("A task of your own")
    said = run("run", study, "--workers", "2", "--report", "page.html")
    assert "trained 4 of 4 runs" in said
    (best,) = re.findall(r"8 \(best, baseline\) +2 +([\d.]+) ±", said)
    assert float(best) > 60, "discs are easy to find"
    page = (Path(study).parent / "elsewhere" / "page.html").read_text()
    assert "it reaches test IoU" in page
    assert "Traceback" not in page
    assert "iou" in run("results", "discs", "--format", "csv")


def test_a_section(write: Callable[..., str], run: Run) -> None:
    study = write("A section of the report")
    run("run", study, "--workers", "1", "--report", "page.html")
    page = Path(study).parent / "elsewhere" / "page.html"
    assert '<section id="slowest"' in page.read_text()
    assert 'href="#slowest"' in page.read_text()


def test_parts_are_tested_by_their_own_tests(write: Callable[..., str], tmp_path: Path) -> None:
    write("An optimizer of your own")
    (tmp_path / "test_mine.py").write_text(blocks("Testing your parts")["python"])
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_mine.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert "2 passed" in done.stdout
