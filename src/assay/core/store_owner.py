"""The owner of a claim on a run, and whether its process is still alive.

A process is identified by host, id and start time, because ids are reused. A host is one running
kernel (and one container in it), so that a claim from before a restart never counts as live.
Processes on other hosts count as alive until their last heartbeat is too old.
"""

from __future__ import annotations

import itertools
import os
import socket
import subprocess
from functools import cache
from pathlib import Path

__all__ = [
    "HEARTBEAT_SECONDS",
    "SILENT_SECONDS",
    "is_alive",
    "new_owner",
    "process_of",
    "retire_owner",
]

HEARTBEAT_SECONDS = 20.0
"""Seconds between two renewals of a claim."""

SILENT_SECONDS = 180.0
"""Seconds without a heartbeat after which a claim is void if its process cannot be inspected."""

_count = itertools.count()
_working: set[str] = set()


def new_owner() -> str:
    """Return a new owner of claims: "host|process id|start time|number"."""
    owner = f"{_host()}|{os.getpid()}|{_start_time(os.getpid()) or ''}|{next(_count)}"
    _working.add(owner)
    return owner


def retire_owner(owner: str) -> None:
    """Mark the work as ended: claims that could not be released are void from now on."""
    _working.discard(owner)


def is_alive(owner: str, silent_for: float) -> bool:
    """Return whether the owner's process may still be working.

    Args:
        owner: a name from `new_owner`; for any other name only the heartbeat counts.
        silent_for: seconds since its last heartbeat.
    """
    parts = owner.split("|")
    if parts[:2] == [_host(), str(os.getpid())]:
        return owner in _working
    if len(parts) == 4 and parts[0] == _host() and parts[1].isdigit() and parts[2]:
        return _start_time(int(parts[1])) == parts[2]
    return silent_for < SILENT_SECONDS


def process_of(owner: str) -> int | None:
    """Return the id of the owner's process if it works on this host, else None."""
    parts = owner.split("|")
    if len(parts) != 4 or parts[0] != _host() or not parts[1].isdigit():
        return None
    return int(parts[1]) if is_alive(owner, 0.0) else None


@cache
def _host() -> str:
    name = socket.gethostname().replace("|", "_")
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()[:8]
        return f"{name}/{boot}/{os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return name


def _start_time(pid: int) -> str | None:
    """Return the start time of process `pid` as the system reports it; None if it has ended."""
    try:
        # the command, in brackets, may contain spaces and brackets; the state follows it
        state, *fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return None if state in "ZX" else fields[18]
    except OSError:
        if os.path.isdir("/proc/self") or os.name != "posix":
            return None
    found = subprocess.run(
        ["ps", "-o", "lstart=", "-p", str(pid)],
        env={**os.environ, "TZ": "UTC", "LC_ALL": "C"},  # equal for whoever asks
        capture_output=True,
        text=True,
        check=False,
    )
    return found.stdout.strip() or None
