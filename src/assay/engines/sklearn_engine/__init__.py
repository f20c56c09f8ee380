"""The sklearn engine: classifiers of scikit-learn as baselines beside networks.

A baseline is a trial like any other (`network: {estimator: sklearn.neighbors:NearestCentroid},
engine: sklearn`): it learns from the same training images, is compared in pairs with equal seeds,
and reads the test images once.
"""

from __future__ import annotations

from assay.engines.engine import ENGINES, Engine

__all__: list[str] = []


@ENGINES.add("sklearn", version=2)
def sklearn_engine() -> Engine:
    """Make the engine."""
    from assay.engines.sklearn_engine.engine import SklearnEngine

    return SklearnEngine()
