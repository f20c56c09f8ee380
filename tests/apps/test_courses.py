"""Courses: their studies are there, and every command of their pages does what it says."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from assay.apps.cli.app import main
from assay.studies import library
from assay.studies.courses import COURSES

ROOT = Path(__file__).resolve().parents[2]
AT_ONCE = {"xor"}
"""Studies whose data are drawn: they train at smoke scale, of the others the plan is made."""

STORED = ("report", "figure", "power", "export")
"""Commands that read the store: they are run on the small study that the tests have."""


def commands(page: str) -> list[list[str]]:
    """The lines of a page's shell blocks, those that go on joined."""
    blocks = re.findall(r"```sh\n(.*?)```", page, re.S)
    lines = "".join(blocks).replace("\\\n", " ").splitlines()
    return [shlex.split(line) for line in lines if line.strip()]


@pytest.mark.parametrize("name", list(COURSES))
def test_a_course_has_its_studies_and_a_page_that_runs_each(name: str, all_subjects: None):
    course = COURSES[name]
    assert course.here == course.studies
    page = (ROOT / course.page).read_text(encoding="utf-8")
    said = [line for line in commands(page) if line[:2] == ["assay", "run"]]
    run = list(dict.fromkeys(line[2] for line in said))
    assert run == list(course.studies)  # in the order of the course
    for other in ("docs/guide.md", "README.md"):
        text = (ROOT / other).read_text(encoding="utf-8")
        assert Path(course.page).name in text


@pytest.fixture(scope="module")
def worked() -> list[list[str]]:
    """The commands that have been run: several pages have the same ones."""
    return []


@pytest.mark.parametrize("name", list(COURSES))
def test_the_commands_of_a_page_work(
    name: str,
    worked: list[list[str]],
    study: Path,
    store: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    all_subjects: None,
):
    monkeypatch.chdir(tmp_path)
    run = next((store / "weights").glob("*.safetensors")).stem
    page = (ROOT / COURSES[name].page).read_text(encoding="utf-8")
    for words in commands(page):
        assert words[0] == "assay"
        line = [run if word == "RUN" else word for word in words[1:]]
        line = cheap(line, study, store)
        if line is not None and line not in worked:
            assert main(line) == 0, " ".join(line)
            worked.append(line)


def cheap(line: list[str], study: Path, store: Path) -> list[str] | None:
    """The command as a test can run it; None where it would download or take long."""
    command, at = line[0], ["--store", str(store)]
    if command in ("doctor", "unscramble") or line[:2] == ["data", "get"]:
        return None  # they have tests of their own
    if command == "data":
        drawn = ["data", line[1], "digits", *line[3:]]
        return [*drawn, "--images", "60"] if line[1] == "embed" else drawn
    if command == "run":
        small = [] if "--scale" in line else ["--scale", "smoke"]
        return [*line, *small, *(["--workers", "1"] if line[1] in AT_ONCE else ["--dry-run"])]
    if command == "search":
        return line if "--summary" in line else None
    if command == "report":  # typesetting takes a second and has its own tests
        line = [{"pdf": "markdown", "paper.pdf": "paper.md"}.get(word, word) for word in line]
    if command in STORED:
        first = next((i for i, word in enumerate(line) if word.startswith("--")), len(line))
        names = [str(study), *(line[2:3] if command == "figure" else [])]
        return [command, *names, *line[first:], *at]
    if command == "check-gradients":
        return [command, str(study), *line[2:]]
    if command == "engines":
        return [command, str(study), *line[2:], "--engines", "torch", "--engines", "numpy"]
    if command == "loss-surface":
        return [*line, "--points", "3", *at]
    return line


def test_the_list_groups_studies_by_course(capsys: pytest.CaptureFixture[str]):
    assert main(["list", "--course", "amsterdam"]) == 0
    out = capsys.readouterr().out
    assert "docs/course-amsterdam.md" in out
    places = [out.index(study) for study in COURSES["amsterdam"].here]
    assert places == sorted(places)
    assert "random-mlp" not in out
    assert main(["list", "--course"]) == 0
    out = capsys.readouterr().out
    assert all(f"{name}: " in out for name in COURSES)
    assert main(["list", "--course", "amsterdan"]) == 2
    assert "did you mean 'amsterdam'?" in capsys.readouterr().err


def test_a_course_without_a_subject_goes_on(monkeypatch: pytest.MonkeyPatch):
    there = [name for name in library.names() if not name.startswith("cats")]
    monkeypatch.setattr(library, "names", lambda: there)
    left = COURSES["leiden"].here
    assert "cats-gan" not in left
    assert left[0] == "digits-16"
