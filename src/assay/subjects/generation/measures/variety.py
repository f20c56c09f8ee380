"""Variety: do generated images differ from each other as much as real ones do?"""

from __future__ import annotations

import numpy as np

from assay.statistics import Interval
from assay.subjects.generation.measures.checks import checked_pair
from assay.subjects.generation.measures.intervals import bootstrap
from assay.subjects.generation.measures.measure import MEASURES, Measure, Number, Sides

__all__ = ["variety"]

LEAST_VARIANCE = 1e-12
"""Real images that vary less than this are taken to vary so much."""


def variety(real: np.ndarray, fake: np.ndarray) -> float:
    """Variance of fake features (m, d) as a share of that of real ones (n, d).

    It is 0 where all fakes are alike and 1 where they vary as real images do. It says nothing about
    what they show, takes a millisecond, and so tells a collapse as soon as there is one.

    Raises:
        DataError: the arrays are not such features.
    """
    return _share(*checked_pair(real, fake))


def _share(real: np.ndarray, fake: np.ndarray) -> float:
    real_variance, variance = (float(x.var(0).sum()) for x in (real, fake))
    return variance / max(real_variance, LEAST_VARIANCE)


def _take(sides: Sides, seed: int) -> dict[str, Interval]:
    real, fake = checked_pair(sides.real, sides.fake)
    counts = len(real), len(fake)
    value = _share(real, fake)
    found = bootstrap(
        lambda i, j: _share(real[i], fake[j]), counts, value, least=0.0, resamples=100, seed=seed
    )
    return {"variety": found}


MEASURES.add("variety")(Measure({"variety": Number("Variety", "floor")}, _take))
