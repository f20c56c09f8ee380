"""The scikit-learn estimator `assay.AssayClassifier`, which trains one network.

This package needs scikit-learn and is only imported when `assay.AssayClassifier` is used.
"""

from __future__ import annotations

from assay.apps.sklearn.classifier import AssayClassifier

__all__ = ["AssayClassifier"]
