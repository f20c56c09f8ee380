"""`assay import`: results made elsewhere as a study of the store."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import cast

import pytest

import assay
from assay.apps.cli.app import main
from assay.apps.importing import import_runs, read_runs
from assay.core.errors import ConfigError
from assay.core.plans import PlanData, planned_runs
from assay.core.records import Record
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


def stored(store: Path, study: str) -> list[Record]:
    """The records of a study, in the order of its plan."""
    return assay.load(store)[study].records()


def test_a_run_that_is_not_finite_has_diverged_and_seeds_may_be_counted(tmp_path: Path):
    text = "how,imported_error,loss,f1\na,0.2,1,nan\na,inf,1,1\nb,0.5,nan,1\nb,0.4,1,1\n"
    runs = read_runs(written(tmp_path, text))
    plan = import_runs(tmp_path / "store", "mine", runs, lower=["imported_error"])
    records = stored(tmp_path / "store", "mine")
    assert [(r.seed, r.status) for r in records] == [
        (0, "finished"), (1, "diverged"), (2, "diverged"), (3, "finished")
    ]  # fmt: skip
    assert records[0].metrics == {"test_imported_error": 0.2, "test_loss": 1}  # f1 is undefined
    assert records[1].metrics == records[2].metrics == {}
    assert plan["metrics"]["imported_error"]["higher_is_better"] is False


def test_a_run_with_an_empty_cell_is_missing(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    place = ["--store", str(tmp_path / "store"), "--study", "mine"]
    whole = "how,accuracy,loss\na,0.2,1\na,0.3,1\na,0.4,1\nb,0.5,1\nb,0.4,\nb,0.4,1\n"
    assert main(["import", str(written(tmp_path, whole)), *place]) == 0
    assert "missing" not in capsys.readouterr().out  # a loss may be missing
    # what an earlier import stored of these runs is forgotten
    text = whole.replace("a,0.2,1", "a,,1").replace("a,0.3", "a, ")
    assert main(["import", str(written(tmp_path, text)), *place]) == 0
    out = capsys.readouterr().out
    assert "mine: 4 runs of 2 trials" in out
    first = f"{tmp_path / 'runs.csv'}:2"
    assert f"2 runs are missing, without a value of accuracy: the first is {first}" in out
    assert "1, 2 missing" in out
    assert "diverged" not in out
    known = [(r.seed, r.metrics) for r in stored(tmp_path / "store", "mine")]
    assert known[0] == (2, {"test_accuracy": 0.4, "test_loss": 1})
    assert known[2] == (4, {"test_accuracy": 0.4})
    assert main(["import", str(written(tmp_path, whole.replace("a,0.2", "a,"))), *place]) == 0
    assert f"1 run is missing, without a value of accuracy: {first}" in capsys.readouterr().out


def test_importing_again_replaces_the_values(tmp_path: Path):
    for text in (CSV, CSV.replace("0.93,0.94", "0.13,0.94").replace("0.92,0.93\n", "nan,0.93\n")):
        import_runs(tmp_path / "store", "mine", read_runs(written(tmp_path, text)))
    records = stored(tmp_path / "store", "mine")
    assert records[3].metrics == {"test_accuracy": 0.13, "val_accuracy": 0.94}
    assert [r.status for r in records] == [*["finished"] * 5, "diverged"]


def test_an_import_never_takes_the_place_of_a_trained_study(
    store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    store = shutil.copytree(store, tmp_path / "store")  # other tests read it, too

    def held() -> tuple[set[str], list[str], bytes]:
        with Store(store, read_only=True, create=False) as opened:
            return (
                {run for plan in opened.plans() for run in planned_runs(plan)},
                opened.run_ids(),
                (store / "reports" / "small.html").read_bytes(),
            )

    before = held()
    command = ["import", str(written(tmp_path, CSV)), "--store", str(store)]
    assert main([*command, "--study", "small"]) == 2
    said = capsys.readouterr().err
    assert f"study 'small' was trained here ({len(before[1])} runs in the store {store})" in said
    assert "choose another --study, for example small-imported" in said
    assert held() == before
    for _ in range(2):
        assert main([*command, "--study", "small-imported"]) == 0


def test_nor_of_one_that_was_trained_at_another_scale_or_only_searched(tmp_path: Path):
    runs = read_runs(written(tmp_path, CSV))
    trial = {"label": "a", "trial_id": "t", "config": {}, "levels": {}, "runs": ["r"]}
    plans = [
        {"study": "mine@smoke", "trials": [trial]},
        {"study": "searched", "trials": [], "search": {"trials": []}},
    ]
    with Store(tmp_path / "store") as opened:
        for plan in plans:
            opened.save_plan(cast("PlanData", plan))
    for name, told in (("mine", "mine@smoke"), ("searched", "searched")):
        with pytest.raises(ConfigError, match=rf"study '{told}' was trained here \(0 runs"):
            import_runs(tmp_path / "store", name, runs)


@pytest.mark.parametrize("command", [["run"], ["run", "--dry-run"], ["run", "--scale", "smoke"]])
def test_training_never_takes_the_place_of_an_imported_study(command, tmp_path: Path, capsys):
    place = ["--store", str(tmp_path / "store")]
    plan = import_runs(tmp_path / "store", "mine", read_runs(written(tmp_path, CSV)))
    file = tmp_path / "mine.yaml"
    file.write_text("study: mine\ndataset: digits\nnetwork: {family: mlp, hidden: [8]}\n")
    assert main([command[0], str(file), *command[1:], *place]) == 2
    assert "study 'mine' was imported (6 runs in the store" in (said := capsys.readouterr().err)
    assert "training would take its place; choose another name" in said
    with Store(tmp_path / "store", read_only=True) as store:
        assert store.plan("mine") == plan


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("reproduce {run}", "run '{run}' was imported, so it cannot be trained again"),
        ("reproduce mine", "study 'mine' was imported, so it cannot be trained again"),
        ("sample {run}", "run {run} was imported, so it has no weights"),
        ("interpolate {run}", "run {run} was imported, so it has no weights"),
        ("sample mine", "study mine has no finished run that generates images"),
        ("export {run} --to torch", "run {run} was imported, so it has no weights"),
        ("loss-surface {run}", "run {run} was imported, so it has no weights"),
        ("export-page {run} --out page", "run {run} was imported, so it has no weights"),
    ],
)
def test_what_needs_a_trained_network_says_that_a_run_was_imported(
    command: str, said: str, tmp_path: Path, capsys
):
    plan = import_runs(tmp_path / "store", "mine", read_runs(written(tmp_path, CSV)))
    run = planned_runs(plan)[0]
    words = command.format(run=run).split()
    assert main([*words, "--store", str(tmp_path / "store")]) == 2
    assert capsys.readouterr().err == f"error: {said.format(run=run)}\n"


@pytest.mark.parametrize(
    "command",
    [
        "import {file}",
        "report mine --to markdown --text {file}",
        "report mine --to latex --references {file}",
        "report mine --to pdf --template {file}",
        "report {file}",
    ],
)
def test_a_file_that_never_ends_is_not_read(command: str, tmp_path: Path, capsys):
    import_runs(tmp_path / "store", "mine", read_runs(written(tmp_path, CSV)))
    if "pdf" in command:
        pytest.importorskip("typst")
    name = "mine.typ" if "pdf" in command else "mine.yaml"
    os.mkfifo(tmp_path / name)
    words = command.format(file=tmp_path / name).split()
    assert main([*words, "--store", str(tmp_path / "store")]) == 2
    assert "it is not a regular file" in capsys.readouterr().err


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
            f"a,seed,accuracy\nx,{2**63},0.5\n",
            f"runs.csv:2: seed {2**63} is too large; at most {2**63 - 2}",
        ),
        (f"a,seed,accuracy\nx,{'9' * 5000},0.5\n", "a seed must be a whole number, got '99999"),
        (
            "a,seed,accuracy\nx,1,0.5\nx,1,0.6\n",
            "runs.csv:3: seed 1 of this trial occurs twice, first in",
        ),
        ("a,loss\nx,1\nx,-1e999\n", "runs.csv:3: -1e999 is too large for a number"),
        (
            "a,accuracy\nx,97.1\n",
            ": accuracy must lie between 0 and 1, got 97.1; did you mean 0.971",
        ),
        (
            "a,accuracy\nx\n",
            "runs.csv:2: expected 2 values, one for each column of the header (a, accuracy), got 1",
        ),
        ('a,accuracy\n"x\ny",1\n\n,\nx,1,\n', "runs.csv:6: expected 2 values"),
        ("", "runs.csv is empty"),
        ("\ufeff\n", "runs.csv is empty"),
        ("a,b,accuracy\n", "runs.csv has a header (a, b, accuracy) but no row"),
        ("a,accuracy,accuracy\nx,1,0.5\n", "runs.csv:1: column 'accuracy' is given twice"),
        (
            "accuracy,test_accuracy\n1,0.5\n",
            "runs.csv:1: columns 'accuracy' and 'test_accuracy' are the same metric",
        ),
        ("a,accuracy\nx,\n", "no column of numbers for the metric (columns: a, accuracy)"),
        (
            "\ufeffa;accuracy\r\nx;0,5\r\n",
            "runs.csv:1: the values are separated by ';', expected ',' between values and '.' in",
        ),
        ("a\taccuracy\nx\t0.5\n", "sep='\\t', decimal=',').to_csv('commas.csv', index=False)"),
        (
            "study: x\ndataset: {name: digits, train: 9}\n",
            "runs.csv:1: expected a CSV file with the names of its columns, separated by commas, "
            "and a column of numbers; got 'study: x'",
        ),
    ],
)
def test_what_is_wrong_with_a_table(text, said, tmp_path: Path, capsys):
    file = written(tmp_path, text)
    assert main(["import", str(file), "--store", str(tmp_path / "store")]) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (
            ["--lower-is-better", "error", "--higher-is-better", "test_error"],
            "is given to --higher-is-better and to --lower-is-better; expected one of them",
        ),
        (["--lower-is-better", "eror"], "unknown metric 'eror'; did you mean 'error'?"),
        (
            ["--lower-is-better", "val_accuracy"],
            "--lower-is-better val_accuracy: higher values of accuracy are better",
        ),
    ],
)
def test_a_direction_is_clear(options: list[str], said: str, tmp_path: Path, capsys):
    file = written(tmp_path, "a,error,val_accuracy\nx,0.5,0.5\n")
    assert main(["import", str(file), "--store", str(tmp_path / "store"), *options]) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "store").exists()


def test_what_was_measured_on_validation_alone_is_named_so(tmp_path: Path):
    file = written(tmp_path, "how,seed,val_accuracy,val_mine\na,0,0.5,1\nb,0,0.6,2\n")
    plan = import_runs(tmp_path / "store", "mine", read_runs(file), lower=["val_mine"])
    table = assay.load(tmp_path / "store")["mine"].trials_table()
    (header,) = [name for name in table.headers if name.endswith("mean ± 95 %")]
    assert header == "validation accuracy (%), mean ± 95 %"
    assert plan["metrics"]["validation_accuracy"]["higher_is_better"] is True
    assert plan["metrics"]["validation_mine"]["higher_is_better"] is False
    wrong = read_runs(written(tmp_path, "how,val_accuracy\na,50\n"))
    with pytest.raises(ConfigError, match="validation_accuracy must lie between 0 and 1"):
        import_runs(tmp_path / "store", "wrong", wrong)


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
