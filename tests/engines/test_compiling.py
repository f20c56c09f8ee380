"""Where compiled functions are cached, whatever else compiles at the same time."""

from __future__ import annotations

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
