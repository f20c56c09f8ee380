"""Other tools on the same runs: time to open their pages, and memory of their servers."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from pages_store import LARGE, series

WRITER = Path(__file__).with_name("peer_pages.py")

LONGEST = 90.0
"""Seconds that a page is waited for."""

ALL_ROWS = "tb-data-table-content-row"

TOOLS: dict[str, dict[str, Any]] = {
    "optuna-dashboard 0.21": {
        "data": "optuna",
        "command": ["optuna-dashboard", "sqlite:///{data}/optuna.db", "--port", "{port}"],
        "pages": {
            "studies": ("/dashboard", [".MuiCardContent-root"]),
            "study of 1,000 runs": ("/dashboard/studies/1", [".js-plotly-plot .main-svg .trace"]),
        },
    },
    "tensorboard 2.21": {
        "data": "tensorboard",
        "command": ["tensorboard", "--logdir", "{data}", "--port", "{port}"],
        "pages": {
            "all runs": ("/", [ALL_ROWS, "line-chart canvas"]),
            "study of 1,000 runs": (f"/?runFilter={LARGE}", [ALL_ROWS, "line-chart canvas"]),
        },
    },
    "trackio 0.43": {
        "data": "trackio",
        "command": ["trackio", "show", "--project", LARGE],
        "ways": ("cold",),  # its page takes all of a core for minutes
        "pages": {"study of 1,000 runs": (f"/?project={LARGE}", [".plot canvas.marks"])},
    },
}


def write_peers(store: Path, venv: Path, folder: Path) -> dict[str, float]:
    """Write the runs for every tool that has none there; seconds that each took."""
    folder.mkdir(parents=True, exist_ok=True)
    file, took = folder / "series.npz", {}
    if not file.exists():
        np.savez(file, **series(store))
    for tool in (found["data"] for found in TOOLS.values()):
        if not (folder / tool).exists():
            began = time.monotonic()
            python = venv / "bin" / "python"
            subprocess.run([python, WRITER, tool, file, folder / tool], check=True)
            took[tool] = round(time.monotonic() - began, 1)
    return took


def family(pid: int) -> list[int]:
    """A process and all that it has started."""
    found = [pid]
    for other in Path("/proc").iterdir():
        with contextlib.suppress(OSError, ValueError):
            fields = (other / "stat").read_text().rpartition(")")[2].split()
            if int(fields[1]) == pid:
                found += family(int(other.name))
    return found


def free_port() -> int:
    """A port that nobody listens at."""
    with socket.create_server(("127.0.0.1", 0)) as plug:
        return int(plug.getsockname()[1])


@contextlib.contextmanager
def running(tool: dict[str, Any], venv: Path, folder: Path) -> Iterator[tuple[str, int]]:
    """A tool's server, once it answers: its address and its process."""
    data, port = folder / tool["data"], free_port()
    program, *words = (word.format(data=data, port=port) for word in tool["command"])
    more = {
        "TRACKIO_DIR": str(data),
        "GRADIO_SERVER_PORT": str(port),
        "BROWSER": "true",
        "PATH": f"{venv / 'bin'}:{os.environ['PATH']}",
    }
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"} | more
    with subprocess.Popen(
        [venv / "bin" / program, *words],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=environment,
        start_new_session=True,
    ) as process:
        try:
            for _ in range(600):
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                    break
                time.sleep(0.1)
            yield f"http://127.0.0.1:{port}", process.pid
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(10)
            with contextlib.suppress(OSError):
                os.killpg(process.pid, signal.SIGKILL)


def measure_peers(
    browser: Any,
    venv: Path,
    folder: Path,
    opened: Callable[..., dict[str, float]],
    used: Callable[[list[int]], dict[str, float]],
) -> dict[str, Any]:
    """Every page of every tool, cold and warm, and memory and time of its processes."""
    from playwright.sync_api import Error

    found: dict[str, Any] = {}
    for name, tool in TOOLS.items():
        found[name] = {}
        for page, (path, wanted) in tool["pages"].items():
            with running(tool, venv, folder) as (site, pid):
                said: dict[str, Any] = {"load": os.getloadavg()[0]}
                for way in tool.get("ways", ("cold", "warm")):
                    try:
                        said[way] = opened(browser, site + path, wanted, LONGEST)
                    except Error:
                        said[way] = f"not shown within {LONGEST:.0f} s"
                        break
                found[name][page] = said | used(family(pid))
    return found
