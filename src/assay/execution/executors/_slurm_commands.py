"""The commands of SLURM: nodes, states, submission and cancellation.

submitit submits (its script, its settings), but a task runs assay's own module, because submitit
would use pickle.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Iterable, Mapping

from assay.core.errors import EngineError, MissingExtraError, install_extra
from assay.execution.executors._slurm_batch import Batch
from assay.execution.executors._slurm_task import SIGNAL
from assay.execution.executors.executor import Node

__all__ = ["cancel", "largest_array", "nodes", "states", "submit"]

WARN_SECONDS = 90
"""Seconds before its time limit at which a task is asked to save and requeued."""

MEBIBYTE = 2**20


def _ask(*command: str) -> str:
    """Return the output of a SLURM command.

    Raises:
        EngineError: it is missing or fails.
    """
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    except FileNotFoundError:
        said = "was not found; run assay where you submit jobs, such as the login node"
        raise EngineError(f"--on slurm: the command {command[0]} {said}") from None
    except subprocess.TimeoutExpired:
        raise EngineError(f"--on slurm: {command[0]} did not answer for a minute") from None
    if done.returncode:
        said = " ".join(done.stderr.split())
        raise EngineError(f"--on slurm: {command[0]} failed: {said}")
    return done.stdout


def nodes(partition: str | None) -> list[Node]:
    """Return the nodes of a partition, or of the default one."""
    chosen = [f"--partition={partition}"] if partition else []
    said = _ask("sinfo", "--noheader", "--Node", "--format=%N|%c|%m|%G|%T|%P", *chosen)
    found = []
    for line in said.splitlines():
        name, cpus, memory, gres, state, its = line.strip().split("|")
        if partition or its.endswith("*"):
            gpus = sum(int(n) for n in re.findall(r"gpu(?::[^:,()]+)?:(\d+)", gres))
            size = int(memory.rstrip("+")) * MEBIBYTE
            found.append(Node(name, int(cpus), gpus, size, state))
    if not found:
        raise EngineError(f"--on slurm: there is no node in partition {partition or '(default)'}")
    return found


def largest_array() -> int:
    """Return the maximum size of an array at this site."""
    said = re.search(r"MaxArraySize\s*=\s*(\d+)", _ask("scontrol", "show", "config"))
    return max(1, int(said.group(1)) - 1) if said else 1000


def states(names: Iterable[str]) -> dict[str, str]:
    """Return task -> state of queued and running tasks."""
    numbers = sorted({name.partition("_")[0] for name in names if name})
    if not numbers:
        return {}
    command = ("squeue", "--noheader", "--array", "--format=%i|%T")
    lines = _ask(*command, "--me").splitlines()
    found = dict(line.strip().split("|") for line in lines if "|" in line)
    return {name: state for name, state in found.items() if name.partition("_")[0] in numbers}


def cancel(names: Iterable[str]) -> None:
    """Cancel tasks; running ones get time to save."""
    if wanted := [name for name in names if name]:
        _ask("scancel", *wanted)


def submit(batch: Batch, settings: Mapping[str, object], largest: int) -> None:
    """Submit all tasks of a batch, in as many arrays as the site's limit requires.

    Raises:
        EngineError: SLURM refuses them.
        MissingExtraError: submitit is not installed.
    """
    try:
        from submitit.core.utils import FailedJobError, FailedSubmissionError
        from submitit.slurm.slurm import SlurmExecutor
    except ImportError as error:
        raise MissingExtraError(
            f"--on slurm needs the extra slurm: {install_extra('slurm')}"
        ) from (error)
    executor = SlurmExecutor(batch.folder / "logs")
    count, names = len(batch.tasks), list[str]()
    more = {"requeue": True, "signal": f"{SIGNAL}@{WARN_SECONDS}"}
    executor.update_parameters(
        job_name="assay",
        wckey=None,
        array_parallelism=count,  # there are as many tasks as may train at once
        additional_parameters=more,
        **settings,
    )
    for start in range(0, count, largest):
        size = min(largest, count - start)
        executor.parameters["map_count"] = size
        module = "assay.execution.executors._slurm_task"
        command = shlex.join([sys.executable, "-m", module, str(batch.folder), str(start)])
        try:
            job = executor._submit_command(command)
        except (FailedJobError, FailedSubmissionError) as error:
            cancel(names)
            said = " ".join(str(error).split())
            raise EngineError(f"--on slurm: sbatch refuses {size} tasks: {said}") from error
        names += [f"{job.job_id}_{index}" for index in range(size)]
    batch.named(names)
