"""Brackets and rungs of Hyperband and successive halving, as plain data."""

from __future__ import annotations

import math
from dataclasses import dataclass

__all__ = ["Bracket", "Rung", "hyperband", "promoted", "successive_halving"]


@dataclass(frozen=True)
class Rung:
    """So many trials train until the end of this epoch."""

    trials: int
    epochs: int


@dataclass(frozen=True)
class Bracket:
    """A bracket: rungs with decreasing numbers of trials and increasing epochs."""

    rungs: tuple[Rung, ...]

    @property
    def epochs(self) -> int:
        """Total number of epochs, with promoted trials resuming."""
        before = (0, *(rung.epochs for rung in self.rungs))
        return sum(r.trials * (r.epochs - b) for r, b in zip(self.rungs, before, strict=False))


def hyperband(max_epochs: int, min_epochs: int = 1, eta: int = 3) -> list[Bracket]:
    """Return the brackets of Hyperband, from the one with most rungs to the one without halving.

    Bracket s starts with n = ceil((s_max + 1) / (s + 1) * eta^s) trials of max_epochs / eta^s
    epochs and keeps the best 1 / eta of them at each rung.

    Args:
        max_epochs: budget of a trial that is not stopped.
        min_epochs: minimum budget of a trial.
        eta: factor by which a rung divides the trials and multiplies the epochs.

    References:
        L. Li et al., "Hyperband: A Novel Bandit-Based Approach to Hyperparameter Optimization",
        JMLR 18, 2018, algorithm 1.
    """
    deepest = _halvings(max_epochs, min_epochs, eta)
    return [
        _bracket(-(-(deepest + 1) * eta**s // (s + 1)), s, max_epochs, eta)
        for s in range(deepest, -1, -1)
    ]


def successive_halving(
    trials: int, max_epochs: int, min_epochs: int = 1, eta: int = 3
) -> list[Bracket]:
    """Return one bracket of so many trials, halved as often as the budgets and their number allow.

    References:
        K. Jamieson and A. Talwalkar, "Non-stochastic Best Arm Identification and Hyperparameter
        Optimization", AISTATS 2016.
    """
    often = _halvings(max_epochs, min_epochs, eta)
    while often and trials < eta**often:
        often -= 1
    return [_bracket(trials, often, max_epochs, eta)]


def _halvings(max_epochs: int, min_epochs: int, eta: int) -> int:
    """Return the largest s with max_epochs / eta^s >= min_epochs, in exact arithmetic."""
    often = 0
    while max_epochs >= min_epochs * eta ** (often + 1):
        often += 1
    return often


def _bracket(trials: int, halvings: int, max_epochs: int, eta: int) -> Bracket:
    return Bracket(
        tuple(
            Rung(max(1, trials // eta**i), max(1, round(max_epochs / eta ** (halvings - i))))
            for i in range(halvings + 1)
        )
    )


def promoted(values: dict[int, float | None], count: int, higher_is_better: bool) -> list[int]:
    """Return the best `count` trials of a rung, by number, excluding those without a finite value.

    Args:
        values: trial number -> value; ties go to the smaller number.
    """
    sign = -1 if higher_is_better else 1
    able = [(sign * v, n) for n, v in values.items() if v is not None and math.isfinite(v)]
    return sorted(number for _, number in sorted(able)[:count])
