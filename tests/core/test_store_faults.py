"""What a disk, a kill and other processes can do to a store, each of them for real."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from assay.core.errors import StoreError
from assay.core.records import Record
from assay.core.store import Store

HELPERS = """
import sys, time
import numpy as np
from assay.core.errors import StoreError
from assay.core.records import Record
from assay.core.store import Store
def make(name, size=1000):
    curves = {"loss": np.full(size, 1.5, np.float32)}
    weights = {"kernel": np.full(size, 2.5, np.float32)}
    return Record(name, "t", 0, "finished", {}, curves, {"steps": 1}, weights=weights)
"""


def make(name: str, size: int = 1000) -> Record:
    curves = {"loss": np.full(size, 1.5, np.float32)}
    weights = {"kernel": np.full(size, 2.5, np.float32)}
    return Record(name, "t", 0, "finished", {}, curves, {"steps": 1}, weights=weights)


def start(code: str, *args: object) -> subprocess.Popen[str]:
    program = HELPERS + textwrap.dedent(code)
    command = [sys.executable, "-c", program, *map(str, args)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def check_whole(path: Path) -> list[str]:
    """Every run that is there is there whole; return their names."""
    with Store(path) as store:
        names = store.run_ids()
        for record in store.records(names):
            assert record.curves["loss"].sum() == pytest.approx(1.5 * len(record.curves["loss"]))
            assert len(store.weights(record.run_id)["kernel"]) == len(record.curves["loss"])
        assert store._index.db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    return names


@contextmanager
def small_disk(folder: Path, size: str):
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)],
        capture_output=True,
    ).returncode:
        pytest.skip("no right to mount a small disk here")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(store: Store, size: int) -> list[str]:
    """Add runs until the disk says no; return those that were stored."""
    stored: list[str] = []

    def add_all() -> None:
        for number in range(10_000):
            store.add(make(f"run{number}", size))
            stored.append(f"run{number}")

    with pytest.raises(StoreError, match=r"(the disk is full|disk fails or is full); free some"):
        add_all()
    return stored


def test_a_table_of_contents_that_is_no_text_is_named(tmp_path):
    with Store(tmp_path):
        pass
    index = tmp_path / "index.sqlite"
    content = index.read_bytes()
    at = content.index(b"updated TEXT NOT NULL DEFAULT")
    index.write_bytes(content[:at] + b"\xf1-\xf7(" + content[at + 4 :])
    with pytest.raises(StoreError, match=r"cannot read the store .*: index.sqlite is damaged"):
        Store(tmp_path, create=False, read_only=True).run_ids()


@pytest.mark.skipif(sys.platform != "linux", reason="mounts a small disk")
@pytest.mark.parametrize("size", [200, 9000])  # the index fills it, or a weights file does
def test_a_full_disk_loses_nothing(tmp_path, size):
    with small_disk(tmp_path, "1m"):
        ballast = tmp_path / "ballast"
        ballast.write_bytes(b"x" * 300_000)
        with Store(tmp_path / "store") as store:
            stored = fill(store, size)
            assert stored
            assert store.present(stored) == set(stored)
            assert not list(tmp_path.rglob("*.tmp"))
            missing = f"run{len(stored)}"
            assert not store._weights_file(missing).exists()
            ballast.unlink()
            assert store.add(make(missing, size))
        assert check_whole(tmp_path / "store") == sorted([*stored, missing])


def test_an_index_that_cannot_grow(tmp_path):
    with Store(tmp_path) as store:
        pages = store._index.db.execute("PRAGMA page_count").fetchone()[0]
        store._index.db.execute(f"PRAGMA max_page_count = {pages + 20}")
        stored = fill(store, 3000)
        store._index.db.execute("PRAGMA max_page_count = 1000000")
        assert len(list((tmp_path / "weights").iterdir())) == len(stored)
        assert store.add(make("later"))
    assert check_whole(tmp_path) == sorted([*stored, "later"])


@pytest.mark.skipif(os.name != "posix", reason="limits the size of files")
def test_files_that_may_not_grow(tmp_path):
    writer = start(
        """
        import resource
        with Store(sys.argv[1]) as store:
            store.add(make("small"))
            resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
            try:
                store.add(make("large", 100_000))
            except StoreError as error:
                print(error)
            store.add(make("second"))
        """,
        tmp_path,
    )
    out, err = writer.communicate(timeout=60)
    assert "cannot store run large: the disk is full" in out, err
    assert check_whole(tmp_path) == ["second", "small"]


@pytest.mark.skipif(sys.platform != "linux", reason="mounts a disk")
def test_a_write_protected_store_can_be_read(tmp_path):
    with small_disk(tmp_path, "4m"):
        with Store(tmp_path / "store") as store:
            store.add(make("a"))
        subprocess.run(["mount", "-o", "remount,ro", str(tmp_path)], check=True)
        with Store(tmp_path / "store", read_only=True) as store:
            assert store.record("a").curves["loss"][0] == 1.5
            with pytest.raises(StoreError, match=r"cannot store run b: .* is opened read-only"):
                store.add(make("b"))
            with pytest.raises(StoreError, match=r"cannot write .*: it is opened read-only"):
                store.save_plan({"study": "tour"})
        with pytest.raises(StoreError, match=r"(write-protected|write permission|Read-only)"):
            Store(tmp_path / "store")
        with pytest.raises(StoreError, match=r"cannot open the store .*new: Read-only"):
            Store(tmp_path / "new")


def test_a_reader_never_makes_a_writer_wait(tmp_path):
    with Store(tmp_path) as writer, Store(tmp_path, read_only=True) as reader:
        writer.add(make("a"))
        reader._index.db.execute("BEGIN")
        assert reader.run_ids() == ["a"]
        begin = time.monotonic()
        writer.add(make("b"))
        assert time.monotonic() - begin < 5
        assert reader.run_ids() == ["a"]  # still its own view
        reader._index.db.execute("COMMIT")
        assert reader.run_ids() == ["a", "b"]


def test_many_processes_make_one_store(tmp_path):
    """All start at the same moment on an empty folder; each stores its own and a common run."""
    code = """
    time.sleep(max(0, float(sys.argv[3]) - time.time()))
    with Store(sys.argv[1]) as store:
        mine = [store.add(make(name)) for name in ("common", sys.argv[2])]
        print(*mine)
    """
    moment = time.time() + 1.5
    writers = [start(code, tmp_path / "store", f"own{i}", moment) for i in range(5)]
    said = [w.communicate(timeout=60) for w in writers]
    assert [w.returncode for w in writers] == [0] * 5, said
    assert sorted(out.split()[0] for out, _ in said) == ["False"] * 4 + ["True"]
    assert check_whole(tmp_path / "store") == ["common", *(f"own{i}" for i in range(5))]


@pytest.mark.skipif(os.name != "posix", reason="kills without warning")
def test_kill_in_the_middle_of_writing(tmp_path):
    """Every run that a writer had said to be stored, before it was killed, is there."""
    said = set()
    program = """
        with Store(sys.argv[1]) as store:
            for number in range(100_000):
                name = f"{sys.argv[2]}-{number:06}"
                store.add(make(name, 5000))
                print(name, flush=True)
        """
    for attempt in range(3):
        with start(program, tmp_path, attempt) as writer:
            assert writer.stdout is not None
            said.add(writer.stdout.readline().strip())  # a busy machine may take long to get here
            time.sleep(0.1 + 0.03 * attempt)
            os.kill(writer.pid, signal.SIGKILL)
            # Not communicate(), which leaves out what readline has read ahead.
            said |= set(writer.stdout.read().splitlines())
        assert writer.returncode == -signal.SIGKILL
    names = check_whole(tmp_path)
    assert {name.split("-")[0] for name in names} == {"0", "1", "2"}
    assert said <= set(names)
    assert len(names) - len(said) <= 3  # one of each writer may be stored and not yet said
    old = next(iter((tmp_path / "weights").iterdir())).with_suffix(".123.tmp")
    old.write_bytes(b"half")
    os.utime(old, (time.time() - 9999, time.time() - 9999))
    Store(tmp_path).close()
    assert not old.exists()
