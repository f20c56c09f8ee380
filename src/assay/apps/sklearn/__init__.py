"""assay as an estimator of scikit-learn: one network, one training, `fit` and `predict`.

This package is loaded with scikit-learn, and only when `assay.AssayClassifier` is asked for.
"""

from __future__ import annotations

from assay.apps.sklearn.classifier import AssayClassifier

__all__ = ["AssayClassifier"]
