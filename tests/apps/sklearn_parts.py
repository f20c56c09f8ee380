"""What the tests of AssayClassifier share."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.datasets import load_digits

from assay import AssayClassifier


def small(**params: Any) -> AssayClassifier:
    """A classifier that trains in a moment."""
    return AssayClassifier(**{"hidden": [16], "epochs": 3, "random_state": 0} | params)


def few_digits() -> tuple[np.ndarray, np.ndarray]:
    """300 digits, float (300, 64), and their classes."""
    X, y = load_digits(return_X_y=True)
    return X[:300], y[:300]
