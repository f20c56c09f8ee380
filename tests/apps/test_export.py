"""A study as one small file, from which a claim can be checked."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import assay
from assay.apps.cli.app import main


def test_the_file_holds_every_number_of_every_run(store: Path, tmp_path: Path):
    out = tmp_path / "made" / "small.json"
    assert main(["export", "small", "--store", str(store), "--out", str(out)]) == 0
    data = json.loads(out.read_text())
    results = assay.load(store)["small"]
    records = {record.run_id: record for record in results.records()}
    runs = [run for trial in data["trials"] for run in trial["runs"]]
    assert {run["run_id"] for run in runs} == set(records)
    for run in runs:
        metrics = records[run["run_id"]].metrics
        assert run["metrics"].keys() == metrics.keys()
        np.testing.assert_allclose(
            list(run["metrics"].values()), [metrics[k] for k in sorted(metrics)], rtol=1e-5
        )
    assert data["command"] == results.plan["command"]
    assert data["machines"][0]["cores"] >= 1
    assert list(out.parent.iterdir()) == [out], "nothing half-written stays"


def test_what_cannot_be_written_is_named(
    store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    blocked = tmp_path / "file"
    blocked.write_text("")
    at = ["--store", str(store)]
    assert main(["export", "small", *at, "--out", str(blocked / "x.json")]) == 2
    assert main(["export", "small", *at, "--to", "jsn"]) == 2
    err = capsys.readouterr().err
    assert f"error: cannot write {blocked / 'x.json'}: " in err
    assert "error: unknown export format 'jsn'; did you mean 'json'? (known: json, " in err
