"""`assay import`: results made elsewhere as a study of the store."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import assay
from assay.apps.cli.app import main
from assay.apps.importing import import_runs, read_runs
from assay.core.errors import ConfigError
from assay.core.store import Store
from assay.statistics import effects

CSV = """\
activation,size,seed,accuracy,val_accuracy
relu,small,0,0.91,0.92
relu,small,1,0.92,0.92
relu,small,2,0.90,0.91
tanh,small,0,0.93,0.94
tanh,small,1,0.94,0.95
tanh,small,2,0.92,0.93
"""


def written(tmp_path: Path, text: str) -> Path:
    (tmp_path / "runs.csv").write_text(text, encoding="utf-8")
    return tmp_path / "runs.csv"


def test_a_table_becomes_a_study_with_its_comparisons(tmp_path: Path):
    plan = import_runs(tmp_path / "store", "mine", read_runs(written(tmp_path, CSV)))
    assert plan["factors"] == {"activation": ["relu", "tanh"]}  # the other one does not vary
    assert [t["label"] for t in plan["trials"]] == ["relu, small", "tanh, small"]
    with Store(tmp_path / "store", read_only=True, create=False) as store:
        records = store.records([r for t in plan["trials"] for r in t["runs"]])
    (found,) = effects(plan, records, "test_accuracy")
    assert (found.level, found.comparison.n, found.comparison.paired) == ("tanh", 3, True)
    assert found.comparison.difference == pytest.approx(0.02)
    assert records[0].metrics == {"test_accuracy": 0.91, "val_accuracy": 0.92}


def test_a_run_without_a_value_has_diverged_and_seeds_may_be_counted(tmp_path: Path):
    text = "how,error_of_mine\na,0.2\na,\nb,0.5\nb,0.4\n"
    runs = read_runs(written(tmp_path, text))
    plan = import_runs(tmp_path / "store", "mine", runs, lower=["error_of_mine"])
    with Store(tmp_path / "store", read_only=True, create=False) as store:
        records = store.records([r for t in plan["trials"] for r in t["runs"]])
    assert [(r.seed, r.status) for r in records] == [
        (0, "finished"), (1, "diverged"), (0, "finished"), (1, "finished")
    ]  # fmt: skip
    assert plan["metrics"]["error_of_mine"]["higher_is_better"] is False


def test_a_column_of_numbers_can_be_a_factor(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    rows = [f"relu,{rate},{s},{0.9 - rate}" for rate in (0.1, 0.01) for s in (0, 1)]
    path = written(tmp_path, "\n".join(["activation,rate,seed,accuracy", *rows]) + "\n")
    place = ["--store", str(tmp_path / "store")]
    assert main(["import", str(path), *place]) == 2
    said = capsys.readouterr().err
    assert "runs.csv:4: seed 0 of this trial occurs twice, first in" in said
    assert "count as metrics: rate, accuracy (--factor NAME makes a column a factor)" in said
    assert main(["import", str(path), "--factor", "rat", *place]) == 2
    assert "unknown column 'rat'; did you mean 'rate'?" in capsys.readouterr().err
    plan = import_runs(tmp_path / "store", "mine", read_runs(path, ["rate"]))
    assert plan["factors"] == {"rate": ["0.1", "0.01"]}
    assert [t["label"] for t in plan["trials"]] == ["relu, rate = 0.1", "relu, rate = 0.01"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a,b\nx,y\n", "no column of numbers for the metric (columns: a, b)"),
        ("a,seed,accuracy\nx,one,0.5\n", "runs.csv:2: a seed must be a whole number, got 'one'"),
        (
            "a,seed,accuracy\nx,1,0.5\nx,1,0.6\n",
            "runs.csv:3: seed 1 of this trial occurs twice, first in",
        ),
        ("a,accuracy\nx,97.1\n", "test_accuracy must lie between 0 and 1, got 97.1"),
        ("a,accuracy\nx\n", "runs.csv:2: expected 2 values"),
        ("", "no column of numbers"),
    ],
)
def test_what_is_wrong_with_a_table(text, said, tmp_path: Path, capsys):
    file = written(tmp_path, text)
    assert main(["import", str(file), "--store", str(tmp_path / "store")]) == 2
    assert said in capsys.readouterr().err


def test_the_command_writes_a_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    file = written(tmp_path, CSV)
    assert main(["import", str(file), "--store", str(tmp_path / "store"), "--study", "mine"]) == 0
    out = capsys.readouterr().out
    assert "mine: 6 runs of 2 trials" in out
    assert "tanh, small (best)" in out
    assert (tmp_path / "store" / "reports" / "mine.html").exists()
    assert main(["import", str(tmp_path / "no.csv"), "--store", str(tmp_path / "store")]) == 2


@pytest.mark.parametrize(
    ("header", "there"), [("loss", ()), ("accuracy,val_accuracy", ("validation accuracy (%)",))]
)
def test_a_table_has_a_validation_column_if_there_are_values(header, there, tmp_path: Path):
    names = header.split(",")
    rows = [f"{how},{s},{','.join(['0.5'] * len(names))}" for how in "ab" for s in (0, 1)]
    file = written(tmp_path, "\n".join([f"how,seed,{header}", *rows]) + "\n")
    import_runs(tmp_path / "store", "mine", read_runs(file))
    headers = assay.load(tmp_path / "store")["mine"].trials_table().headers
    shown = [name.removesuffix(", mean ± 95 %") for name in headers if "validation" in name]
    assert shown == list(there)
    assert any(name.startswith("test") for name in headers)


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


@pytest.mark.parametrize(
    ("tag", "curve"),
    [
        ("val/accuracy", "val_accuracy"),
        ("Accuracy/valid", "val_accuracy"),
        ("Loss/train", "loss"),
        ("validation/Loss", "val_loss"),
        ("test/my/Score", "test_my_Score"),
        ("val", "val"),
        ("epoch/seconds", "epoch_seconds"),
        ("test_accuracy", "test_accuracy"),
    ],
)
def test_tags_of_event_files(tag: str, curve: str, tmp_path: Path):
    pytest.importorskip("tensorboard")
    writer = pytest.importorskip("tensorboardX").SummaryWriter
    with writer(str(tmp_path / "seed0")) as events:
        events.add_scalar(tag, 0.5, 0)
    (run,) = read_runs(tmp_path)
    assert list(run.curves) == [curve]


def test_event_files_are_read_without_tensorflow(tmp_path: Path):
    pytest.importorskip("tensorboard")
    writer = pytest.importorskip("tensorboardX").SummaryWriter
    with writer(str(tmp_path / "seed0")) as events:
        events.add_scalar("loss", 0.5, 0)
    code = (
        "import sys, pathlib\nfrom assay.apps.importing import read_runs\n"
        f"read_runs(pathlib.Path({str(tmp_path)!r}))\nassert 'tensorflow' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_event_files_are_a_run_for_each_folder(tmp_path: Path):
    pytest.importorskip("tensorboard")
    writer = pytest.importorskip("tensorboardX").SummaryWriter
    for trial, seed in (("tanh", 0), ("tanh", 1), ("relu", 0)):
        with writer(str(tmp_path / "events" / f"{trial}-seed{seed}")) as events:
            for step in range(3):
                events.add_scalar("val/accuracy", 0.5 + step / 10 + seed / 100, step)
                events.add_scalar("loss", 1 / (step + 1), step)
    runs = read_runs(tmp_path / "events")
    assert [(r.levels["trial"], r.seed) for r in runs] == [("relu", 0), ("tanh", 0), ("tanh", 1)]
    assert runs[2].metrics == {"accuracy": pytest.approx(0.71)}
    assert runs[0].curves["loss"] == ([0, 1, 2], [1, 0.5, pytest.approx(1 / 3)])
