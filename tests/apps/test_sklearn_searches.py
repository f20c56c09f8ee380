"""AssayClassifier in the searches of scikit-learn: what they reach, and how they spend epochs."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.model_selection import GridSearchCV, HalvingRandomSearchCV, RandomizedSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn_parts import few_digits, small


@pytest.fixture(scope="module")
def digits() -> tuple[np.ndarray, np.ndarray]:
    return few_digits()


def test_searches_reach_what_is_nested(digits):
    X, y = digits
    grid = GridSearchCV(
        small(optimizer="sgd"), {"optimizer__momentum": [0.0, 0.9], "hidden": [[4], [16]]}, cv=2
    ).fit(X, y)
    assert grid.best_params_ == {"hidden": [16], "optimizer__momentum": 0.9}
    trained = grid.best_estimator_.record_.config["training"]
    assert trained["optimizer"] == {"name": "sgd", "momentum": 0.9}
    pipe = make_pipeline(StandardScaler(), small(hidden=None, shape=(8, 8), network="cnn"))
    space = {
        "assayclassifier__network__filters": [[[2]], [[4]]],
        "assayclassifier__network__dense": [[4], (8,)],
        "assayclassifier__learning_rate": np.logspace(-3, -2, 3),
    }
    found = RandomizedSearchCV(pipe, space, n_iter=2, cv=2, random_state=0).fit(X, y)
    assert np.isfinite(found.cv_results_["mean_test_score"]).all()
    network = found.best_estimator_[-1].record_.config["network"]
    assert network["filters"] == found.best_params_["assayclassifier__network__filters"]
    assert pipe[-1].network == "cnn"  # the template stays as it was


def test_successive_halving_over_epochs(digits):
    X, y = digits
    space = {"learning_rate": [1e-4, 1e-3, 1e-2, 3e-2]}
    search = HalvingRandomSearchCV(
        small(), space, resource="epochs", min_resources=1, max_resources=4, factor=2, cv=2,
        n_candidates=4, random_state=0,
    ).fit(X, y)  # fmt: skip
    assert search.n_resources_ == [1, 2, 4]
    assert search.best_estimator_.history_["epoch"][-1] == 4
    assert search.best_params_["learning_rate"] >= 1e-2
