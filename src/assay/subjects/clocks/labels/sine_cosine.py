"""Sine and cosine: directions as points on a circle, without a discontinuity at twelve."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from assay.subjects.clocks.labels.scheme import SCHEMES, Reading, true_minutes
from assay.subjects.clocks.time import HALF_DAY, HOUR, hands, wrap

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Hands", "Phase"]

_TINY = 1e-8


def _points(turns: Any) -> np.ndarray:
    """Sine and cosine, float32 (n, 2)."""
    angle = 2 * np.pi * np.asarray(turns)
    return np.stack([np.sin(angle), np.cos(angle)], -1).astype(np.float32)


def _turns(points: np.ndarray) -> np.ndarray:
    """Return the direction of points (..., 2) of any length, in turns."""
    sine, cosine = points[..., 0].astype(float), points[..., 1].astype(float)
    return wrap(np.arctan2(sine, cosine) / (2 * np.pi), 1)


def _apart(output: Tensor, encoded: Tensor) -> Tensor:
    """Distance of points (..., 2), with a slope at 0. It is not squared, because a square would
    vanish compared with other losses for close points, and emphasise doubtful pictures."""
    return ((output - encoded) ** 2).sum(-1).add(_TINY).sqrt()


class Phase:
    """The hour hand alone, two outputs: it determines the time, but a minute is half a degree."""

    title = "sine and cosine of the phase"
    resolution = 0.0

    def heads(self) -> dict[str, int]:
        """Two units."""
        return {"phase": 2}

    def encode(self, targets: np.ndarray) -> np.ndarray:
        """Sine and cosine of the hour hand, (n, 2)."""
        return _points(hands(true_minutes(targets))[0])

    def loss(self, outputs: Mapping[str, Tensor], encoded: Tensor) -> Tensor:
        """Distance of the points."""
        return _apart(outputs["phase"], encoded)

    def decode(self, outputs: Mapping[str, np.ndarray]) -> Reading:
        """The direction of the point."""
        return Reading.plain(wrap(_turns(outputs["phase"]) * HALF_DAY))


class Hands:
    """Both hands, four outputs: the minute from the minute hand, the hour that fits both hands."""

    title = "sine and cosine"
    resolution = 0.0

    def heads(self) -> dict[str, int]:
        """Four units: sine and cosine of the hour hand, then of the minute hand."""
        return {"hands": 4}

    def encode(self, targets: np.ndarray) -> np.ndarray:
        """The units' targets, (n, 4)."""
        return np.concatenate([_points(t) for t in hands(true_minutes(targets))], -1)

    def loss(self, outputs: Mapping[str, Tensor], encoded: Tensor) -> Tensor:
        """Sum of both distances."""
        output = outputs["hands"]
        hour = _apart(output[..., :2], encoded[..., :2])
        return hour + _apart(output[..., 2:], encoded[..., 2:])

    def decode(self, outputs: Mapping[str, np.ndarray]) -> Reading:
        """Return the minute, with the hour whose hour hand is closest to the predicted one."""
        hour, minute = (_turns(outputs["hands"][..., i : i + 2]) for i in (0, 2))
        whole = np.round(hour * 12 - minute)
        return Reading.plain(wrap((whole + minute) * HOUR))


SCHEMES.add("sine_cosine")(Hands())
SCHEMES.add("phase_sine_cosine")(Phase())
