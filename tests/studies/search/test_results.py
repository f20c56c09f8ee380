"""What is said of a search: the history, what trials are worth, what mattered, other tools."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from search_command import HALVED, search, study

from assay.apps.cli.app import main
from assay.apps.results import Results, load
from assay.statistics import (
    best_so_far,
    expected_best,
    finished_trials,
    importances,
    optuna_trials,
    search_trials,
)
from assay.statistics.searches import SearchTrial, Step, estimate


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Results:
    path = tmp_path_factory.mktemp("searched")
    search(path, study(HALVED, repeats=2))
    return load(path)["searched"]


def trial(number: int, value: float, images: float = 10, **values: Any) -> SearchTrial:
    step = Step(3, number, estimate([value]), images, 1.0, value)
    return SearchTrial(number, f"#{number}", values, {}, 0, None, (step,), "complete")


def test_expected_best_by_hand():
    """Of 1, 2, 3 two draws with replacement: nine pairs, the mean of their larger ones."""
    curve = expected_best([3.0, 1.0, 2.0])
    pairs = [max(p) for p in product([1, 2, 3], repeat=2)]
    triples = [max(p) for p in product([1, 2, 3], repeat=3)]
    np.testing.assert_allclose(curve["mean"], [2, np.mean(pairs), np.mean(triples)])
    assert (curve["low"] <= curve["mean"]).all()
    assert (curve["mean"] <= curve["high"]).all()
    lower = expected_best([3.0, 1.0, 2.0], higher_is_better=False)
    np.testing.assert_allclose(lower["mean"], 4 - curve["mean"])
    other = expected_best([3.0, 1.0, 2.0, 2.5], seed=1)
    assert not np.array_equal(other["low"], expected_best([3.0, 1.0, 2.0, 2.5])["low"])


def test_best_so_far_counts_what_was_spent():
    trials = [trial(0, 0.5), trial(1, 0.4), trial(2, 0.9)]
    course = best_so_far(trials, True)
    assert [entry["best"] for entry in course] == [0.5, 0.5, 0.9]
    assert [entry["images"] for entry in course] == [10, 20, 30]
    assert [entry["best"] for entry in best_so_far(trials, False)] == [0.5, 0.4, 0.4]


def test_best_so_far_has_the_interval_of_the_best_trial():
    """Two runs, 0.4 and 0.6: 0.5 and 12.7062 standard errors of 0.1; one run has none."""
    two = replace(trial(0, 0.5), steps=(Step(3, 0, estimate([0.4, 0.6]), 10, 1.0, 0.5),))
    first, second = best_so_far([two, trial(1, 0.9)], True)
    assert [first["low"], first["high"]] == pytest.approx([-0.77062, 1.77062], abs=1e-5)
    assert np.isnan([second["low"], second["high"]]).all()


def test_what_matters_is_found_and_what_does_not_is_not():
    plan = {
        "search": {
            "higher_is_better": True,
            "space": [
                {
                    "name": "rate",
                    "kind": "float",
                    "low": 0.0,
                    "high": 1.0,
                    "step": None,
                    "log": False,
                },
                {"name": "colour", "kind": "choice", "levels": ["red", "blue"]},
                {"name": "never", "kind": "choice", "levels": ["one"]},
            ],
        }
    }
    rng = np.random.default_rng(0)
    trials = [
        trial(
            i, float(1 - (x - 0.5) ** 2), rate=float(x), colour=["red", "blue"][i % 2], never="one"
        )
        for i, x in enumerate(rng.uniform(0, 1, 40))
    ]
    rows = importances(plan, trials, resamples=4)
    assert [row["parameter"] for row in rows] == ["rate", "colour"]
    for method in ("fanova", "ped_anova"):
        first, second = (row[method] for row in rows)
        assert first.value > 0.8
        assert first.low > second.high
        assert first.value + second.value == pytest.approx(1)
    assert importances(plan, trials[:5]) == []


def test_the_table_and_the_sentences(results: Results):
    trials = search_trials(results.plan, results.tried())
    done = finished_trials(trials)
    assert len(trials) == 3 + 2  # brackets of three epochs: 3 to 1, 1 to 3; 2 to 3
    assert {t.state for t in trials} == {"complete", "stopped"}
    table = results.search_table()
    rows = list(table.rows)
    assert rows[0]["val_accuracy"] == max(t.value for t in done)
    assert [row["best"] for row in rows[:3]] == [True, True, False]
    assert "#" in table.to_markdown()
    said = results.search_sentences()
    assert said[0].startswith("5 of 5 trials were proposed by hyperband (random), 2 stopped")
    images = sum(step.images for t in trials for step in t.steps)
    # 3 x 1 epoch, one of them 2 more, 2 x 3 epochs, of 200 images
    assert images == pytest.approx(200 * (3 + 2 + 6))


def test_the_report_shows_the_search(results: Results, tmp_path: Path):
    text = results.report(tmp_path / "r.html").read_text()
    for part in ('id="search"', "Best so far", "Each parameter", "3 trials to epoch 1, 1 to 3"):
        assert part in text
    table = results.trials_table()
    assert len(table.rows) == 2
    assert table.rows[0]["n"] == 2
    assert len(results.sentences()) == 1


def test_optuna_reads_the_export(results: Results, tmp_path: Path, capsys):
    import optuna

    file = tmp_path / "searched.db"
    store = ["--store", str(results.store)]
    assert main(["export", "searched", "--to", "optuna", "--out", str(file), *store]) == 0
    assert [p.name for p in tmp_path.iterdir()] == ["searched.db"]
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    storage = optuna.storages.RDBStorage(f"sqlite:///{file}")
    found = optuna.load_study(study_name="searched", storage=storage)
    trials = search_trials(results.plan, results.tried())
    assert found.direction.name == "MAXIMIZE"
    assert [t.params for t in found.trials] == [t.values for t in trials]
    assert [t.state.name for t in found.trials].count("PRUNED") == 2
    assert found.best_value == max(t.value for t in finished_trials(trials))
    longest = max(found.trials, key=lambda t: len(t.intermediate_values))
    assert list(longest.intermediate_values) == [1, 3]
    assert len(optuna_trials(results.plan, trials)) == len(trials)
    storage.remove_session()
    storage.engine.dispose()


def test_the_command_line(results: Results, tmp_path: Path, capsys, monkeypatch):
    store = ["--store", str(results.store)]
    assert main(["search", "searched", *store]) == 0
    assert "Best trials of the search of searched" in capsys.readouterr().out
    file = tmp_path / "study.yaml"
    file.write_text(json.dumps(study(HALVED)))  # JSON is YAML
    assert main(["search", str(file), "--summary"]) == 0
    said = capsys.readouterr().out
    for part in ("network.hidden.1", "layers == 2", "3 trials to epoch 1, 1 to 3"):
        assert part in said
    assert main(["run", str(file), "--dry-run", *store]) == 0
    assert "images to see" in capsys.readouterr().out
    assert (
        main(["export", "searched", "--to", "json", "--out", str(tmp_path / "s.json"), *store]) == 0
    )
    data = json.loads((tmp_path / "s.json").read_text())
    assert [t["number"] for t in data["search"]["tried"]] == [0, 1, 2, 3, 4]
    assert main(["search", "tour", "--summary"]) == 2
    assert "study 'tour' has no search" in capsys.readouterr().err
    assert main(["run", str(file), "--set", "search.sampler=tpee"]) == 2
    assert "unknown sampler 'tpee'; did you mean 'tpe'?" in capsys.readouterr().err
