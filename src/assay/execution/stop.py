"""Stopping by Ctrl-C or a signal, and the messages about it."""

from __future__ import annotations

import shlex
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from assay.core.plans import PlanData, planned_runs
from assay.core.store import Store

__all__ = ["how_to_resume", "interrupts", "kept", "with_store"]

SIGNALS = [getattr(signal, n) for n in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, n)]

TWICE_SECONDS = 0.5
"""A second Ctrl-C within this time is the same one, passed on by another program."""

_asked: list[threading.Event] = []
"""The state of the outermost `interrupts`, if any."""


@contextmanager
def interrupts() -> Iterator[Callable[[], bool]]:
    """Context in which Ctrl-C, SIGTERM and SIGHUP request a stop.

    A second Ctrl-C raises KeyboardInterrupt, once. A signal that is ignored, as under `nohup`,
    stays ignored. A nested one yields the state of the outer one.
    """
    if _asked or threading.current_thread() is not threading.main_thread():
        asked = _asked[0] if _asked else threading.Event()
        yield asked.is_set  # only the main thread receives signals
        return
    asked, impatient = threading.Event(), threading.Event()
    first = 0.0

    def ask(number: int, frame: FrameType | None) -> None:
        nonlocal first
        if not asked.is_set():
            first = time.monotonic()
            asked.set()
        elif number != signal.SIGINT or time.monotonic() - first < TWICE_SECONDS:
            return  # a closing terminal sends several signals
        elif not impatient.is_set():
            impatient.set()
            raise KeyboardInterrupt

    before = {number: signal.getsignal(number) for number in SIGNALS}
    heard = {n: h for n, h in before.items() if h not in (signal.SIG_IGN, None)}
    _asked.append(asked)
    try:
        for number in heard:
            signal.signal(number, ask)
        yield asked.is_set
    finally:
        _asked.clear()
        for number, handler in heard.items():
            signal.signal(number, handler)


def how_to_resume(plan: PlanData, store: Store, runs: int, missing: int) -> str:
    """Return the message after an interruption.

    Args:
        runs: number of runs to train; `missing` of them are not stored.
    """
    command = plan.get("command")
    if not plan.get("search") and runs < len(planned_runs(plan)):
        command = None  # some trials only, which the plan does not record
    again = f": `{with_store(str(command), store)}`" if command else ""
    return (
        f"interrupted: {runs - missing} of {runs} runs are stored; run the same command again to "
        f"train the other {missing}{again}"
    )


def with_store(command: str, store: Store) -> str:
    """Return a command with the store's folder, unless it is the usual one."""
    if store.path.resolve() == Path("assay-store").resolve():
        return command
    return f"{command} --store {shlex.quote(str(store.path))}"


def kept(saved: int, lost: int) -> str:
    """Return further lines about unfinished runs; "" for none.

    Args:
        saved: how many of them have a checkpoint; `lost`: how many have none.
    """
    lines = []
    if saved:
        runs = "1 unfinished run resumes" if saved == 1 else f"{saved} unfinished runs resume"
        lines.append(f"{runs} from a checkpoint")
    if lost:
        runs = "1 unfinished run has" if lost == 1 else f"{lost} unfinished runs have"
        lines.append(f"{runs} no checkpoint and will start again")
    return "".join(f"\n{line}" for line in lines)
