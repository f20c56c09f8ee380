"""Each subject could be deleted: what is left knows nothing of it and passes its tests."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
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
"""Tests that run without it here: quick ones of every layer. All others pass as well, which takes
too long for a test: delete a folder and run `./scripts/test`."""


@pytest.mark.parametrize("subject", SUBJECTS)
def test_without_a_subject_everything_else_works(subject: str, tmp_path: Path):
    for part in ("src", "tests", "results", "docs"):
        shutil.copytree(ROOT / part, tmp_path / part, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    shutil.rmtree(tmp_path / "src/assay/subjects" / subject)
    shutil.rmtree(tmp_path / "tests/subjects" / subject)
    paths = os.pathsep.join([str(tmp_path / "src"), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "PYTHONPATH": paths}

    def run(*arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", *arguments],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    listed = run("assay", "list")
    assert "tour" in listed
    for study in (ROOT / "src/assay/subjects" / subject / "studies").glob("*.yaml"):
        assert study.stem not in listed.split()
    run("pytest", "-q", "-x", "-p", "no:cacheprovider", "-k", "not doctor", *LEFT)
