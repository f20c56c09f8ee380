"""How an image is changed for each look at it in evaluation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from assay.tasks.task import Task

__all__ = ["TEST_TIME", "Look", "looks_of"]


@dataclass(frozen=True)
class Look:
    """What an image goes through before a network sees it once more.

    Attributes:
        turn: how far it is turned clockwise, in turns, black moving in from outside.
        mirror: whether it is mirrored left and right.
        down, right: pixels by which it is shifted after that, its reflection moving in.
        weight: of what the network then says, where outputs are averaged.
    """

    turn: float = 0.0
    mirror: bool = False
    down: int = 0
    right: int = 0
    weight: float = 1.0


_SIDES = (False, True)

TEST_TIME: dict[str, tuple[Look, ...]] = {
    "flip": tuple(Look(mirror=side, weight=1 / 2) for side in _SIDES),
    "flip_translate": (
        *(Look(mirror=side, weight=1 / 4) for side in _SIDES),
        *(Look(0, side, by, by, 1 / 8) for by in (1, -1) for side in _SIDES),
    ),
}
"""Test-time augmentation by name: the image and its mirror image; the same, and both shifted by a
pixel towards two corners, for half of the weight.

References:
    K. Jordan, "94% on CIFAR-10 in 3.29 Seconds on a Single GPU", 2024.
"""


def looks_of(task: Task | Any) -> tuple[Look, ...]:
    """The looks at each image in evaluation; mostly one, at the image as it is."""
    return getattr(task, "looks", None) or (Look(),)
