"""Damaged files: a few for each reader on every run; `./scripts/bench fuzz` tries thousands."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

from fuzz import attempt, damaged
from fuzz_readers import READERS, Target


@pytest.fixture
def own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ASSAY_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("ASSAY_DATA", str(tmp_path / "data"))


@pytest.mark.usefixtures("own_cache")
@pytest.mark.parametrize("name", READERS)
@pytest.mark.filterwarnings("ignore")
def test_damaged_files_end_in_one_clear_error(name: str, tmp_path: Path):
    target = READERS[name]
    files = target.make(tmp_path)
    for file, content in files.items():
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_bytes(content)
    for seed in range(15):
        file, content = damaged(name, files, seed)
        assert (file, content) == damaged(name, files, seed)
        (tmp_path / file).write_bytes(content)
        wrong = attempt(target, tmp_path / file)
        assert not wrong or wrong.startswith("slow"), f"--reader {name} --seed {seed}: {wrong}"
        (tmp_path / file).write_bytes(files[file])


def test_what_should_not_be_is_found(tmp_path: Path):
    (tmp_path / "a.x").write_bytes(b"1")

    def read(path: Path) -> int:
        return int(path.read_bytes())

    target = Target(lambda folder: {}, read)
    assert attempt(target, tmp_path / "a.x") == ""
    (tmp_path / "a.x").write_bytes(b"one")
    assert attempt(target, tmp_path / "a.x").startswith("ValueError at test_bench_fuzz.py:")
    assert attempt(Target(lambda folder: {}, read, refuses=(ValueError,)), tmp_path / "a.x") == ""
