"""Where compiled functions are cached, whatever else compiles at the same time."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest

pytest.importorskip("numba")

import numba

from assay.engines.compiled.compiling import _kept, cache_folder


def test_threads_that_compile_at_once_cache_in_our_folder_and_leave_the_users_setting():
    config: Any = numba.config
    before, seen = config.CACHE_DIR, []
    inside, may_go_on = Event(), Event()

    def other() -> None:
        with _kept():
            inside.set()
            may_go_on.wait(10)
            seen.append(config.CACHE_DIR)

    thread = Thread(target=other)
    with _kept():
        thread.start()
        inside.wait(0.2)
    may_go_on.set()
    thread.join(10)
    assert seen == [str(cache_folder())]
    assert before == config.CACHE_DIR


@pytest.fixture
def shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The cache in the folder for temporary files, which everybody may write; there is no other."""
    (tmp_path / "a-file").touch()
    monkeypatch.setenv("ASSAY_CACHE", str(tmp_path / "a-file"))
    monkeypatch.setattr(numba.config, "CACHE_DIR", "")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    cache_folder.cache_clear()
    folder = cache_folder()
    assert folder is not None
    assert folder.parent == tmp_path
    cache_folder.cache_clear()
    yield folder
    cache_folder.cache_clear()


def test_nobody_else_can_write_the_cache_in_the_folder_for_temporary_files(shared: Path):
    assert cache_folder() == shared
    assert not shared.stat().st_mode & 0o077


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="users have one folder each")
@pytest.mark.parametrize("how", ["written by all", "a link", "of another user"])
def test_a_cache_that_others_may_have_filled_is_not_used(
    shared: Path, how: str, monkeypatch: pytest.MonkeyPatch
):
    if how == "written by all":
        shared.chmod(0o777)
    elif how == "a link":
        shared.symlink_to(shared.rename(shared.with_name("elsewhere")))
    else:
        own = os.getuid()
        monkeypatch.setattr(Path, "lstat", lambda path: _of_user(os.lstat(path), own + 1))
    assert cache_folder() is None


def _of_user(found: os.stat_result, user: int) -> os.stat_result:
    return os.stat_result((*found[:4], user, *found[5:10]))
