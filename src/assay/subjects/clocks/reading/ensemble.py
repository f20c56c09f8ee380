"""An ensemble of two clock readers, with calibrated probabilities and sets of possible times.

The first reads clocks of any style; the second, of one style, is used if a detector (linear in the
outputs of the first) finds that the picture may have that style. Each evaluates a clock upright and
rotated by quarter turns, which gives two experts: distributions over the 720 times. The readings of
the experts are the candidates, and a logistic regression on the support of every expert for a
candidate, or for another time, gives its probability. So a reader whose reading changes with
rotation, or two that differ, have a low certainty.

References:
    D. Wolpert, "Stacked Generalization", Neural Networks 5, 1992.
    V. Vovk et al., "Algorithmic Learning in a Random World", 2005: conformal prediction, here split
    and by bands of certainty ("Mondrian").
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from assay.core.errors import DataError
from assay.core.records import Spec
from assay.subjects.clocks.labels.distributions import APART, NEAR, shares_of_times
from assay.subjects.clocks.looks import TURNS
from assay.subjects.clocks.reading.reader import LOOKS, Reader, Sight, prepared
from assay.subjects.clocks.reading.views import Square, turned
from assay.subjects.clocks.time import HALF_DAY, distance

__all__ = [
    "BANDS", "Ensemble", "Judgement", "Stack", "evidence", "features_of", "possible_times",
]  # fmt: skip

_TURNS = (*TURNS[:LOOKS], 0.25, 0.5, 0.75)
"""Clockwise rotations of a clock: small ones for the upright expert, and quarter turns."""

_ROUND = [0, *range(LOOKS, len(_TURNS))]
"""Rotations of the expert for all orientations."""

_TOGETHER = 8
"""Number of clocks in one evaluation."""

FLOOR = 0.01
"""Lower bound of probabilities, because a network may be wrong about impossible times."""

REST = 1e-3
"""Minimum probability of all other times."""

BANDS = (0.5, 0.9)
"""Bounds of the bands of certainty in which sets of possible times are calibrated."""


SPECIAL = 0.2
"""Probability of its style from which the second reader is used as well."""


@dataclass(frozen=True)
class Judgement:
    """The result of an ensemble for n clocks.

    Attributes:
        minutes: (n,) the time.
        certainty: (n,) probability that it is right within a minute.
        shares: (n, 720) probability of each time.
        together: (n,) whether both readers were used.
    """

    minutes: np.ndarray
    certainty: np.ndarray
    shares: np.ndarray
    together: np.ndarray

    @property
    def runner_up(self) -> np.ndarray:
        """(n,) the second best time, at least five minutes away."""
        apart = distance(np.arange(HALF_DAY), self.minutes[:, None])
        return np.where(apart >= APART, self.shares, -1).argmax(-1)


class Stack:
    """The weights of the experts of two readers.

    Args:
        about: {"detector": a weight for each output of the first reader, and an offset; "weights":
            7 for the first reader alone, 13 for both; "thresholds": one for each band}, as `fit` in
            `calibration` makes it; JSON data.

    Raises:
        DataError: the description is invalid.
    """

    def __init__(self, about: Spec):
        self.about = dict(about)
        self.detector = np.asarray(about["detector"], float)
        self.weights = tuple(np.asarray(w, float) for w in about["weights"])
        self.thresholds = tuple(map(float, about["thresholds"]))
        counts = [len(w) for w in self.weights]
        if counts != [7, 13]:
            raise DataError(f"expected 7 and 13 weights, got {' and '.join(map(str, counts))}")

    def may_be_special(self, outputs: np.ndarray) -> np.ndarray:
        """Return whether clocks may have the second reader's style, from outputs (n, units) of the
        first for the upright pictures."""
        score = outputs @ self.detector[:-1] + self.detector[-1]
        found: np.ndarray = score > np.log(SPECIAL / (1 - SPECIAL))
        return found

    def judge(self, experts: np.ndarray, together: np.ndarray) -> Judgement:
        """Combine the distributions of experts, (n, 4, 720): those of the first reader alone, or of
        both."""
        n = len(experts)
        minutes, certainty = np.zeros(n, int), np.zeros(n)
        shares = np.zeros((n, HALF_DAY))
        for both, count in ((False, 2), (True, 4)):
            rows = np.flatnonzero(together == both)
            found = weigh(experts[rows, :count], self.weights[int(both)])
            minutes[rows], certainty[rows], shares[rows] = found
        return Judgement(minutes, certainty, shares, together)


class Ensemble:
    """Reads clocks with two readers, which see pictures of one size.

    Args:
        readers: one for any style, and one for a single style.
        stack: their weights.
    """

    def __init__(self, readers: Sequence[Reader], stack: Stack):
        self.readers, self.stack = tuple(readers), stack
        self.size = self.readers[0].size

    @classmethod
    def load(cls, readers: Sequence[Reader], path: Path) -> Ensemble:
        """Load an ensemble with the description in a JSON file."""
        return cls(readers, Stack(json.loads(path.read_text(encoding="utf-8"))))

    @property
    def style(self) -> str:
        """Styles of the readers."""
        return " and ".join(str(reader.about["style"]) for reader in self.readers)

    def read(self, picture: np.ndarray) -> Sight:
        """Read a picture uint8 (height, width, 1 or 3) of any size; see `Reader.read`."""
        greys, ratio = prepared(picture, self.size)
        places = [square for reader in self.readers for square in reader.places(greys[0])]
        squares = list(dict.fromkeys(places))
        views = np.stack([turned(g, s, self.size, _TURNS) for s in squares for g in greys])
        judged = self._look(views)
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
            possible=possible_times(judged.shares[row], minutes, certainty, self.stack.thresholds),
            shares=judged.shares[row],
        )

    def glance(self, images: np.ndarray) -> Judgement:
        """Read pictures uint8 (n, size, size, 1) that show only a clock."""
        parts = [self._look(views) for views in _looks(images)]
        names = ("minutes", "certainty", "shares", "together")
        return Judgement(*(np.concatenate([getattr(p, k) for p in parts]) for k in names))

    def _look(self, views: np.ndarray) -> Judgement:
        """Read clocks from views uint8 (n, views, size, size, 1)."""
        general, special = self.readers
        first, outputs = experts_of(general, views)
        both = self.stack.may_be_special(outputs)
        experts = np.concatenate([first, np.zeros_like(first)], 1)
        if both.any():
            experts[both, 2:] = experts_of(special, views[both])[0]
        return self.stack.judge(experts, both)


def weigh(experts: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the most probable candidate (n,) by logistic regression, its probability, and the
    experts' distributions (n, 720), weighted by the probabilities of their readings."""
    candidates, features = features_of(experts)
    score = features @ weights[:-1] + weights[-1]
    rows, best = np.arange(len(score)), score.argmax(-1)
    belief = np.exp(score - score.max(-1, keepdims=True))
    belief /= belief.sum(-1, keepdims=True)
    shares = np.einsum("ne,net->nt", belief, experts)
    return candidates[rows, best], 1 / (1 + np.exp(-score[rows, best])), shares


def evidence(readers: Sequence[Reader], images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the distributions of the experts, (n, 2 for each reader, 720), for pictures uint8 (n,
    size, size, 1), and the outputs of the first reader for them, (n, units)."""
    parts = [[experts_of(reader, views) for reader in readers] for views in _looks(images)]
    experts = [np.concatenate([found for found, _ in part], 1) for part in parts]
    return np.concatenate(experts), np.concatenate([part[0][1] for part in parts])


def experts_of(reader: Reader, views: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For views uint8 (n, views, size, size, 1), return the distributions (n, 2, 720) of a reader,
    upright and for all orientations, and its outputs (n, units) for the first view."""
    outputs = reader.outputs(views.reshape(-1, *views.shape[2:]))
    logs = [log.reshape(*views.shape[:2], -1) for log in reader.scheme.log_shares(outputs)]
    upright = shares_of_times(*(log[:, :LOOKS].mean(1) for log in logs))
    around = shares_of_times(*(log[:, _ROUND] for log in logs)).mean(1)
    first = [head.reshape(*views.shape[:2], -1)[:, 0] for head in outputs.values()]
    return np.stack([upright, around], 1), np.concatenate(first, -1)


def _looks(images: np.ndarray) -> Iterator[np.ndarray]:
    """Yield the views of some pictures at a time, (n, views, size, size, 1)."""
    whole = Square(0, 0, images.shape[1])
    for start in range(0, len(images), _TOGETHER):
        photos = map(Image.fromarray, images[start : start + _TOGETHER, ..., 0])
        yield np.stack([turned(p, whole, images.shape[1], _TURNS) for p in photos])


def features_of(experts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the reading of each expert (n, e), and for each of them three features of every
    expert, (n, e, 3 e), in logarithms: its support, the rest of its probability, and how much more
    probable it considers another time."""
    candidates = experts.argmax(-1)
    near = distance(np.arange(HALF_DAY), candidates[..., None]) <= NEAR  # (n, e, 720)
    share = np.einsum("nct,net->nce", near, experts).clip(0, 1)  # of candidate c by expert e
    own = np.einsum("nee->ne", share)
    agrees = distance(candidates[:, :, None], candidates[:, None]) <= NEAR
    against = np.where(agrees, 0.0, own[:, None])
    parts = (np.log1p(share / FLOOR), -np.log(1 - share + REST), np.log1p(against / FLOOR))
    return candidates, np.concatenate(parts, -1)


def possible_times(
    shares: np.ndarray, minutes: int, certainty: float, thresholds: Sequence[float]
) -> tuple[tuple[int, int], ...]:
    """Return spans of times, first and last minute, that together contain the true one with the
    calibrated probability.

    Args:
        shares: (720,) probability of each time.
        minutes: the reading, which is always included.
        thresholds: minimum probability of a time relative to the largest, by band of certainty.
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
    """Return the time from the most probable directions, in minutes."""
    twelve, _, hour = (int(head[0].argmax()) / head.shape[-1] for head in outputs.values())
    return (hour - twelve) % 1 * HALF_DAY
