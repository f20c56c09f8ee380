"""Averages of the weights over the updates of a run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from assay.core.options import check_fields, integer, number, setting

__all__ = ["Lookahead", "exponential", "uniform"]


@dataclass(frozen=True)
class Lookahead:
    """Every `steps` updates, move the slow weights a fraction of the way to the present ones.

    The weights that the optimizer updates are evaluated and kept; after a multiple of `steps`, they
    equal the slow weights.

    References:
        M. Zhang, J. Lucas, G. Hinton and J. Ba, "Lookahead Optimizer: k steps forward, 1 step
        back", NeurIPS 2019.
    """

    steps: int = setting(integer(5, low=1, help="Updates until the slow weights take a step."))
    step_size: float = setting(
        number(0.5, above=0, high=1, help="Share of the way that the slow weights go.")
    )

    def __post_init__(self) -> None:
        check_fields(self, ("lookahead",))


def exponential(decay: float) -> Callable[[int], float]:
    """Return the weights' share in their moving average at update t = 1, 2, ...: 1 - decay, but at
    first 1 - (1 + t) / (10 + t)."""
    return lambda update: 1 - min(decay, (1 + update) / (10 + update))


def uniform(start: int) -> Callable[[int], float]:
    """Return the same for the mean of all weights after update `start`; until then it is 1."""
    return lambda update: 1 / max(1, update - start)
