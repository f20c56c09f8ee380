"""What a record says of the code and the machine that made it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from assay.core.cores import waited
from assay.core.machine import TELLING, cpu_features, machine, source

PACKAGE = Path(__file__).resolve().parents[2] / "src/assay"


def said_by(clone: Path) -> dict[str, object]:
    """What a copy of the source says of itself."""
    code = "import json; from assay.core.machine import source; print(json.dumps(source()))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(clone / "src"), "PATH": "/usr/bin:/bin"},
        cwd=clone,
        capture_output=True,
        text=True,
        check=True,
    )
    import json

    return json.loads(done.stdout)


@pytest.mark.skipif(not shutil.which("git", path="/usr/bin:/bin"), reason="needs git")
def test_the_code_is_told_by_its_digest_and_in_a_clone_by_its_commit(tmp_path: Path):
    clone = tmp_path / "clone"
    for part in ("__init__.py", "core/__init__.py", "core/machine.py"):
        file = clone / "src/assay" / part
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text((PACKAGE / part).read_text() if part.endswith("machine.py") else "")
    (clone / "pyproject.toml").write_text("")
    (clone / "src/assay/notes.txt").write_text("")
    alone = said_by(clone)
    assert alone.keys() == {"source"}, "no clone"
    git = ["git", "-C", str(clone), "-c", "user.name=a", "-c", "user.email=a@b"]
    for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "first"]):
        subprocess.run([*git, *command], check=True, capture_output=True)
    index = (clone / ".git/index").read_bytes()
    # git status would note that its content is the same
    os.utime(clone / "src/assay/notes.txt", (10**9, 10**9))
    clean = said_by(clone)
    assert (clone / ".git/index").read_bytes() == index
    assert clean == {**alone, "commit": clean["commit"], "dirty": False}
    assert len(str(clean["commit"])) == 40
    (clone / "src/assay/core/__init__.py").write_text("x = 1\n")
    changed = said_by(clone)
    assert (changed["dirty"], changed["commit"]) == (True, clean["commit"])
    assert changed["source"] != clean["source"]


def test_a_record_holds_them():
    said = machine()
    assert said["source"] == source()["source"]
    assert {"cpu_features", "cores", "assay", "python"} <= said.keys()


INTEL = (
    "model name\t: A processor\nflags\t\t: fpu avx2 amx_bf16\nvmx flags\t: vnmi\nbugs\t\t: mds\n"
)
ARM = "processor\t: 0\nFeatures\t: fp asimd i8mm bf16\nCPU part\t: 0xd4f\n"


@pytest.mark.parametrize(
    ("text", "features"),
    [(INTEL, {"avx2", "amx_bf16"}), (ARM, {"asimd", "i8mm", "bf16"}), ("", set())],
)
def test_the_features_of_a_processor_are_found_whatever_the_line_is_called(
    text: str, features: set[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    file = tmp_path / "cpuinfo"
    file.write_text(text)
    monkeypatch.setattr("assay.core.machine.CPU_FILE", file)
    assert features == cpu_features.__wrapped__() & set(TELLING)


def test_waiting_for_a_core_only_grows():
    before = waited()
    sum(range(100_000))
    assert waited() >= before >= 0
