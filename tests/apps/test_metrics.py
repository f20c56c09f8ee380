"""Metrics that a study names: computed when a run has ended, shown, compared, chosen by."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

import pytest

import assay
from assay.apps.api import plan_of, train
from assay.apps.comparing import find_side
from assay.apps.results import Results
from assay.core import plugins
from assay.core.errors import ConfigError
from assay.core.metrics import METRICS
from assay.core.registry import _TABLES
from assay.execution.place import Machine
from assay.reports.html import render_html
from assay.statistics import best_trial
from assay.tasks.classification import f1_macro, roc_auc

STUDY: dict[str, Any] = {
    "study": "named",
    "dataset": {"name": "digits", "train": 300, "validation": 100, "test": 100},
    "network": {"family": "mlp", "hidden": [8]},
    "training": {"epochs": 1},
    "engine": "numpy",
    "repeats": 2,
    "factors": {"training.learning_rate": [0.01, 0.3]},
}
ASKED = {"metrics": ["f1_macro", "roc_auc"]}


def run(store: Path, **changes: Any) -> Results:
    return assay.run({**STUDY, **changes}, store=store, workers=1)


def trained(store: Path, **changes: Any) -> int:
    return train(plan_of({**STUDY, **changes}), store, machine=Machine(workers=1)).trained


def plugin(folder: Path, body: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Load a plugin that registers "mine", instead of the one before; returns its file."""
    file = folder / f"{folder.name}.py"  # no two tests share a module
    text = (
        f'import assay\n\n@assay.register_metric("mine", higher_is_better=True, decimals=3)\n{body}'
    )
    file.write_text(textwrap.dedent(text))
    monkeypatch.setattr(plugins, "_loaded", {})
    monkeypatch.setitem(_TABLES, "metric", dict(_TABLES["metric"]))
    monkeypatch.setattr(METRICS, "_entries", _TABLES["metric"])
    _TABLES["metric"].pop("mine", None)
    plugins.load(str(file))
    return str(file)


def test_values_of_both_splits_are_those_of_what_the_record_keeps(tmp_path: Path) -> None:
    results = run(tmp_path, **ASKED)
    for record in results.records():
        for split in ("val", "test"):
            start = f"{split}_"
            kept = {
                name.removeprefix(start): array
                for name, array in record.predictions.items()
                if name.startswith(start)
            }
            assert kept["probabilities"].shape == (100, 10)
            assert kept["probabilities"].dtype == "float16"
            assert kept["log_odds"].dtype == "float32"
            for function in (f1_macro, roc_auc):
                computed = function(kept["target"], kept)
                assert record.metrics[f"{split}_{function.__name__}"] == computed
    record = run(tmp_path / "without").records()[0]
    assert sorted(record.predictions) == ["test_confidence", "test_predicted", "test_target"]


def test_names_of_runs_and_their_weights_do_not_depend_on_metrics(tmp_path: Path) -> None:
    assert plan_of(STUDY).runs() == plan_of({**STUDY, **ASKED, "objective": "val_f1_macro"}).runs()
    with_them, without = run(tmp_path / "a", **ASKED), run(tmp_path / "b")
    for a, b in zip(with_them.records(), without.records(), strict=True):
        assert {k: a.metrics[k] for k in b.metrics} == b.metrics


def test_tables_show_them_beside_the_main_one(tmp_path: Path) -> None:
    results = run(tmp_path, **ASKED)
    table = results.metrics_table()
    assert table is not None
    assert table.headers == ["trial", "n", "test macro F1 (%)", "test ROC-AUC"]
    assert table.notes == (
        "Mean ± half of the 95 % t-interval. The main metric of the study is accuracy.",
    )
    row = results.trials_table().rows[0]
    assert row["test_roc_auc_low"] < row["test_roc_auc"] < row["test_roc_auc_high"]
    assert row["val_f1_macro"] is not None
    page = render_html(results.plan, results.records())
    assert "Other metrics of named" in page
    assert "What the factors of named do to other metrics" in page
    assert run(tmp_path).metrics_table() is None


def test_the_objective_chooses_and_is_compared(tmp_path: Path) -> None:
    results = run(tmp_path, objective="val_brier_score")
    assert results.plan["metric"] == "val_brier_score"
    assert results.trials_table().headers[2] == "test Brier score, mean ± 95 %"
    assert {effect.metric for effect in results.effects()} == {"test_brier_score"}
    best = best_trial(results.plan, results.records(arrays=False))
    assert best is not None
    means = {t["trial"]: t["val_brier_score"] for t in results.trials_table().rows}
    assert means[best.trial["label"]] == min(means.values())


def test_a_study_never_shows_what_the_plugin_of_another_one_computed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = tmp_path / "store"
    asked = {"metrics": ["mine"], "objective": "val_mine"}
    for study, body in (("one", "return 0.25"), ("other", "return 0.75")):
        plugin(tmp_path, f"def mine(targets, predictions):\n    {body}\n", monkeypatch)
        run(store, **asked, study=study)
    other, one = (assay.load(store)[name] for name in ("other", "one"))
    assert {record.metrics["test_mine"] for record in other.records()} == {0.75}
    assert not any("test_mine" in record.metrics for record in one.records())
    table = one.metrics_table()
    assert table is None or "0.75" not in str(table.format("csv"))
    why = "another version of its plugin computed the stored value; `assay run` computes it again"
    assert f"Test mine is unknown for 4 runs: {why}." in one.trials_table().notes
    assert find_side(store, "other:baseline").records[0].metrics["test_mine"] == 0.75
    assert "test_mine" not in find_side(store, "one:baseline").records[0].metrics


def test_stored_runs_get_what_their_records_allow_and_train_no_more(tmp_path: Path) -> None:
    assert trained(tmp_path) == 4
    assert trained(tmp_path, **ASKED, objective="val_f1_macro") == 0
    results = assay.load(tmp_path)["named"]
    record = results.records()[0]
    kept = {k.removeprefix("test_"): v for k, v in record.predictions.items()}
    assert record.metrics["test_f1_macro"] == f1_macro(kept["target"], kept)
    assert "val_f1_macro" not in record.metrics
    assert (
        "Validation macro F1 is unknown for 4 runs: no predictions were stored."
        in results.trials_table().notes
    )
    table = results.metrics_table()
    assert table is not None
    assert "Test ROC-AUC is unknown for 4 runs: no probabilities were stored." in table.notes
    assert results.sentences()  # of the test images, which are known


def test_a_changed_plugin_computes_again_and_trains_nothing(tmp_path: Path) -> None:
    changes: dict[str, Any] = {"metrics": ["mine"], "plugins": []}
    for body, value, runs in (("return 1", 1, 4), ("return 2.5", 2.5, 0)):
        with pytest.MonkeyPatch.context() as patch:
            changes["plugins"] = [plugin(tmp_path, f"def mine(t, p): {body}", patch)]
            assert trained(tmp_path / "store", **changes) == runs
        record = assay.load(tmp_path / "store")["named"].records()[0]
        assert (record.metrics["val_mine"], record.metrics["test_mine"]) == (value, value)


def test_a_metric_that_fails_costs_no_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = plugin(tmp_path, "def mine(t, p): return 1 / 0", monkeypatch)
    why = f"{Path(file).name}:4: ZeroDivisionError: division by zero"
    reason = f"Test mine is unknown for 4 runs: {why}."
    with pytest.warns(UserWarning, match="mine is unknown") as warned:
        results = run(tmp_path / "store", metrics=["mine"], plugins=[file])
    assert [reason in str(warning.message) for warning in warned] == [True]
    assert warned[0].filename == __file__
    assert [record.status for record in results.records()] == ["finished"] * 4
    table = results.metrics_table()
    assert table is not None
    assert reason in table.notes
    assert reason in render_html(results.plan, results.records())


def test_a_plan_tells_how_a_metric_is_shown_without_its_plugin(tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        file = plugin(tmp_path, "def mine(t, p): return len(t) / 3", patch)
        run(tmp_path / "store", metrics=["mine"], plugins=[file])
    table = assay.load(tmp_path / "store")["named"].metrics_table()
    assert table is not None
    assert table.texts()[0][2] == "33.333 ± 0.000"


SEARCH: dict[str, Any] = {
    **{key: value for key, value in STUDY.items() if key not in ("factors", "repeats")},
    "search": {
        "sampler": "grid",
        "objective": "val_f1_macro",
        "space": {"training.learning_rate": [0.01, 0.3]},
        "best": 1,
    },
    "repeats": 1,
}


def test_a_search_by_a_metric(tmp_path: Path) -> None:
    results = assay.run(SEARCH, store=tmp_path, workers=1)
    tried = {r.config["training"]["learning_rate"]: r.metrics for r in results.tried()}
    best = max(tried, key=lambda rate: tried[rate]["val_f1_macro"])
    assert results.plan["trials"][0]["config"]["training"]["learning_rate"] == best
    assert "test_f1_macro" in results.records()[0].metrics
    assert not [name for name in results.tried()[0].metrics if name.startswith("test_")]


def test_a_search_says_that_stored_runs_lack_its_objective(tmp_path: Path) -> None:
    by_accuracy = {**SEARCH["search"], "objective": "val_accuracy"}
    assay.run({**SEARCH, "search": by_accuracy}, store=tmp_path, workers=1)
    with pytest.raises(ConfigError, match="has no val_f1_macro, which is the objective of this "
                       "search: no predictions were stored; use another store, or an objective "
                       "that the run has: val_accuracy, val_loss"):  # fmt: skip
        assay.run(SEARCH, store=tmp_path, workers=1)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"metrics": ["f1_macr"]},
         r"metrics\[0\]: unknown metric of task classify 'f1_macr'; did you mean 'f1_macro'\?"),
        ({"metrics": ["val_f1_macro"]}, "a metric is named without the split: f1_macro"),
        ({"metrics": ["roc_auc", "roc_auc"]}, r"metrics\[1\]: metric roc_auc is given twice"),
        ({"metrics": 3}, "metrics must be a list, got 3"),
        ({"objective": "val_acuracy"}, "unknown objective 'val_acuracy'; did you mean 'val_ac"),
        ({"objective": "test_accuracy"},
         "unknown objective 'test_accuracy': the test images must not choose"),
    ],
)  # fmt: skip
def test_errors(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        plan_of({**STUDY, **changes})


def test_the_main_metric_of_the_task_stays_beside_another_objective() -> None:
    searched = {"search": {**SEARCH["search"], "objective": "val_loss"}}
    for written in ({"objective": "val_loss"}, searched):
        base = SEARCH if "search" in written else STUDY
        assert plan_of({**base, **written}).to_json()["shown"] == ["loss", "accuracy"]
    assert "shown" not in plan_of(STUDY).to_json()


def test_a_search_has_its_own_objective() -> None:
    with pytest.raises(ConfigError, match=r"a search has its own objective: search\.objective"):
        plan_of({**SEARCH, "objective": "val_accuracy"})
