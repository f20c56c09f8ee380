"""Peers as processes that stay alive between rounds, and the contestants of each cell."""

from __future__ import annotations

import contextlib
import json
import os
import select
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

__all__ = ["CONTESTANTS", "Contestant", "PeerError", "Process", "environment", "peers_python"]

HERE = Path(__file__).resolve().parent
ANSWER_SECONDS = 180.0
THREAD_SETTINGS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


class PeerError(Exception):
    """A peer ended, or did not answer in time."""


@dataclass(frozen=True)
class Contestant:
    """A script and the names that its variants have in the results."""

    script: str
    names: dict[str, str]
    options: tuple[str, ...] = ()
    own_environment: bool = False
    mlps_in_float32: bool = False

    def takes(self, model: str, precision: str) -> bool:
        """Whether it can train a model in a number format."""
        return not self.mlps_in_float32 or ("cnn" not in model and precision == "float32")

    @property
    def title(self) -> str:
        """What messages call it."""
        return next(iter(self.names.values())).partition(",")[0]


CONTESTANTS = (
    Contestant(
        "peer_assay.py",
        {v: f"assay, {v}" for v in ("one run", "cohort of 5", "cohort of 20")},
    ),
    Contestant("peer_torch.py", {"loop": "PyTorch loop"}),
    Contestant("peer_sklearn.py", {"fit": "MLPClassifier"}, mlps_in_float32=True),
    Contestant(
        "peer_keras.py",
        {"default": "Keras/TensorFlow", "best": "Keras/TensorFlow, best"},
        ("--backend", "tensorflow"),
        own_environment=True,
    ),
    Contestant(
        "peer_keras.py",
        {"default": "Keras/JAX", "best": "Keras/JAX, best"},
        ("--backend", "jax"),
        own_environment=True,
    ),
)


def peers_python() -> Path | None:
    """The interpreter that Keras is installed for, or None."""
    found = HERE / ".venv-peers" / "bin" / "python"
    return found if found.exists() else None


def environment() -> dict[str, str]:
    """The caller's, without thread settings: every peer uses the threads that it chooses."""
    return {name: text for name, text in os.environ.items() if name not in THREAD_SETTINGS}


class Process:
    """A peer's script, waiting for work.

    Args:
        contestant: which.
        arguments: of the command line, model and so on.
        settings: environment variables that it gets besides.
    """

    def __init__(
        self,
        contestant: Contestant,
        arguments: list[str],
        settings: Mapping[str, str] = MappingProxyType({}),
    ):
        python = str(peers_python()) if contestant.own_environment else sys.executable
        command = [python, str(HERE / contestant.script), *arguments, *contestant.options, "--wait"]
        self.contestant = contestant
        self._said = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed in `end`
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
            text=True,
            env={**environment(), **settings},
        )

    def ask(self, line: str) -> dict[str, Any]:
        """Send a line and wait for the answer.

        Raises:
            PeerError: there is none, with the end of what the peer wrote on standard error.
        """
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        try:
            print(line, file=stdin, flush=True)
        except BrokenPipeError:
            raise PeerError(f"has ended: {self._tail()}") from None
        ready, _, _ = select.select([stdout], [], [], ANSWER_SECONDS)
        if not ready:
            raise PeerError(f"no answer to {line!r} within {ANSWER_SECONDS:g} s")
        answer = stdout.readline()
        if not answer:
            raise PeerError(f"has ended: {self._tail()}")
        return json.loads(answer)

    def end(self) -> None:
        """Close its input, which ends it; or kill it if it is stuck."""
        if self._process.stdin is not None and not self._process.stdin.closed:
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.close()
        try:
            self._process.wait(3)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._said.close()

    def _tail(self) -> str:
        self._said.seek(0)
        lines = self._said.read().strip().splitlines()
        return lines[-1] if lines else "it said nothing"
