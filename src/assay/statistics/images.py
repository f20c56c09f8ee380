"""Intervals over test images."""

from __future__ import annotations

import math

import numpy as np

from assay.core.seeds import stream
from assay.statistics.estimates import CONFIDENCE, Interval

__all__ = ["image_interval"]


def image_interval(
    scores: np.ndarray,
    against: np.ndarray | None = None,
    *,
    confidence: float = CONFIDENCE,
    resamples: int = 9999,
    seed: int = 0,
) -> Interval:
    """Return the mean score over runs and images, with its percentile bootstrap interval over
    images.

    Images are resampled with replacement, the same ones for all runs, which are fixed: the interval
    covers other test images of the same kind, but not other seeds.

    Args:
        scores: (runs, images), one number for each run and image, for example 1.0 if it is correct.
        against: (runs, images) of another trial on the same images; the scores are then
            differences, image by image.
        confidence: of the interval.
        resamples: number of resamples.
        seed: seed; equal seeds give equal intervals.

    Returns:
        In the unit of the scores; NaN ends for fewer than two images, NaN without any.

    References:
        B. Efron and R. Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 13.
    """
    mean = np.mean(scores, axis=0) - (0.0 if against is None else np.mean(against, axis=0))
    if len(mean) < 2:
        return Interval(float(mean[0]) if len(mean) else math.nan)
    # there are few distinct values (0 to n correct of n runs), so it draws their counts instead of
    # images
    values, counts = np.unique(mean, return_counts=True)
    rng = stream(seed, "bootstrap", "images")
    drawn = rng.multinomial(len(mean), counts / len(mean), size=resamples)
    tail = (1 - confidence) / 2
    low, high = np.quantile(drawn @ values / len(mean), (tail, 1 - tail))
    return Interval(float(np.mean(mean)), float(low), float(high))
