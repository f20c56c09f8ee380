"""The metrics of classification except accuracy; most are computed by scikit-learn.

Their inputs are the predicted class, its probability ("confidence"), or the log-odds of all
classes, which `Classify` keeps beside their probabilities. A class that is not among the targets,
or is never predicted, gives the value that each function states, without a warning.

References:
    C. Guo et al., "On calibration of modern neural networks", ICML 2017 (calibration error).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from assay.core.metrics import METRICS, PERCENT, Metric, MetricFunction

__all__ = [
    "average_precision",
    "balanced_accuracy",
    "brier_score",
    "expected_calibration_error",
    "f1_macro",
    "log_loss",
    "precision_macro",
    "recall_macro",
    "roc_auc",
    "top_5_accuracy",
]

Predictions = Mapping[str, np.ndarray]

BINS = 15
"""Bins of equal width of the calibration error."""

_LEAST = 2.0**-25
"""Stands for probabilities of 0: half of the smallest float16."""


def _log_odds(predictions: Predictions) -> np.ndarray:
    """Return log(p / (1 - p)) of each class in float64, which rank as p does.

    Records of earlier versions only have probabilities in float16, where many may be 0 or 1.
    """
    from scipy.special import logit

    if "log_odds" in predictions:
        return predictions["log_odds"].astype(np.float64)
    p = predictions["probabilities"].astype(np.float64)
    return logit(np.clip(p / p.sum(-1, keepdims=True), _LEAST, 1 - _LEAST))


def top_5_accuracy(targets: np.ndarray, predictions: Predictions) -> float:
    """Share of images whose class is among the five most probable ones; 1 for up to five classes.

    Among equal probabilities, the class with the higher number comes first, as in scikit-learn.
    """
    from sklearn.metrics import top_k_accuracy_score

    odds = _log_odds(predictions)
    classes = np.arange(odds.shape[1])
    if len(classes) <= 5:
        return 1.0
    return float(top_k_accuracy_score(targets, odds, k=5, labels=classes))


def precision_macro(targets: np.ndarray, predictions: Predictions) -> float:
    """Mean precision of the classes that are targets or predicted; 0 for one never predicted."""
    from sklearn.metrics import precision_score

    predicted = predictions["predicted"]
    return float(precision_score(targets, predicted, average="macro", zero_division=0))


def recall_macro(targets: np.ndarray, predictions: Predictions) -> float:
    """Mean recall of the classes that are targets or predicted; 0 for one that is not a target."""
    from sklearn.metrics import recall_score

    predicted = predictions["predicted"]
    return float(recall_score(targets, predicted, average="macro", zero_division=0))


def f1_macro(targets: np.ndarray, predictions: Predictions) -> float:
    """Mean F1 of the classes that are targets or predicted; 0 for one never predicted correctly."""
    from sklearn.metrics import f1_score

    return float(f1_score(targets, predictions["predicted"], average="macro", zero_division=0))


def balanced_accuracy(targets: np.ndarray, predictions: Predictions) -> float:
    """Mean recall of the classes that are targets."""
    from sklearn.metrics import recall_score

    found, labels = predictions["predicted"], np.unique(targets)
    return float(recall_score(targets, found, labels=labels, average="macro", zero_division=0))


def average_precision(targets: np.ndarray, predictions: Predictions) -> float:
    """Area under the precision-recall curve: mean over the target classes of the average precision
    of each class against the rest; 1 if there is only one."""
    from sklearn.metrics import average_precision_score

    odds, present = _log_odds(predictions), np.unique(targets)
    return float(np.mean([average_precision_score(targets == c, odds[:, c]) for c in present]))


def roc_auc(targets: np.ndarray, predictions: Predictions) -> float:
    """Area under the ROC curve: mean over the target classes of the area of each class against the
    rest; 0.5 if there is only one."""
    from sklearn.metrics import roc_auc_score

    odds, present = _log_odds(predictions), np.unique(targets)
    if len(present) < 2:
        return 0.5
    return float(np.mean([roc_auc_score(targets == c, odds[:, c]) for c in present]))


def brier_score(targets: np.ndarray, predictions: Predictions) -> float:
    """Mean squared distance of the probabilities from the target, summed over classes: 0 to 2."""
    from scipy.special import expit

    p = expit(_log_odds(predictions))
    return float(np.square(p - np.eye(p.shape[1])[targets]).sum(-1).mean())


def log_loss(targets: np.ndarray, predictions: Predictions) -> float:
    """Mean negative logarithm of the probability of the true class.

    Of a record that only has probabilities in float16 it is at most 17.4 for an image.
    """
    odds = _log_odds(predictions)[np.arange(len(targets)), targets]
    return float(np.logaddexp(0, -odds).mean())


def expected_calibration_error(targets: np.ndarray, predictions: Predictions) -> float:
    """Mean difference between confidence and accuracy over 15 bins, weighted by their images."""
    confidence = predictions["confidence"].astype(np.float64)
    right = (predictions["predicted"] == targets).astype(np.float64)
    bins = np.clip(np.ceil(confidence * BINS).astype(int) - 1, 0, BINS - 1)
    gaps = np.bincount(bins, right - confidence, BINS)
    return float(np.abs(gaps).sum() / len(targets))


def _add(name: str, title: str, function: MetricFunction, needs: str, **how: Any) -> None:
    arrays = tuple(needs.split())
    made = Metric(name, title=title, function=function, needs=arrays, task="classify", **how)
    METRICS.add(name)(made)


_SHARE = {**PERCENT, "higher_is_better": True}
_UP = {"higher_is_better": True, "minimum": 0.0, "maximum": 1.0}
_DOWN = {"higher_is_better": False, "minimum": 0.0}

_add("top_5_accuracy", "top-5 accuracy", top_5_accuracy, "probabilities", **_SHARE, rank=51)
_add("precision_macro", "macro precision", precision_macro, "predicted", **_SHARE, rank=52)
_add("recall_macro", "macro recall", recall_macro, "predicted", **_SHARE, rank=53)
_add("f1_macro", "macro F1", f1_macro, "predicted", **_SHARE, rank=54)
_add("balanced_accuracy", "balanced accuracy", balanced_accuracy, "predicted", **_SHARE, rank=55)
_add("pr_auc", "PR-AUC", average_precision, "probabilities", **_UP, rank=56)
_add("roc_auc", "ROC-AUC", roc_auc, "probabilities", **_UP, rank=57)
_add("brier_score", "Brier score", brier_score, "probabilities", **_DOWN, maximum=2.0, rank=58)
_add("expected_calibration_error", "expected calibration error", expected_calibration_error,
     "predicted confidence", **_DOWN, maximum=1.0, rank=59)  # fmt: skip
_add("log_loss", "log loss", log_loss, "probabilities", **_DOWN, rank=60)
