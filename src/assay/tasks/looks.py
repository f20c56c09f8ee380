"""Test-time augmentation: the views of an image in evaluation."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["TEST_TIME", "Look", "looks_of"]


@dataclass(frozen=True)
class Look:
    """A view: the transformation of an image before it is evaluated.

    Attributes:
        turn: clockwise rotation in full turns, with black outside.
        mirror: whether it is mirrored left and right.
        down, right: shift in pixels after that, with reflection at the border.
        weight: weight of its outputs in the average.
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
    "translate": (
        Look(weight=1 / 2),
        *(Look(0, False, down, right, 1 / 8) for down in (1, -1) for right in (1, -1)),
    ),
}
"""Test-time augmentation by name: the image and its mirror image; the same, and both shifted by a
pixel towards two corners, with half of the weight; and, for images that a mirror would change into
others (digits), the image and it shifted by a pixel towards all four corners, likewise.

References:
    K. Jordan, "94% on CIFAR-10 in 3.29 Seconds on a Single GPU", 2024.
"""


def looks_of(task: object) -> tuple[Look, ...]:
    """Return the views of each image in evaluation; by default only the image itself."""
    return getattr(task, "looks", None) or (Look(),)
