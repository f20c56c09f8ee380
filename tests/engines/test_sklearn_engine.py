"""Classifiers of scikit-learn beside networks: numbers by hand, seeds, and what is refused."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from assay.apps.api import plan_of
from assay.core.errors import AssayError, EngineError
from assay.core.records import VALIDATION_ONLY, Record
from assay.data.dataset import Dataset, Split
from assay.engines.engine import ENGINES, Cohort, Resources
from assay.engines.sklearn_engine.estimator import answers, make_estimator
from assay.networks.modules import OwnNetwork
from assay.studies.plan import cohorts

MEAN = {"estimator": "sklearn.neighbors:NearestCentroid"}


def split(*rows: tuple[int, int, int]) -> Split:
    """Images of two pixels and a class each."""
    table = np.array(rows)
    return Split(table[:, :2].astype(np.uint8).reshape(-1, 1, 2, 1), table[:, 2])


@pytest.fixture
def points() -> Dataset:
    """Class means (0, 2) and (10, 2); of the test points the third is nearer to the wrong one."""
    return Dataset(
        spec={"name": "points"},
        train=split((0, 0, 0), (0, 4, 0), (9, 2, 1), (11, 2, 1)),
        validation=split((1, 2, 0), (9, 0, 1)),
        test=split((2, 2, 0), (8, 2, 1), (6, 2, 0), (200, 200, 1)),
        class_names=("left", "right"),
        mean=np.zeros(1, np.float32),
        std=np.ones(1, np.float32),
        fingerprint="points",
    )


def fit(
    network: dict[str, Any], data: Dataset, metrics: Sequence[str] = (), **config: Any
) -> Record:
    """Train on `data` as a study of digits would, whose shape an estimator does not look at."""
    member = cohorts(plan_of({**STUDY, "network": network}).configs())[0].members[0]
    assert isinstance(member.network, OwnNetwork)
    units = (("class", len(data.class_names)),)
    member = replace(
        member, network=replace(member.network, units=units), config=member.config | config
    )
    asked = Resources(metrics=tuple(metrics))
    trained = ENGINES["sklearn"]().train(Cohort((member,)), data, asked, lambda p: None)
    return next(iter(trained))


STUDY = {"study": "s", "dataset": "digits", "engine": "sklearn", "repeats": 1}


def test_the_nearest_class_mean_is_the_one_by_hand(points):
    record = fit(MEAN, points)
    np.testing.assert_array_equal(record.predictions["test_predicted"], [0, 1, 1, 1])
    assert record.metrics["test_accuracy"] == 0.75
    assert record.metrics["val_accuracy"] == 1
    assert record.weights == {}
    assert "parameters" not in record.provenance


def test_what_it_rules_out_costs_a_finite_loss(points):
    record = fit({"estimator": "sklearn.neighbors:KNeighborsClassifier", "n_neighbors": 1}, points)
    wrong = -np.log(np.finfo(np.float32).eps)
    assert record.metrics["test_loss"] == pytest.approx(wrong / 4, rel=1e-3)


def test_a_classifier_of_margins_is_judged_by_them(points):
    record = fit({"estimator": "sklearn.linear_model:Perceptron"},
                 replace(points, validation=points.train))  # fmt: skip
    assert record.metrics["val_accuracy"] == 1  # for they can be separated by a line
    assert 0.5 < record.predictions["test_confidence"].min() <= 1


RULES = """
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import FixedThresholdClassifier
from sklearn.naive_bayes import GaussianNB

def careful():
    return FixedThresholdClassifier(LogisticRegression(), threshold=0.02)

def sure():
    return GaussianNB(var_smoothing=0.01)
"""


def test_accuracy_is_that_of_predict_not_of_the_most_probable_class(points, tmp_path, monkeypatch):
    (tmp_path / "estimator_rules.py").write_text(RULES)
    monkeypatch.syspath_prepend(tmp_path)
    record = fit({"estimator": "estimator_rules:careful"}, points, metrics=["recall_macro"])
    rows, targets = points.train.images.reshape(4, -1) * 1.0, points.train.targets
    made = importlib.import_module("estimator_rules").careful().fit(rows, targets)
    tested = points.test.images.reshape(4, -1) * 1.0
    predicted = made.predict(tested)
    assert predicted.tolist() != made.predict_proba(tested).argmax(1).tolist()
    np.testing.assert_array_equal(record.predictions["test_predicted"], predicted)
    assert record.metrics["test_accuracy"] == made.score(tested, points.test.targets)
    confidence = made.predict_proba(tested)[np.arange(4), predicted]
    np.testing.assert_allclose(record.predictions["test_confidence"], confidence, atol=1e-3)


def counted(monkeypatch, kind: type) -> list[int]:
    """The numbers of images that this kind of classifier was asked about, one an evaluation."""
    asked: list[int] = []
    for name in ("predict", "predict_proba"):
        method = getattr(kind, name)

        def counting(self, X, method=method):
            asked.append(len(X))
            return method(self, X)

        monkeypatch.setattr(kind, name, counting)
    return asked


@pytest.mark.parametrize("weights", ["uniform", "distance"])
@pytest.mark.parametrize("algorithm", ["brute", "kd_tree"])
@pytest.mark.parametrize("scaled", [False, True])
def test_neighbours_that_vote_are_searched_once(monkeypatch, weights, algorithm, scaled):
    rng = np.random.default_rng(0)
    rows, targets = rng.integers(0, 4, (90, 2)).astype(np.float32), rng.integers(0, 3, 90)
    made: Any = KNeighborsClassifier(4, weights=weights, algorithm=algorithm)
    made = (make_pipeline(StandardScaler(), made) if scaled else made).fit(rows, targets)
    expected = made.predict(rows), made.predict_proba(rows)
    assert len(set(np.sort(expected[1])[:, -2].tolist())) > 1  # there are ties
    asked = counted(monkeypatch, KNeighborsClassifier)
    outputs, predicted = answers(made, rows, 3)
    assert asked == [90] * (1 if weights == "uniform" else 2)  # rounding may decide a tie there
    np.testing.assert_array_equal(predicted, expected[0])
    np.testing.assert_allclose(np.exp(outputs), expected[1], atol=1e-6)


class Contrary(RandomForestClassifier):
    """Says the opposite of what it finds most probable."""

    def predict(self, X):
        return 2 - super().predict(X)


@pytest.mark.parametrize(("kind", "asked"), [(RandomForestClassifier, 1), (Contrary, 3)])
def test_a_forest_votes_once_unless_it_has_rules_of_its_own(monkeypatch, kind, asked):
    rows, targets = np.random.default_rng(0).random((60, 2)), np.arange(60) % 3
    made = kind(5, random_state=0).fit(rows, targets)
    expected = made.predict(rows)
    times = counted(monkeypatch, RandomForestClassifier)  # whose `predict` asks for probabilities
    np.testing.assert_array_equal(answers(made, rows, 3)[1], expected)
    assert len(times) == asked


def test_small_probabilities_are_ranked(points, tmp_path, monkeypatch):
    (tmp_path / "estimator_rules.py").write_text(RULES)
    monkeypatch.syspath_prepend(tmp_path)
    many = np.stack([np.arange(0, 10, 2), np.full(5, 2), [0, 1, 0, 0, 1]], 1)
    data = replace(points, test=split(*map(tuple, many.tolist())))
    record = fit({"estimator": "estimator_rules:sure"}, data, metrics=["roc_auc"])
    odds = record.predictions["test_log_odds"][:, 1]
    assert (np.diff(odds) > 0).all()  # further to the right
    assert odds.max() > 100  # where the other class has less than float32 can hold
    assert record.metrics["test_roc_auc"] == pytest.approx(4 / 6)


@pytest.mark.parametrize("kind", ["neighbors:NearestCentroid", "svm:LinearSVC"])
def test_a_class_without_training_images_is_never_named(points, kind):
    three = replace(points, class_names=("left", "middle", "right"),
                    train=split((0, 0, 0), (0, 4, 0), (9, 2, 2)), test=split((5, 2, 1)),
                    validation=split((0, 0, 0)))  # fmt: skip
    record = fit({"estimator": f"sklearn.{kind}"}, three)
    assert record.predictions["test_predicted"][0] in (0, 2)


def test_the_seed_reaches_who_asks_for_one_and_the_recipe_nobody():
    forest = {"estimator": "sklearn.ensemble:RandomForestClassifier", "n_estimators": 3}
    study = {**STUDY, "network": forest, "repeats": 2}
    quick = plan_of({**study, "training": {"epochs": 3}})
    assert list(quick.runs()) == list(plan_of({**study, "training": {"epochs": 9}}).runs())
    first, second = cohorts(quick.configs())[0].members
    assert isinstance(first.network, OwnNetwork)
    made = [make_estimator(first.network, member.seed) for member in (first, second)]
    assert [estimator.random_state for estimator in made] == [0, 1]


NESTED = """
from sklearn.ensemble import (
    BaggingClassifier, RandomForestClassifier, StackingClassifier, VotingClassifier
)
from sklearn.linear_model import Perceptron
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import ExtraTreeClassifier

def forest():
    return RandomForestClassifier(2)

def pipeline():
    return make_pipeline(StandardScaler(), forest())

def voting():
    return VotingClassifier([("a", pipeline()), ("b", forest()), ("c", Perceptron(random_state=7))])

def stacking():
    return StackingClassifier([("a", forest())], ExtraTreeClassifier(), cv=2)

def search():
    return GridSearchCV(pipeline(), {"randomforestclassifier__max_depth": [1, 2]}, cv=2)

def bagging():
    return BaggingClassifier(ExtraTreeClassifier())
"""


@pytest.mark.parametrize("kind", ["pipeline", "voting", "stacking", "search", "bagging"])
def test_the_seed_reaches_what_an_estimator_contains(kind, points, tmp_path, monkeypatch):
    (tmp_path / "nested_estimators.py").write_text(NESTED)
    monkeypatch.syspath_prepend(tmp_path)
    study = {**STUDY, "network": {"estimator": f"nested_estimators:{kind}"}, "repeats": 2}
    members = cohorts(plan_of(study).configs())[0].members
    pixels, classes = np.random.default_rng(0).normal(size=(20, 4)), np.arange(20) % 2

    def states(made: Any) -> list[int]:
        return [v for name, v in made.get_params().items() if name.endswith("random_state")]

    first, again, other = (make_estimator(members[i].network, members[i].seed) for i in (0, 0, 1))
    assert None not in states(first)
    assert len(set(states(first))) == len(states(first))
    assert states(first) == states(again) != states(other)
    assert kind != "voting" or 7 in states(first)
    fitted = [estimator.fit(pixels, classes).predict(pixels) for estimator in (first, again)]
    assert np.array_equal(*fitted)


def test_who_only_chooses_never_reads_the_test_images(points, monkeypatch):
    def sealed(self: Dataset) -> Split:
        raise AssertionError("the test images were read")

    monkeypatch.setattr(Dataset, "read_test", sealed)
    record = fit(MEAN, points, **{VALIDATION_ONLY: True})
    assert "test_accuracy" not in record.metrics
    assert record.predictions == {}
    with pytest.raises(AssertionError, match="were read"):
        fit(MEAN, points)


WRONG = {
    "sklearn.neighbors:NearestCentroi": "did you mean 'NearestCentroid'?",
    "sklearn.neighbors:KNeighborsRegressor": "is a regressor, expected a classifier",
    "sklearn.decomposition:PCA": "has no predict; expected a classifier of scikit-learn",
    "sklearn.neighbors:KNeighborsClassifier, n_neighbors: -3": "'n_neighbors' parameter",
    "sklearn.neighbors:KNeighborsClassifier, k: 3": "unknown argument",
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_said_before_training(case: str, tmp_path: Path):
    file = tmp_path / "wrong.yaml"
    file.write_text(
        f"study: wrong\ndataset: digits\nengine: sklearn\nnetwork: {{estimator: {case}}}\n",
        encoding="utf-8",
    )
    with pytest.raises(AssayError) as caught:
        plan_of(file)
    assert WRONG[case] in str(caught.value)
    assert "wrong.yaml:4" in str(caught.value)


def test_networks_and_estimators_are_told_apart():
    with pytest.raises(AssayError, match="use engine: sklearn"):
        plan_of({**STUDY, "network": MEAN, "engine": "torch"})
    member = cohorts(plan_of({**STUDY, "network": "mlp"}).configs())[0].members[0]
    with pytest.raises(EngineError, match="got a network"):
        ENGINES["sklearn"]().check(Cohort((member,)), Resources())
