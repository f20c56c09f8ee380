"""docs/extending.md: the code of each section runs as it stands, in another folder."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from assay.apps.cli.app import main

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
        text = DOCS.read_text(encoding="utf-8").split(f"## {section}\n")[1]
        (name, *_) = re.findall(r"`(my_\w+\.py)`", text)
        (tmp_path / name).write_text(code["python"])
        (tmp_path / "study.yaml").write_text(code.get("yaml", "") + more)
        return str(tmp_path / "study.yaml")

    return write_section


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, which is another one than the study's."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.delenv("ASSAY_STORE")
    monkeypatch.setenv("COLUMNS", "200")
    return folder


@pytest.fixture
def run(
    elsewhere: Path, own_plugins: Callable[[], None], capsys: pytest.CaptureFixture[str]
) -> Run:
    """The command line, which knows no plugin at its start; what it prints."""

    def run_command(*command: str, status: int = 0) -> str:
        own_plugins()
        assert main(list(command)) == status
        return "".join(capsys.readouterr())

    return run_command


@pytest.fixture
def run_outside(elsewhere: Path) -> Run:
    """The same in a process of its own, where other processes have to find the plugins."""

    def run_command(*command: str, status: int = 0) -> str:
        line = [sys.executable, "-m", "assay", *command]
        done = subprocess.run(line, capture_output=True, text=True, check=False)
        assert done.returncode == status, done.stderr
        return done.stdout + done.stderr

    return run_command


@pytest.mark.usefixtures("blank_page")
def test_a_metric(write: Callable[..., str], run: Run) -> None:
    run("run", write("Custom metrics", "engine: numpy\n"))
    table = run("results", "with-my-metric")  # with no plugin: the plan says how it is shown
    assert "The main metric of the study is macro F1." in table
    assert "Other metrics of with-my-metric" in table
    assert "mistakes" in table
    assert re.search(r"\(baseline\) +2 +[\d.]+ ± [\d.]+ +\d\.\d{3} ± \d\.\d{3}\s", table)


@pytest.mark.usefixtures("blank_page")
def test_an_optimizer_and_a_schedule(write: Callable[..., str], run: Run) -> None:
    study = write("Custom optimizers")
    said = run("run", study)
    assert "trained 8 of 8 runs" in said
    assert re.search(r"signum, momentum 0\.5\S* +(\(best\) +)?2 ", said)
    Path(study).write_text(Path(study).read_text().replace("[signum,", "[signun,"))
    said = run("run", study, status=2)
    assert "unknown optimizer 'signun'; did you mean 'signum'?" in said


@pytest.mark.usefixtures("blank_page")
def test_the_steps_of_an_optimizer_agree(write: Callable[..., str], run: Run) -> None:
    study = write("Custom optimizers", "engine: numpy\n")
    only = ("--only", "signum", "--precision", "float64", "--repeats", "1")
    numbers = []
    for engine in ("numpy", "torch"):
        run("run", study, "--engine", engine, *only)
        numbers.append(
            re.findall(r"signum \(.*?\) +1 +([\d.]+)", run("results", "with-my-optimizer"))
        )
    assert numbers[0] == numbers[1] != []


@pytest.mark.usefixtures("blank_page")
def test_an_augmentation(write: Callable[..., str], run: Run, tmp_path: Path) -> None:
    study = write("Custom augmentations")
    assert "trained 6 of 6 runs" in run("run", study)
    Path(study).write_text(Path(study).read_text().replace("strength: 0.5", "strenght: 0.5"))
    said = run("run", study, status=2)
    assert "unknown setting of augmentation noise 'strenght'; did you mean 'strength'?" in said


@pytest.mark.usefixtures("blank_page")
def test_a_transform(write: Callable[..., str], run: Run) -> None:
    study = write("Custom transforms")
    assert "trained 4 of 4 runs" in run("run", study)
    Path(study).write_text(Path(study).read_text().replace("[0, 2]", "[0, 1]"))
    assert "grey_levels must be 0 or at least 2" in run("run", study, status=2)


def test_a_task_with_its_dataset_metric_and_network(write: Callable[..., str], run: Run) -> None:
    study = write("Custom tasks")
    said = run("run", study, "--report", "page.html")
    assert "trained 4 of 4 runs" in said
    (best,) = re.findall(r"8 \(best, baseline\) +2 +([\d.]+) ±", said)
    assert float(best) > 60, "discs are easy to find"
    page = (Path(study).parent / "elsewhere" / "page.html").read_text()
    assert "it reaches test IoU" in page
    assert "Traceback" not in page
    assert "iou" in run("results", "discs", "--format", "csv")


def test_a_section(write: Callable[..., str], run: Run) -> None:
    study = write("Report sections")
    run("run", study, "--report", "page.html")
    page = Path(study).parent / "elsewhere" / "page.html"
    assert '<section id="slowest"' in page.read_text()
    assert 'href="#slowest"' in page.read_text()


def test_a_family_that_a_pool_trains(write: Callable[..., str], run_outside: Run) -> None:
    write("Custom executors")
    study = Path(write("Custom network families", "engine: numpy\n"))
    both = "[my_family.py, my_executor.py]"
    study.write_text(study.read_text().replace("[my_family.py]", both))
    said = run_outside("run", str(study), "--workers", "2", "--on", "pool")
    assert "trained 4 of 4 runs" in said
    assert re.search(r"\n1 +(\(best\) +)?2 ", said)
    said = run_outside("run", str(study), "--set", "network.dept=1", status=2)
    assert "unknown option of network family funnel 'dept'; did you mean 'depth'?" in said


@pytest.mark.usefixtures("blank_page")
def test_a_sampler(write: Callable[..., str], run: Run) -> None:
    study = write("Custom samplers", "engine: numpy\n")
    assert "4 of 4 trials were proposed by climb" in run("run", study)
    schema = run("schema", study)
    assert '"climb"' in schema
    Path(study).write_text(Path(study).read_text().replace("sampler: climb", "sampler: clim"))
    assert "unknown sampler 'clim'; did you mean 'climb'?" in run("run", study, status=2)


def test_an_installed_plugin_is_always_known(
    run_outside: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = blocks("Commands, and plugins that are always loaded")
    (tmp_path / "my_commands.py").write_text(code["python"])
    entries = re.search(r"entry-points.\"(assay.plugins)\"\]\n(.*?)\n$", code["toml"], re.DOTALL)
    assert entries
    info = tmp_path / "my_parts-1.0.dist-info"
    for folder in (info, tmp_path / "studies"):
        folder.mkdir()
    (info / "entry_points.txt").write_text(f"[{entries[1]}]\n{entries[2]}\n".replace('"', ""))
    (tmp_path / "studies" / "how-deep.yaml").write_text("study: how-deep\nquestion: How deep?\n")
    monkeypatch.setenv(
        "PYTHONPATH", os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    )
    assert "Count the runs of each stored study." in run_outside("--help")
    assert "How deep?" in run_outside("list")
    assert "how-deep" in run_outside("__complete", "run", "how").split()


def test_parts_are_tested_by_their_own_tests(write: Callable[..., str], tmp_path: Path) -> None:
    write("Custom optimizers")
    (tmp_path / "test_mine.py").write_text(blocks("Testing your plugins")["python"])
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_mine.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert "2 passed" in done.stdout
