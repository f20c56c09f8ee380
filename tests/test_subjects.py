"""Subjects could be deleted, one or all: what is left knows nothing of them and still passes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SUBJECTS = sorted(p.parent.name for p in (ROOT / "src/assay/subjects").glob("*/__init__.py"))

LEFT = (
    "tests/studies/test_study.py",
    "tests/studies/test_plan.py",
    "tests/studies/test_golden.py",
    "tests/networks/test_families.py",
    "tests/data/test_specs.py",
    "tests/reports/test_views.py",
    "tests/apps/test_reference.py",
    "tests/apps/test_cli.py",
    "tests/apps/test_schema.py",
)
"""Tests that run without them here: quick ones of every layer. All others pass as well, which takes
too long for a test: delete a folder and run `./scripts/test`."""


Run = Callable[..., str]


@pytest.fixture
def without(tmp_path: Path) -> Callable[..., Run]:
    """A copy of the project without some subjects; gives what runs a Python module there."""

    def copy(*subjects: str) -> Run:
        for part in ("src", "tests", "results", "docs"):
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / part, tmp_path / part, ignore=ignored)
        shutil.copy(ROOT / "pyproject.toml", tmp_path)
        for subject in subjects:
            shutil.rmtree(tmp_path / "src/assay/subjects" / subject)
            shutil.rmtree(tmp_path / "tests/subjects" / subject)
        paths = os.pathsep.join([str(tmp_path / "src"), os.environ.get("PYTHONPATH", "")])

        def run(*arguments: str) -> str:
            done = subprocess.run(
                [sys.executable, "-m", *arguments],
                cwd=tmp_path,
                env={**os.environ, "PYTHONPATH": paths},
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 0, done.stdout + done.stderr
            return done.stdout

        return run

    return copy


@pytest.mark.parametrize("subject", SUBJECTS)
def test_without_a_subject_all_others_are_listed(subject: str, without: Callable[..., Run]):
    """That they need nothing of it in code is held by `test_architecture`."""
    run = without(subject)
    listed = run("assay", "list").split()
    for other in SUBJECTS:
        for study in (ROOT / "src/assay/subjects" / other / "studies").glob("*.yaml"):
            assert (study.stem in listed) == (other != subject)
    assert '"mlp"' in run("assay", "schema")  # asks every part of every kind for its settings


def test_without_any_subject_everything_else_works(without: Callable[..., Run]):
    run = without(*SUBJECTS)
    assert "tour" in run("assay", "list")
    run("pytest", "-q", "-x", "-p", "no:cacheprovider", "-k", "not doctor", *LEFT)
