"""Calibration of an ensemble of two readers on photo-like drawn clocks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NotRequired, TypedDict

import numpy as np
from scipy.optimize import minimize

from assay.core.seeds import stream
from assay.subjects.clocks.labels.distributions import NEAR
from assay.subjects.clocks.reading.ensemble import BANDS, Stack, evidence, features_of
from assay.subjects.clocks.reading.reader import Reader
from assay.subjects.clocks.render import marked, render
from assay.subjects.clocks.render.corrupted import KINDS, corrupted
from assay.subjects.clocks.render.photo_like import photo_like
from assay.subjects.clocks.time import HALF_DAY, distance

__all__ = ["COVERAGE", "MIXTURE", "drawn_photos", "fit", "thresholds_of"]

COVERAGE = 0.95
"""Fraction of clocks whose set of possible times contains the true one."""

MIXTURE = {
    ("course", "photo, turned"): 0.19,
    ("course", "plain"): 0.07,
    ("course", "distorted"): 0.16,
    ("any", "photo"): 0.19,
    ("any", "photo, turned"): 0.1,
    ("any", "plain"): 0.1,
    ("any", "distorted"): 0.19,
}
"""Fractions of (style, transformation) of the clocks on which an ensemble is fitted."""

NO_TIME = -1
"""The time of a picture without a clock."""

_RIDGE = 1e-3


def drawn_photos(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw about `count` clocks of MIXTURE: uint8 (n, 150, 150, 1), and minutes (n,)."""
    images, minutes = [], []
    for (style, kind), share in MIXTURE.items():
        rng = stream(seed, "photos", style, kind)
        times = rng.integers(0, HALF_DAY, round(share * count))
        clocks = render(times, style=style, seed=seed, names=("photos", kind))
        drawn = clocks.images[..., None]
        if kind.startswith("photo"):
            turned = marked(clocks.scene, style) & kind.endswith("turned")
            drawn, _ = photo_like(drawn, rng, turned)
        elif kind in KINDS:
            drawn = corrupted(drawn, rng, kind)
        images.append(drawn)
        minutes.append(times)
    return np.concatenate(images), np.concatenate(minutes)


class EnsembleData(TypedDict):
    """What describes an ensemble, as JSON data; see `Stack`."""

    detector: list[float]
    weights: list[list[float]]
    thresholds: list[float]
    count: NotRequired[int]
    others: NotRequired[int]
    seed: NotRequired[int]
    coverage: NotRequired[float]


def fit(
    readers: Sequence[Reader], count: int, seed: int, others: np.ndarray | None = None
) -> EnsembleData:
    """Fit detector, weights and thresholds of an ensemble; see `Ensemble`.

    The detector is fitted on separate clocks; the weights on one half of `count` clocks, by
    penalised maximum likelihood with sign constraints; the thresholds on the other half.

    Args:
        readers: of any style, and of style "course".
        others: uint8 (n, 150, 150, 1), pictures without a clock, of which no reading is right.
    """
    own, _ = drawn_photos(2 * count, seed + 6000)
    outputs = np.concatenate(
        [_outputs(readers[0], own[i : i + 50]) for i in range(0, len(own), 50)]
    )
    detector = detector_of(outputs, course_of(2 * count))
    images, minutes = drawn_photos(count, seed)
    if others is not None:
        images = np.concatenate([images, others])
        minutes = np.concatenate([minutes, np.full(len(others), NO_TIME)])
    return fitted(*evidence(readers, images), minutes, detector, seed)


def fitted(
    experts: np.ndarray, outputs: np.ndarray, minutes: np.ndarray, detector: list[float], seed: int
) -> EnsembleData:
    """Return the description of an ensemble, from the evidence for clocks of known times, and for
    pictures without a clock (NO_TIME), which have no set of possible times."""
    half = stream(seed, "halves").permutation(len(minutes)) < len(minutes) / 2
    weights = [weights_of(experts[half, :e], minutes[half]) for e in (2, 4)]
    about: EnsembleData = {"detector": detector, "weights": weights, "thresholds": [0.0] * 3}
    stack, rest = Stack(about), ~half & (minutes != NO_TIME)
    judged = stack.judge(experts[rest], stack.may_be_special(outputs[rest]))
    own = judged.shares[np.arange(len(judged.shares)), minutes[rest]] / judged.shares.max(-1)
    about["thresholds"] = thresholds_of(own, judged.certainty)
    clocks = int((minutes != NO_TIME).sum())
    return {
        **about,
        "count": clocks,
        "others": len(minutes) - clocks,
        "seed": seed,
        "coverage": COVERAGE,
    }


def course_of(count: int) -> np.ndarray:
    """Return which clocks of `drawn_photos` have style course."""
    parts = ((style == "course", round(share * count)) for (style, _), share in MIXTURE.items())
    return np.concatenate([np.full(number, course) for course, number in parts])


def _outputs(reader: Reader, images: np.ndarray) -> np.ndarray:
    return np.concatenate(list(reader.outputs(images).values()), -1)


def detector_of(outputs: np.ndarray, special: np.ndarray) -> list[float]:
    """Return weights and offset of a logistic regression of the style on outputs (n, units)."""
    mean, scale = outputs.mean(0), outputs.std(0) + 1e-6
    rows = np.concatenate([(outputs - mean) / scale, np.ones((len(outputs), 1))], -1)
    found = _regression(rows, special, 1e-4, [(None, None)] * rows.shape[1])
    weights = found[:-1] / scale
    return [float(f"{w:.4g}") for w in (*weights, found[-1] - weights @ mean)]


def weights_of(experts: np.ndarray, minutes: np.ndarray) -> list[float]:
    """Logistic regression of whether a candidate is right within a minute on its features."""
    candidates, features = features_of(experts)
    near = distance(candidates, minutes[:, None]) <= NEAR
    right = (near & (minutes != NO_TIME)[:, None]).ravel()
    rows = features.reshape(-1, features.shape[-1])
    rows = np.concatenate([rows, np.ones((len(rows), 1))], -1)

    count = experts.shape[1]
    bounds = [(0, None)] * (2 * count) + [(None, 0)] * count + [(None, None)]
    return [round(float(w), 4) for w in _regression(rows, right, _RIDGE, bounds)]


def _regression(
    rows: np.ndarray, right: np.ndarray, ridge: float, bounds: list[tuple[Any, Any]]
) -> np.ndarray:
    """Weights of a logistic regression with a penalty on their squares."""

    def cost(weights: np.ndarray) -> tuple[float, np.ndarray]:
        score = rows @ weights
        chance = 1 / (1 + np.exp(-score))
        loss = np.logaddexp(0, score) - right * score
        slope = rows.T @ (chance - right) / len(right) + 2 * ridge * weights
        return float(loss.mean() + ridge * weights @ weights), slope

    start = np.zeros(rows.shape[1])
    found: np.ndarray = minimize(cost, start, jac=True, bounds=bounds, method="L-BFGS-B").x
    return found


def thresholds_of(scores: np.ndarray, certainty: np.ndarray) -> list[float]:
    """Return for each band of certainty the score that COVERAGE of clocks reach, with the
    finite-sample correction of conformal prediction; 0 if there are too few."""
    bands = np.searchsorted(BANDS, certainty, side="right")
    found = []
    for band in range(len(BANDS) + 1):
        own = np.sort(scores[bands == band])
        missed = int((1 - COVERAGE) * (len(own) + 1))
        found.append(float(f"{own[missed - 1]:.3g}") if missed else 0.0)
    return found
