"""How many physical cores this process may use, and when workers on them are done."""

from __future__ import annotations

import heapq
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

__all__ = ["make_span", "physical_cores", "waited"]

_SCHEDULE = Path("/proc/thread-self/schedstat")


def physical_cores() -> int:
    """Count the physical cores that this process may use; at least 1."""
    try:
        allowed = os.sched_getaffinity(0)
    except AttributeError:  # not Linux
        return os.cpu_count() or 1
    siblings = set()
    for number in allowed:
        file = Path(f"/sys/devices/system/cpu/cpu{number}/topology/thread_siblings_list")
        try:
            siblings.add(file.read_text().strip())
        except OSError:
            siblings.add(str(number))
    return max(1, min(len(siblings), _quota()))


def _quota() -> int:
    """Return the number of whole cores in the container's CPU quota."""
    with suppress(OSError, ValueError):
        share, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        return max(1, int(share) // int(period))
    return 1 << 16


def waited() -> float:
    """Return the seconds that this thread has waited for a core; 0 if Linux does not count them."""
    try:
        return int(_SCHEDULE.read_text().split()[1]) / 1e9
    except (OSError, ValueError, IndexError):
        return 0.0


def make_span(works: Sequence[float], workers: int) -> float:
    """Return when the last worker finishes if each, once free, takes the next job."""
    loads = [0.0] * max(1, min(workers, len(works)))  # more would have nothing to do
    for work in works:
        heapq.heapreplace(loads, loads[0] + work)
    return max(loads)
