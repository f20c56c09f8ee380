"""Assignment of workers to GPUs of this machine.

A GPU gets one worker process; a second one where cohorts are so small that both fit, because one
prepares its next updates while the other computes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from assay.engines.engine import Cohort, Engine, Resources
from assay.studies.estimate import cohort_memory

__all__ = ["Gpus", "gpus_for"]

CONTEXT_BYTES = 1 << 30
"""GPU memory of every process before it trains (PyTorch and CUDA)."""

MOST_WORKERS = 2
"""Maximum number of processes on one GPU; more of them wait for each other."""


@dataclass(frozen=True)
class Gpus:
    """The GPUs of this machine, as workers share them.

    Attributes:
        devices: the device of each worker, in the order in which workers start; empty if networks
            train on the CPU.
        memory: bytes that one worker may use.
    """

    devices: tuple[str, ...] = ()
    memory: int = 0


def gpus_for(
    cohorts: Sequence[Cohort],
    engine: Engine,
    resources: Resources,
    workers: int = 0,
    data_dir: Path | None = None,
) -> Gpus:
    """Share the GPUs on which an engine may train.

    Args:
        cohorts: cohorts to train.
        engine: its `accelerators(resources)` returns the GPUs; without it there are none.
        resources: with the device "auto" or "cuda"; another names its GPU, which has one worker.
        workers: their number; 0 depends on memory.
    """
    ask = getattr(engine, "accelerators", None)
    if ask is None or resources.device not in ("auto", "cuda"):
        return Gpus()
    there: dict[str, int] = ask(resources)
    if not there:
        return Gpus()
    names, least = list(there), min(there.values())
    largest = max((cohort_memory(c, data_dir) for c in cohorts), default=0)
    fitting = least // (CONTEXT_BYTES + largest)
    count = workers or len(names) * max(1, min(MOST_WORKERS, fitting))
    shared = -(-count // len(names))
    memory = max(1, least // shared - CONTEXT_BYTES)  # 0 would mean that it is unknown
    return Gpus(tuple(names[i % len(names)] for i in range(count)), memory)
