"""A damaged store on the command line: what is said, and that the same command mends it."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from assay.apps.api import plan_of, train
from assay.apps.cli.app import main
from assay.core.store import Store
from assay.execution.place import Machine

pytestmark = pytest.mark.usefixtures("blank_page")

STUDY = """
study: {name}
dataset: {{name: digits, train: 200}}
network: {{family: mlp, hidden: [8]}}
training: {{epochs: 2, batch_size: 50, learning_rate: {rate}}}
engine: numpy
repeats: 2
save_weights: true
factors: {{network.activation: [relu, tanh]}}
"""


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of work with two studies and their store."""
    folder = tmp_path_factory.mktemp("work")
    for name, rate in (("one", 0.1), ("two", 0.2)):
        file = folder / f"{name}.yaml"
        file.write_text(STUDY.format(name=name, rate=rate))
        train(plan_of(file), folder / "assay-store", machine=Machine(workers=1))
    return folder


@pytest.fixture
def damaged(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The runs of study "one"; the first three of them are damaged, each in another way."""
    shutil.copytree(trained, tmp_path / "work")
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.delenv("ASSAY_STORE", raising=False)
    with Store("assay-store") as store:
        runs = [run for trial in store.plan("one")["trials"] for run in trial["runs"]]
    with closing(sqlite3.connect("assay-store/index.sqlite")) as db, db:
        sql = "UPDATE runs SET metrics = replace(metrics, '0.', '0.1') WHERE run_id = ?"
        db.execute(sql, (runs[0],))
        (blob,) = db.execute("SELECT blob FROM arrays WHERE run_id = ?", (runs[1],)).fetchone()
        blob = blob[:-1] + bytes([blob[-1] ^ 4])
        db.execute("UPDATE arrays SET blob = ? WHERE run_id = ?", (blob, runs[1]))
    file = Path(f"assay-store/weights/{runs[2]}.safetensors")
    content = file.read_bytes()
    file.write_bytes(content[:-1] + bytes([content[-1] ^ 64]))
    return runs


def test_what_is_damaged_is_said_and_trained_again(
    damaged: list[str], capsys: pytest.CaptureFixture[str]
):
    record, arrays, weights, _ = damaged
    with Store("assay-store", read_only=True) as store:
        metrics = store.records([arrays], arrays=False)[0].metrics
    assert main(["results", "one"]) == 2
    said = capsys.readouterr().err
    assert f"error: the record of run {record} is damaged: its checksum is wrong" in said
    assert "`assay run` of its study trains it again" in said
    assert main(["export", weights, "--to", "torch"]) == 2
    assert f"{weights}.safetensors is damaged: its checksum is wrong" in capsys.readouterr().err
    assert main(["results", "two"]) == 0
    assert main(["list"]) == 0
    assert "3 of 4 (full, 1 damaged)" in capsys.readouterr().out

    assert main(["store", "check", "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert [found["checked"][kind] for kind in ("record", "arrays", "weights")] == [8, 8, 8]
    assert {(f["kind"], f["name"]) for f in found["damaged"]} == {
        ("record", record),
        ("arrays", arrays),
        ("weights", weights),
    }
    assert main(["run", "one.yaml", "--dry-run"]) == 0
    assert "4, 1 of them in the store, 3 to train" in capsys.readouterr().out

    assert main(["run", "one.yaml", "--workers", "1"]) == 0
    out, err = capsys.readouterr()
    assert "trained 3 of 4 runs" in out
    assert "1 already in the store" in out
    again = [line for line in err.splitlines() if line.endswith("; it is trained again")]
    assert len(again) == 3
    assert all(any(run in line for line in again) for run in damaged[:3])
    assert main(["store", "check"]) == 0
    assert capsys.readouterr().out.endswith("nothing is damaged\n")
    with Store("assay-store", read_only=True) as store:
        assert store.record(arrays).metrics == metrics  # trained again it is what it was


def test_a_damaged_plan_does_not_stop_other_studies(
    damaged: list[str], capsys: pytest.CaptureFixture[str]
):
    with closing(sqlite3.connect("assay-store/index.sqlite")) as db, db:
        db.execute("UPDATE plans SET plan = '{\"study\"' WHERE study = 'two'")
    assert main(["list"]) == 0
    assert "its plan is damaged; `assay run two` writes it again" in capsys.readouterr().out
    assert main(["results", "two"]) == 2
    assert "error: the plan of study 'two' is damaged" in capsys.readouterr().err
    assert main(["compare", "two", "one"]) == 2
    assert "error: the plan of study 'two' is damaged" in capsys.readouterr().err
    assert main(["show", damaged[3]]) == 0
    assert main(["run", "one.yaml", "--workers", "1"]) == 0
    assert main(["results", "one"]) == 0
    assert main(["run", "two.yaml", "--workers", "1"]) == 0
    assert main(["results", "two"]) == 0
    assert main(["store", "check"]) == 0


def test_no_store_is_wrong_input(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["store", "check", "--store", str(tmp_path / "none")]) == 2
    assert "error: no store at" in capsys.readouterr().err
