"""The learning rate over the steps of a run, as a factor on the run's rate."""

from __future__ import annotations

from math import cos, pi

from assay.engines.training import Schedule

__all__ = ["factor"]


def factor(schedule: Schedule, step: int, total: int, steps_per_epoch: int) -> float:
    """Factor on the learning rate of update `step` (0-based) of `total` updates."""
    warm = round(schedule.warmup * total)
    if step < warm:
        return (step + 1) / warm
    if schedule.name == "exponential":
        return schedule.decay_rate ** ((step - warm) / steps_per_epoch)
    if schedule.name == "cosine":
        done = (step - warm) / max(1, total - warm)
        low = schedule.final_fraction
        return low + (1 - low) * (1 + cos(pi * done)) / 2
    return 1.0
