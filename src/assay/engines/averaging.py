"""How weights are averaged over the updates of a run, as plain data and as numbers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from assay.core.options import check_fields, integer, number, setting

__all__ = ["Lookahead", "exponential", "uniform"]


@dataclass(frozen=True)
class Lookahead:
    """Every `steps` updates go a share of the way from where they began, and on from there.

    What is evaluated and kept are the weights that the optimizer updates; after a multiple of
    `steps` they are the slow ones.

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
    """The share of the weights in their moving average at update t = 1, 2, ...: 1 - decay, at first
    more, 1 - (1 + t) / (10 + t)."""
    return lambda update: 1 - min(decay, (1 + update) / (10 + update))


def uniform(start: int) -> Callable[[int], float]:
    """The same of the mean of all weights after update `start`; until then the weights are all of
    it."""
    return lambda update: 1 / max(1, update - start)
