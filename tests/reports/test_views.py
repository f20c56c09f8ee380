"""Views: what figures and tables are made of, as data, without a pixel."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from assay.core.records import Record
from assay.reports import views
from assay.reports.answers import answers
from assay.reports.comparisons import effects_table
from assay.reports.context import environment, published_rows, when
from assay.reports.panels import LINES, curve_panels
from assay.reports.predictions import (
    class_names,
    confusion,
    examples,
    mistakes,
    per_class,
    pictures,
    unpermuted,
)
from assay.reports.views import counts, curves, headline_trials, run_values, trial_rows
from assay.statistics import mean_interval


def test_a_row_for_each_trial_with_what_was_lost(study):
    rows = {row["trial"]: row for row in trial_rows(*study("trouble"))}
    lost = {name: [rows[name][k] for k in ("n", "diverged", "failed", "missing")] for name in rows}
    assert lost["steady"] == [5, 0, 0, 0]
    assert lost["diverges"] == [3, 2, 0, 0]
    assert lost["all lost"] == [0, 4, 1, 0]
    assert lost["single"] == [1, 0, 0, 4]
    assert np.isnan(rows["all lost"]["test_accuracy"].mean)
    assert np.isnan(rows["single"]["test_accuracy"].low)
    assert rows["constant"]["test_accuracy"].std == 0
    assert rows["steady"]["parameters"] == 27_000
    assert 8.5 < rows["steady"]["seconds"].mean < 9.5


def test_the_best_is_marked_on_each_data_by_validation(study):
    plan, records = study("tour")
    best = {row["trial"] for row in trial_rows(plan, records) if row["best"]}
    assert best == {"plain, CNN", "permuted, MLP"}
    assert [e["trial"] for e in run_values(plan, records, "test_accuracy") if e["best"]] == [
        "plain, CNN",
        "permuted, MLP",
    ]


def test_own_data_of_one_name_are_one_group_only_if_their_content_is():
    def trial(label, **dataset):
        return {"trial_id": label, "label": label, "config": {"dataset": dataset}}

    own = [trial("a", name="folder", fingerprint="3216aa"), trial("b", name="mnist")]
    same = trial("c", name="folder", fingerprint="3216aa")
    assert list(views.data_groups({"trials": [*own, same]})) == ["folder", "mnist"]
    groups = views.data_groups({"trials": [*own, trial("c", name="folder", fingerprint="c9f900")]})
    assert {name: [t["label"] for t in trials] for name, trials in groups.items()} == {
        "folder 3216": ["a"],
        "mnist": ["b"],
        "folder c9f9": ["c"],
    }


def test_counts_add_up(study):
    found = counts(*study("trouble"))
    assert (found["planned"], found["finished"], found["diverged"]) == (30, 19, 6)
    assert found["finished"] + found["diverged"] + found["failed"] + found["missing"] == 30


def curve(trial, seed, losses, status="finished"):
    values = np.asarray(losses, dtype=float)
    data = {"epoch": np.arange(1.0, len(values) + 1), "loss": values}
    return Record(f"{trial}{seed}", trial, seed, status, {}, data, {})


def test_curves_by_hand_with_a_run_that_ended_early_and_one_that_diverged():
    plan = {"trials": [{"label": "a", "trial_id": "a"}, {"label": "b", "trial_id": "b"}]}
    records = [
        curve("a", 0, [3, 2, 1]),
        curve("a", 1, [5, 4]),
        curve("a", 2, [np.nan], "diverged"),
    ]
    (entry,) = curves(plan, records)
    series = entry["series"]["loss"]
    assert (entry["runs"], entry["diverged"]) == (2, 1)
    assert series["x"].tolist() == [1, 2, 3]
    assert series["mean"].tolist() == [4, 3, 1]
    assert series["n"].tolist() == [2, 2, 1]
    # two values 2 apart: half width is t(1, 0.975) * sqrt(2) / sqrt(2) = 12.7062
    assert series["high"][0] - series["mean"][0] == pytest.approx(12.7062, abs=1e-4)
    assert series["low"][0] == 0  # a loss is never negative
    assert np.isnan(series["low"][2])


def test_the_ends_of_runs_that_end_by_time_are_no_points_of_the_mean():
    """Each is evaluated at its own last step, between and after the points that all share."""
    plan = {"trials": [{"label": "a", "trial_id": "a"}]}
    ends = [2.1, 3.05, 3.06, 3.07]
    records = [curve("a", seed, [4, 3, 2, seed][: int(end) + 1]) for seed, end in enumerate(ends)]
    for record, end in zip(records, ends, strict=True):
        record.curves["epoch"][-1] = end
        record.curves["loss"][-1] = 9
    series = curves(plan, records)[0]["series"]["loss"]
    assert series["x"].tolist() == [1, 2, 3]
    assert series["mean"].tolist() == [4, 3, 2]
    assert series["n"].tolist() == [4, 4, 3]


def test_intervals_of_a_curve_are_computed_together(monkeypatch: pytest.MonkeyPatch):
    asked: list[int] = []

    def counted(values: np.ndarray, **how: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        asked.append(len(values))
        return mean_interval(values, **how)

    monkeypatch.setattr(views, "mean_interval", counted)
    plan = {"trials": [{"label": "a", "trial_id": "a"}]}
    curves(plan, [curve("a", 0, range(50)), curve("a", 1, range(50)), curve("a", 2, range(20))])
    assert sorted(asked) == [20, 30]  # points that three runs reached, and points of two


def test_panels_hold_few_lines_that_answer_something(study):
    plan, records = study("factors")
    panels = curve_panels(plan, curves(plan, records))
    assert [p["title"] for p in panels][:2] == ["kernel_initializer", "activation"]
    assert [line["label"] for line in panels[1]["lines"]][:2] == ["relu (baseline)", "tanh"]
    plan, records = study("tour")
    panels = curve_panels(plan, curves(plan, records))
    assert [p["title"] for p in panels] == ["pixels = plain", "pixels = permuted"]
    assert [line["label"] for line in panels[0]["lines"]] == ["MLP", "CNN"]


def test_many_trials_without_structure_show_the_best_and_say_so(study):
    plan, records = study("factors")
    (panel,) = curve_panels({**plan, "design": "random"}, curves(plan, records))
    assert len(panel["lines"]) == LINES
    assert panel["left_out"] == 18 - LINES
    assert "kernel_initializer = zeros" not in [line["label"] for line in panel["lines"]]


def test_the_rows_of_comparisons_are_plain_data(study):
    table = effects_table(*study("trouble"))
    rows = {row["level"]: row for row in table.rows}
    ours = ["difference", "low", "high", "p", "p_better", "p_better_low", "p_better_high"]
    assert set(ours) < set(rows["constant"])
    assert "comparison" not in rows["constant"]
    assert rows["all lost"]["difference"] < -0.5  # as no picture told right
    assert rows["all lost"]["verdict"] == "worse"
    assert rows["single"]["low"] is None
    assert rows["single"]["difference"] is not None
    assert rows["constant"]["verdict"] == "worse"
    assert (rows["diverges"]["diverged"], rows["diverges"]["left_out"]) == (2, 0)


def predicted(trial, seed, target, answer, confidence, val=0.5):
    kept = {
        "test_target": np.array(target),
        "test_predicted": np.array(answer, dtype=np.uint8),
        "test_confidence": np.array(confidence, dtype=np.float16),
    }
    scores = {"val_accuracy": val, "test_accuracy": 0.5}
    return Record(f"{trial}{seed}", trial, seed, "finished", {}, {}, scores, kept)


def two_runs():
    target = [0, 0, 1, 1, 2]
    return [
        predicted("t", 0, target, [0, 1, 1, 2, 2], [0.9, 0.6, 0.7, 0.8, 0.9], val=0.6),
        predicted("t", 1, target, [1, 1, 1, 1, 2], [0.5, 0.9, 0.7, 0.8, 0.9]),
    ]


def test_confusion_and_classes_by_hand():
    matrix = confusion(two_runs())
    assert matrix["counts"].tolist() == [[1, 3, 0], [0, 3, 1], [0, 0, 2]]
    assert matrix["n"] == 2
    shares = [(row["class"], row["images"], row["accuracy"].mean) for row in per_class(two_runs())]
    assert shares == [(0, 2, 0.25), (1, 2, 0.75), (2, 1, 1.0)]
    assert confusion([]) is None


def test_scores_of_a_class_are_those_of_the_runs_that_were_tested_on_it():
    # as with `vary: split`: the first run has no image of class 2, the second none of class 0
    runs = [
        predicted("t", 0, [0, 1], [0, 0], [1, 1]),
        predicted("t", 1, [1, 2, 2], [1, 2, 1], [1] * 3),
    ]
    rows = per_class(runs)
    assert [(row["class"], row["images"]) for row in rows] == [(0, 1), (1, 1), (2, 2)]
    assert [(row["recall"].mean, row["recall"].n) for row in rows] == [(1, 1), (0.5, 2), (0.5, 1)]


def test_precision_recall_and_f1_of_classes_by_hand():
    # run by run, class 1 is named 2 and 4 times, of which 1 and 2 are right
    row = per_class(two_runs())[1]
    assert row["precision"].mean == 0.5
    assert row["recall"].mean == pytest.approx((1 / 2 + 1) / 2)
    assert row["f1"].mean == pytest.approx((2 / 4 + 4 / 6) / 2)
    assert row["f1"].high == 1  # no interval goes beyond what F1 can be
    assert "pr_auc" not in row
    never = per_class(two_runs()[1:])[0]  # a run that never names class 0
    assert (never["precision"].mean, never["f1"].mean) == (0, 0)


def test_pr_auc_of_a_class_ranks_its_images_by_their_probabilities():
    run = two_runs()[0]
    chances = np.array([0.9, 0.2, 0.8, 0.1, 0.3])
    run.predictions["test_probabilities"] = np.stack([chances, 1 - chances, 0 * chances], 1)
    # of class 0, two images are at ranks 1 and 4: precision 1 and 2/4 at recalls 1/2 and 1
    assert per_class([run])[0]["pr_auc"].mean == pytest.approx(0.5 * 1 + 0.5 * 0.5)
    assert "pr_auc" not in per_class([two_runs()[1], run])[0]  # for one of them kept none
    # what a network that is sure keeps: the probabilities are tied, the log-odds are not
    run.predictions["test_probabilities"] = np.ones((5, 3), np.float16)
    run.predictions["test_log_odds"] = np.stack([100 * chances, -100 * chances, -chances], 1)
    assert per_class([run])[0]["pr_auc"].mean == pytest.approx(0.75)


def test_confident_mistakes_come_from_the_run_that_validation_prefers():
    found = mistakes({"trials": []}, two_runs(), per_class=1)
    assert (found["run_id"], found["n"]) == ("t0", 2)
    first, second, third = found["classes"]
    expected = {"index": 1, "predicted": 1, "wrong_in": 2}
    assert {k: first["items"][0][k] for k in expected} == expected
    assert first["items"][0]["confidence"] == pytest.approx(0.6, abs=1e-3)
    assert second["items"][0]["index"] == 3
    assert (third["wrong"], third["items"]) == (0, [])


def test_the_most_confident_mistake_comes_first():
    run = predicted("t", 0, [0, 0, 0, 0], [1, 2, 0, 1], [0.3, 0.9, 0.99, 0.5])
    (group,) = mistakes({"trials": []}, [run])["classes"]
    assert [item["index"] for item in group["items"]] == [1, 3, 0]


def test_regression_has_no_confusion():
    run = two_runs()[0]
    run.predictions["test_predicted"] = np.array([0.5, 0.1, 0.2, 0.3, 0.4])
    assert confusion([run]) is None
    assert mistakes({"trials": []}, [run]) is None


def test_permuted_pictures_have_their_originals(images):
    plain, permuted = (
        images({"name": "digits", "permute": None}),
        images({"name": "digits", "permute": 7}),
    )
    assert not np.array_equal(permuted.test.images, plain.test.images)
    restored = unpermuted(permuted.test.images, permuted)
    np.testing.assert_array_equal(restored, plain.test.images)
    assert unpermuted(plain.test.images, plain) is None
    shown = examples(permuted)
    assert sorted(shown["targets"].tolist()) == list(range(10))
    assert shown["originals"].shape == shown["images"].shape


def test_pictures_are_refused_when_the_data_is_not_the_runs(study, images):
    _, records = study("tour")
    assert pictures(images, records[0], [3, 1])["images"].shape == (2, 8, 8, 1)
    assert "not found" in pictures(lambda spec: None, records[0], [0])["missing"]
    other = replace(records[0], predictions={"test_target": np.arange(5)})
    assert "differs from the one" in pictures(images, other, [0])["missing"]


def test_class_names_fall_back_to_numbers(images):
    assert class_names({"name": "gone"}, None, 3) == ["0", "1", "2"]
    assert class_names({"name": "fashion-mnist"}, None, 10)[0] != "0"


def test_headlines_are_the_best_on_each_data_and_the_baseline(study):
    shown = [trial["label"] for trial in headline_trials(*study("tour"))]
    assert len(shown) == 3  # the best of each data, and the baseline
    assert shown[-1] == "plain, MLP"
    assert [t["label"] for t in headline_trials(*study("factors"))] == [
        "batch_norm = on",
        "baseline",
    ]


def test_published_values_stand_beside_the_right_trial(study):
    plan, records = study("tour")
    entries = [
        {"trial": "plain, MLP", "metric": "test_accuracy", "value": 0.5, "source": "s", "n": 3},
        {"dataset": "digits, permuted", "metric": "test_accuracy", "value": 0.7, "n": 9},
        {"trial": "plain, CNN", "metric": "test_loss", "value": 0.1, "n": 2, "split": "test"},
        {"dataset": "mnist", "metric": "test_accuracy", "value": 0.9},
    ]
    rows = published_rows({**plan, "published": entries}, records)
    assert [r["trial"] for r in rows] == ["plain, MLP", "permuted, MLP", "plain, CNN", "mnist"]
    assert [r["verdict"] for r in rows] == ["above", "same", "above", None]
    assert [r["better"] for r in rows] == [True, None, False, None]
    assert rows[3]["no_verdict"] == "no run yet"


@pytest.mark.parametrize(
    ("known", "reason"),
    [
        ({}, "not tested: number of published runs unknown"),
        ({"n": 1}, "not tested: only one published run"),
        ({"n": 5, "split": "validation"}, "not tested: validation split"),
        ({"n": 5, "split": "own photos"}, "not tested: own photos split"),
        ({"n": 5, "split": "test"}, ""),
    ],
)
def test_published_figures_that_cannot_be_judged_say_why(study, known, reason):
    plan, records = study("tour")
    entry = {"trial": "plain, MLP", "metric": "test_accuracy", "value": 0.5, "source": "s", **known}
    (row,) = published_rows({**plan, "published": [entry]}, records)
    assert (row["no_verdict"], row["verdict"]) == (reason, None if reason else "above")
    one = [r for r in records if r.seed == 0]
    (row,) = published_rows({**plan, "published": [entry]}, one)
    assert (row["no_verdict"], row["verdict"]) == ("not tested: only one run of ours", None)
    (said,) = answers({**plan, "published": [entry]}, one)["published"]
    assert said["text"].endswith(", not tested: only one run of ours.")
    assert said["verdict"] == ""


def test_environment_names_every_value_once(study):
    _, records = study("tour")
    found = {row["name"]: row["values"] for row in environment(records)}
    assert found["device"] == ["cpu"]
    assert not {"parameters", "finished_at"} & set(found)
    times = when(records)
    assert times["first"] < times["last"]
    assert times["seconds"] == pytest.approx(sum(r.timing["train"] + 0.5 for r in records))


def test_curves_of_validation_alone_are_there_for_who_asks(study):
    plan, records = study("tour")
    records = [
        replace(r, curves={**r.curves, "val_distance": 2 * r.curves["val_loss"]}) for r in records
    ]
    assert all("val_distance" not in entry["series"] for entry in curves(plan, records))
    for entry in curves(plan, records, alone=True):
        distance, loss = (entry["series"][n]["mean"] for n in ("val_distance", "val_loss"))
        assert distance == pytest.approx(2 * loss)
