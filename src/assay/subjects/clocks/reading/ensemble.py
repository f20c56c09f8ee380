"""Several readers of clocks as one: which of them to believe, how far, and what else it may be.

Every reader looks at a clock as it is in the picture and turned by quarters. Each of these makes an
expert: one distribution over the 720 times. What the experts read are the candidates, and a
logistic regression on how far every expert supports a candidate, or something else, says how likely
the candidate is right. A reader that sees another time once the picture is turned, or two
that differ, are so no longer certain.

References:
    D. Wolpert, "Stacked Generalization", Neural Networks 5, 1992.
    V. Vovk et al., "Algorithmic Learning in a Random World", 2005: conformal prediction, here split
    and by bands of certainty ("Mondrian").
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from assay.core.errors import DataError
from assay.subjects.clocks.labels.distributions import APART, NEAR, shares_of_times
from assay.subjects.clocks.looks import TURNS
from assay.subjects.clocks.reading.reader import LOOKS, Reader, Sight, prepared
from assay.subjects.clocks.reading.views import Square, turned
from assay.subjects.clocks.time import HALF_DAY, distance

__all__ = ["BANDS", "Ensemble", "Judgement", "evidence", "possible_times"]

_TURNS = (*TURNS[:LOOKS], 0.25, 0.5, 0.75)
"""Looks at one clock, turned clockwise: a little, for the upright expert, and by quarters."""

_ROUND = [0, *range(LOOKS, len(_TURNS))]
"""Those of the expert from all round."""

FLOOR = 0.01
"""A share of this size is no evidence: what a network holds impossible may be so all the same."""

BANDS = (0.5, 0.9)
"""Certainties between which sets of possible times are calibrated apart."""


@dataclass(frozen=True)
class Judgement:
    """What an ensemble makes of n clocks.

    Attributes:
        minutes: (n,) the time.
        certainty: (n,) probability that it is right within a minute.
        shares: (n, 720) how likely each time is.
    """

    minutes: np.ndarray
    certainty: np.ndarray
    shares: np.ndarray

    @property
    def runner_up(self) -> np.ndarray:
        """(n,) the next best time that is at least five minutes away."""
        apart = distance(np.arange(HALF_DAY), self.minutes[:, None])
        return np.where(apart >= APART, self.shares, -1).argmax(-1)


class Ensemble:
    """Reads clocks with several readers, which see pictures of one size.

    Args:
        readers: the readers.
        about: {"weights": 4 for each reader and an offset, "thresholds": one for each band}, as
            `fit` in `calibration` makes it; JSON data.

    Raises:
        DataError: the description is of other readers.
    """

    def __init__(self, readers: Sequence[Reader], about: Mapping[str, Any]):
        self.readers, self.about = tuple(readers), dict(about)
        self.size = self.readers[0].size
        self.weights = np.asarray(about["weights"], float)
        self.thresholds = tuple(map(float, about["thresholds"]))
        if self.weights.shape != (4 * len(self.readers) + 1,):
            raise DataError(
                f"expected {4 * len(self.readers) + 1} weights, got {len(self.weights)}"
            )

    @classmethod
    def load(cls, readers: Sequence[Reader], path: Path) -> Ensemble:
        """With the description in a JSON file."""
        return cls(readers, json.loads(path.read_text(encoding="utf-8")))

    @property
    def style(self) -> str:
        """Styles of the readers."""
        return " and ".join(str(reader.about["style"]) for reader in self.readers)

    def read(self, picture: np.ndarray) -> Sight:
        """Read a picture uint8 (height, width, 1 or 3) of any size; see `Reader.read`."""
        greys, ratio = prepared(picture, self.size)
        places = [square for reader in self.readers for square in reader.places(greys[0])]
        squares = list(dict.fromkeys(places))
        views = [turned(g, s, self.size, _TURNS) for s in squares for g in greys]
        judged = self.judge(expert_shares(self.readers, np.stack(views)))
        best = int(judged.certainty.argmax())
        same = best // len(greys) * len(greys) + np.arange(len(greys))
        other = distance(judged.minutes[same], judged.minutes[best]) >= APART
        doubt = float(np.max(judged.certainty[same] * other, initial=0))
        certainty = float(judged.certainty[best]) * (1 - doubt)
        return self._sight(judged, best, certainty, views[best], squares[best // len(greys)], ratio)

    def _sight(
        self,
        judged: Judgement,
        row: int,
        certainty: float,
        views: np.ndarray,
        square: Square,
        ratio: float,
    ) -> Sight:
        minutes = int(judged.minutes[row])
        outputs = [reader.outputs(views[:1]) for reader in self.readers]
        nearest = min(outputs, key=lambda out: float(distance(_time(out), minutes)))
        turns = [int(head[0].argmax()) / head.shape[-1] for head in nearest.values()]
        return Sight(
            minutes=minutes,
            certainty=certainty,
            runner_up=int(judged.runner_up[row]),
            square=Square(square.left * ratio, square.top * ratio, square.side * ratio),
            directions=(turns[0], turns[1], turns[2]),
            possible=possible_times(judged.shares[row], minutes, certainty, self.thresholds),
            shares=judged.shares[row],
        )

    def glance(self, images: np.ndarray) -> Judgement:
        """Judge pictures uint8 (n, size, size, 1) of clocks and no more."""
        return self.judge(evidence(self.readers, images))

    def judge(self, experts: np.ndarray) -> Judgement:
        """Weigh the distributions of experts, (n, experts, 720)."""
        candidates, features = features_of(experts)
        score = features @ self.weights[:-1] + self.weights[-1]
        best = score.argmax(-1)
        rows = np.arange(len(best))
        belief = np.exp(score - score.max(-1, keepdims=True))
        belief /= belief.sum(-1, keepdims=True)
        shares = np.einsum("ne,net->nt", belief, experts)
        certainty = 1 / (1 + np.exp(-score[rows, best]))
        return Judgement(candidates[rows, best], certainty, shares)


def evidence(readers: Sequence[Reader], images: np.ndarray, together: int = 8) -> np.ndarray:
    """Distributions of the experts, (n, 2 for each reader, 720), for pictures uint8 (n, size, size,
    1): of each reader the upright one, then that from all round."""
    whole = Square(0, 0, images.shape[1])
    parts = []
    for start in range(0, len(images), together):
        photos = map(Image.fromarray, images[start : start + together, ..., 0])
        views = np.stack([turned(p, whole, images.shape[1], _TURNS) for p in photos])
        parts.append(expert_shares(readers, views))
    return np.concatenate(parts)


def expert_shares(readers: Sequence[Reader], views: np.ndarray) -> np.ndarray:
    """The same for looks that are there, uint8 (n, looks, size, size, 1)."""
    found = []
    for reader in readers:
        outputs = reader.outputs(views.reshape(-1, *views.shape[2:]))
        logs = [log.reshape(*views.shape[:2], -1) for log in reader.scheme.log_shares(outputs)]
        found.append(shares_of_times(*(log[:, :LOOKS].mean(1) for log in logs)))
        found.append(shares_of_times(*(log[:, _ROUND] for log in logs)).mean(1))
    return np.stack(found, 1)


def features_of(experts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What each expert reads (n, e), and for each of these how far every expert supports it and how
    far the expert holds something else likelier, (n, e, 2 e): in logarithms, from 0."""
    candidates = experts.argmax(-1)
    near = distance(np.arange(HALF_DAY), candidates[..., None]) <= NEAR  # (n, e, 720)
    support = np.einsum("nct,net->nce", near, experts)  # candidate c by expert e
    own = np.einsum("nee->ne", support)
    agrees = distance(candidates[:, :, None], candidates[:, None]) <= NEAR
    against = np.where(agrees, 0.0, own[:, None])
    both = np.concatenate([support, against], -1)
    return candidates, np.log((both + FLOOR) / FLOOR)


def possible_times(
    shares: np.ndarray, minutes: int, certainty: float, thresholds: Sequence[float]
) -> tuple[tuple[int, int], ...]:
    """Spans of times, first and last minute, that together hold the true one as often as the
    thresholds were calibrated for.

    Args:
        shares: (720,) how likely each time is.
        minutes: what was read, which is always among them.
        thresholds: by band of certainty, the share of the largest share that a time must have.
    """
    band = int(np.searchsorted(BANDS, certainty, side="right"))
    inside = shares >= thresholds[band] * shares.max()
    inside[minutes] = True
    if inside.all():
        return ((0, HALF_DAY - 1),)
    starts = np.flatnonzero(inside & ~np.roll(inside, 1))
    ends = np.flatnonzero(inside & ~np.roll(inside, -1))
    ends = np.roll(ends, -1) if ends[0] < starts[0] else ends
    spans = [(int(a), int(b)) for a, b in zip(starts, ends, strict=True)]

    def mass(span: tuple[int, int]) -> float:
        return float(
            shares[
                np.arange(span[0], span[0] + (span[1] - span[0]) % HALF_DAY + 1) % HALF_DAY
            ].sum()
        )

    return tuple(sorted(spans, key=mass, reverse=True))


def _time(outputs: Mapping[str, np.ndarray]) -> float:
    """The time between the likeliest directions, in minutes."""
    twelve, _, hour = (int(head[0].argmax()) / head.shape[-1] for head in outputs.values())
    return (hour - twelve) % 1 * HALF_DAY
