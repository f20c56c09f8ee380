"""Fréchet distance: how far apart two clouds of features are, each taken as one Gaussian."""

from __future__ import annotations

import numpy as np

from assay.statistics import Interval
from assay.subjects.generation.measures.checks import checked_pair
from assay.subjects.generation.measures.intervals import bootstrap
from assay.subjects.generation.measures.measure import MEASURES, Measure, Number, Sides

__all__ = ["frechet_distance", "frechet_interval"]


def frechet_distance(real: np.ndarray, fake: np.ndarray) -> float:
    """|mean - mean'|² + tr(C + C' - 2 (C C')^½) of two sets of features; 0 or more.

    It shrinks towards its true value as images are added, so only distances of equal counts
    compare; sets smaller than their features have dimensions are no numerical problem.

    Args:
        real: (n, d), n > 1.
        fake: (m, d), m > 1.

    Raises:
        DataError: the arrays are not such features.

    References:
        M. Heusel et al., "GANs Trained by a Two Time-Scale Update Rule Converge to a Local Nash
        Equilibrium", 2017.
    """
    return _distance(*checked_pair(real, fake))


def frechet_interval(
    real: np.ndarray, fake: np.ndarray, *, resamples: int = 100, seed: int = 0
) -> Interval:
    """The Fréchet distance with its bootstrap interval; arguments as `frechet_distance`.

    Near the floor the interval is cautious, up to three times too wide: where nothing but chance
    separates two sets, resampling adds as much chance again.
    """
    real, fake = checked_pair(real, fake)
    return bootstrap(
        lambda i, j: _distance(real[i], fake[j]),
        (len(real), len(fake)),
        _distance(real, fake),
        least=0.0,
        resamples=resamples,
        seed=seed,
    )


def _distance(real: np.ndarray, fake: np.ndarray) -> float:
    (mean, root), (other_mean, other_root) = _moments(real), _moments(fake)
    # tr (C C')^½ is the sum of singular values of R S', where S' S = C'. No square root of a
    # product of covariances is needed, which loses half the digits; few images make small roots
    shared = np.linalg.svd(root @ other_root.T, compute_uv=False).sum()
    apart = ((mean - other_mean) ** 2).sum() + (root**2).sum() + (other_root**2).sum() - 2 * shared
    return max(float(apart), 0.0)


def _moments(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean (d,) and a root R (min(n, d), d) of the covariance, R' R = C."""
    mean = x.mean(0)
    return mean, np.linalg.qr(x - mean, mode="r") / np.sqrt(len(x) - 1)


def _take(sides: Sides, seed: int) -> dict[str, Interval]:
    return {"frechet_distance": frechet_interval(sides.real, sides.fake, seed=seed)}


MEASURES.add("frechet_distance")(
    Measure({"frechet_distance": Number("Fréchet distance", "lower")}, _take)
)
