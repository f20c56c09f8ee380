"""Construction of scikit-learn classifiers, and their predictions."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from assay.core.code_places import defined_at
from assay.core.errors import NetworkError
from assay.core.seeds import key
from assay.networks.modules import Measured, OwnNetwork, find

__all__ = ["Classifier", "answers", "for_loss", "make_estimator", "measure"]

_NEEDS = ("fit", "predict")

_LEAST = float(np.finfo(np.float32).eps)
"""Minimum probability of a class in the loss; as in scikit-learn's `log_loss`."""

_SMALLEST = float(np.finfo(np.float64).tiny)
"""Stands for a probability of 0 elsewhere, so that small ones, as of naive Bayes, are ranked."""


class Classifier(Protocol):
    """What is asked of a classifier of scikit-learn."""

    classes_: np.ndarray

    def fit(self, X: np.ndarray, y: np.ndarray) -> object: ...

    def predict(self, X: np.ndarray) -> np.ndarray: ...


def make_estimator(network: OwnNetwork, seed: int) -> Classifier:
    """Make the estimator, with the run's seed as `random_state` where that is not set.

    What it contains (the steps of a pipeline, the members of an ensemble, what a search fits) gets
    seeds of its own, drawn from the run's.

    Raises:
        NetworkError: it cannot be created, or is not a classifier.
    """
    made = network.make()
    if check := getattr(made, "_validate_params", None):  # which scikit-learn only checks in `fit`
        with network.blamed("cannot be made"):
            check()
    lacking = [name for name in _NEEDS if not callable(getattr(made, name, None))]
    if lacking:
        raise NetworkError(
            f"{defined_at(find(network.source))}: {network.source} makes a {type(made).__name__}, "
            f"which has no {' and no '.join(lacking)}; expected a classifier of scikit-learn"
        )
    if _regresses(made):
        raise NetworkError(f"{network.source} is a regressor, expected a classifier")
    _seed(made, seed)
    return made


def _seed(made: Any, seed: int) -> None:
    """Set each `random_state` that is None; scikit-learn draws from a global generator there."""
    if not hasattr(made, "get_params"):  # a class that only resembles scikit-learn's
        return
    unset = [name for name, value in made.get_params(deep=True).items() if value is None]
    own = {"random_state": seed} if "random_state" in unset else {}
    nested = [name for name in unset if name.endswith("__random_state")]
    made.set_params(**own, **{name: key(seed, "estimator", name) % 2**32 for name in nested})


def measure(network: OwnNetwork) -> tuple[tuple[str, Measured], ...]:
    """Make the estimator once and describe it as one layer, without counting parameters.

    Raises:
        NetworkError: it cannot be created, or is not a classifier.
    """
    made = make_estimator(network, 0)
    ((_, units),) = network.units or (("class", 0),)
    return ((type(made).__name__, Measured(type(made).__name__, (units,), 0, 0)),)


def answers(
    estimator: Classifier, pixels: np.ndarray, classes: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return a fitted estimator's predictions as a network's outputs, float32 (n, classes), and the
    classes that it says, (n,), which need not be those of the largest outputs.

    The outputs are the logarithms of its probabilities, if it has some; otherwise of a certain
    prediction by `decision_function` or `predict`, whose softmax is not a probability.

    Args:
        pixels: float (n, height * width * channels).
    """
    known = np.asarray(estimator.classes_).astype(int)
    outputs = np.full((len(pixels), classes), np.log(_SMALLEST))  # also for unseen classes
    shares = None
    if hasattr(estimator, "predict_proba"):
        shares = np.asarray(estimator.predict_proba(pixels), np.float64)
    if shares is not None and _votes(estimator):
        predicted = known[shares.argmax(1)]
    else:
        predicted = np.asarray(estimator.predict(pixels)).astype(int)
    if shares is not None:
        outputs[:, known] = np.log(np.maximum(shares, _SMALLEST))
    elif hasattr(estimator, "decision_function"):
        margins = np.asarray(estimator.decision_function(pixels), np.float64)
        if margins.ndim == 1:  # for two classes: that of the second
            margins = np.stack([-margins / 2, margins / 2], 1)
        outputs += margins.min()
        outputs[:, known] = margins
    else:
        outputs[np.arange(len(pixels)), predicted] = 0.0
    return outputs.astype(np.float32), predicted


def _votes(estimator: Any) -> bool:
    """Whether scikit-learn's `predict` is by definition the first of the most probable classes, and
    not worth a second search of all neighbours or trees."""
    from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.pipeline import Pipeline

    last = estimator[-1] if type(estimator) is Pipeline else estimator
    method = getattr(type(last), "predict", None)
    if method is KNeighborsClassifier.predict:
        return last.weights == "uniform"  # sums of other weights are rounded in another order
    return method in (ExtraTreesClassifier.predict, RandomForestClassifier.predict)


def for_loss(estimator: Classifier, outputs: np.ndarray) -> np.ndarray:
    """Return outputs in float64, with their probabilities raised to `_LEAST`; margins as they
    are."""
    exact = outputs.astype(np.float64)
    probable = hasattr(estimator, "predict_proba") or not hasattr(estimator, "decision_function")
    return np.maximum(exact, np.float32(np.log(_LEAST))) if probable else exact


def _regresses(made: Any) -> bool:
    from sklearn.base import is_regressor

    try:
        return bool(is_regressor(made))
    except Exception:  # of a class that only resembles scikit-learn's
        return False
