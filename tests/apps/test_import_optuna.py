"""Studies of Optuna that are imported."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from assay.apps.importing import read_runs
from assay.core.errors import ConfigError


def test_an_optuna_study_and_what_is_none(tmp_path: Path):
    import optuna

    level = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    storage = f"sqlite:///{tmp_path / 'o.db'}"
    study = optuna.create_study(storage=storage, study_name="x", direction="maximize")
    for value in "aabb":
        study.enqueue_trial({"kind": value})
    study.optimize(lambda t: float(t.suggest_categorical("kind", ["a", "b"]) == "b"), n_trials=4)
    optuna.logging.set_verbosity(level)
    runs = read_runs(tmp_path / "o.db")
    assert [(r.levels, r.metrics) for r in runs][1:3] == [
        ({"kind": "a"}, {"objective": 0.0}), ({"kind": "b"}, {"objective": 1.0})
    ]  # fmt: skip
    assert runs[0].better == {"objective": True}
    (tmp_path / "s.db").write_bytes(b"SQLite format 3\x00" + bytes(100))
    with pytest.raises(ConfigError, match="contains no Optuna study"):
        read_runs(tmp_path / "s.db")


def test_a_file_is_read_and_never_written(tmp_path: Path):
    """Optuna makes its tables in any file that it opens, and a name is more than an address."""
    import optuna

    level = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    made = tmp_path / "o.db"
    study = optuna.create_study(storage=f"sqlite:///{made}", study_name="x")
    study.optimize(lambda t: t.suggest_float("a", 0, 1), n_trials=2)
    optuna.logging.set_verbosity(level)
    named = made.rename(tmp_path / "50 % #1.db")
    other = tmp_path / "notes.db"
    with closing(sqlite3.connect(other)) as db, db:
        db.execute("CREATE TABLE notes (text)")
    before = {file: file.read_bytes() for file in tmp_path.iterdir()}
    with pytest.raises(ConfigError, match=r"notes\.db contains no Optuna study: it has no table"):
        read_runs(other)
    assert len(read_runs(named)) == 2
    assert {file: file.read_bytes() for file in tmp_path.iterdir()} == before


def test_floats_of_optuna_have_six_digits_or_those_that_tell_them_apart(tmp_path: Path):
    import optuna

    level = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(storage=f"sqlite:///{tmp_path / 'o.db'}", study_name="x")
    for rate, share in ((0.0012345678901, 0.25), (0.0012345671, 0.25), (0.1, 0.3000000004)):
        study.enqueue_trial({"rate": rate, "share": share})
    study.optimize(lambda t: sum(t.suggest_float(n, 0, 1) for n in ("rate", "share")), n_trials=3)
    optuna.logging.set_verbosity(level)
    assert [run.levels for run in read_runs(tmp_path / "o.db")] == [
        {"rate": "0.001234568", "share": "0.25"},
        {"rate": "0.001234567", "share": "0.25"},
        {"rate": "0.1", "share": "0.3"},
    ]


def test_one_of_several_optuna_studies_whose_trials_have_seeds(tmp_path: Path):
    import optuna

    level = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    storage = f"sqlite:///{tmp_path / 'o.db'}"
    for name in ("mlp", "cnn"):
        study = optuna.create_study(storage=storage, study_name=name, direction="minimize")
        for seed in (5, 4):
            study.enqueue_trial({"seed": seed, "rate": 0.1})
        study.optimize(
            lambda t: t.suggest_int("seed", 0, 9) + t.suggest_float("rate", 0, 1), n_trials=2
        )
    optuna.logging.set_verbosity(level)
    runs = read_runs(tmp_path / "o.db", study="cnn")
    assert [(r.levels, r.seed) for r in runs] == [({"rate": "0.1"}, 5), ({"rate": "0.1"}, 4)]
    with pytest.raises(ConfigError, match=r"of its 2 Optuna studies by --study .known: mlp, cnn"):
        read_runs(tmp_path / "o.db")
    with pytest.raises(ConfigError, match="did you mean 'mlp'"):
        read_runs(tmp_path / "o.db", study="mpl")
