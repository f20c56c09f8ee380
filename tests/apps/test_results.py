"""The same things in Python."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import assay
from assay.apps import results as module
from assay.apps.api import assignments, plan_of
from assay.apps.cli.app import main
from assay.core.errors import ConfigError
from assay.core.store import Store


def test_load_reads_a_store_without_training(store: Path):
    studies = assay.load(store)
    assert list(studies) == ["small"]
    assert repr(studies["small"]) == f"Results('small': 2 trials, 4 of 4 runs in {str(store)!r})"
    with pytest.raises(assay.AssayError, match="did you mean 'small'"):
        studies["smal"]


def test_a_file_that_has_changed_since_it_was_run_is_told(
    study: Path, store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    assert main(["results", str(study), "--store", str(store)]) == 0
    assert capsys.readouterr().err == ""
    edited = tmp_path / "small.yaml"
    edited.write_text(study.read_text().replace("epochs: 3", "epochs: 4"))
    assert main(["results", str(edited), "--store", str(store)]) == 0
    assert " ".join(capsys.readouterr().err.split()) == (
        f"{edited} has changed since it was run: this is small as it is stored; `assay run` "
        "trains what is new"
    )


def test_a_command_reads_each_record_once(store: Path, monkeypatch: pytest.MonkeyPatch):
    read: list[str] = []
    records = Store.records

    def counted(self: Store, run_ids: Iterable[str], **how: Any) -> Any:
        wanted = list(run_ids)
        read.extend(wanted)
        return records(self, wanted, **how)

    monkeypatch.setattr(Store, "records", counted)
    assert main(["results", "small", "--store", str(store)]) == 0
    assert len(read) == len(set(read)) == 4


def test_what_is_read_once_is_read_again_later(store: Path):
    results = assay.load(store)["small"]
    with results.read_once():
        first, second = results.records(arrays=False), results.records(arrays=False)
        assert [a is b for a, b in zip(first, second, strict=True)] == [True] * 4
        assert results.records()[0].curves
    assert results.records(arrays=False)[0] is not first[0]


def test_tables_are_data_frames(store: Path):
    pandas = pytest.importorskip("pandas")
    results = assay.load(store)["small"]
    table, runs, curves = results.table(), results.runs(), results.curves()
    assert all(isinstance(frame, pandas.DataFrame) for frame in (table, runs, curves))
    mean = runs.groupby("trial")["test_accuracy"].mean()
    assert dict(zip(table["trial"], table["test_accuracy"], strict=True)) == pytest.approx(
        dict(mean)
    )
    assert sorted(runs["seed"]) == [0, 0, 1, 1]
    assert len(curves) == 4 * 3  # runs x evaluations
    assert set(curves["epoch"]) == {1.0, 2.0, 3.0}


def test_tables_without_pandas_are_lists(store: Path, monkeypatch: pytest.MonkeyPatch):
    import sys

    monkeypatch.setitem(sys.modules, "pandas", None)
    rows = assay.load(store)["small"].table()
    assert [row["n"] for row in rows] == [2, 2]


def test_sentences_and_report(store: Path, tmp_path: Path):
    results = assay.load(store)["small"]
    (sentence,) = results.sentences()
    assert sentence.startswith("learning_rate")
    assert sentence.endswith(".")
    assert not sentence.endswith("..")
    assert results.report(tmp_path / "new" / "page.html").stat().st_size > 10_000


@pytest.mark.parametrize("name", ["paper.pdf", "study.yaml", "page"])
def test_a_report_is_not_written_under_the_name_of_another_file(
    name: str, store: Path, tmp_path: Path
):
    (tmp_path / name).write_text("mine")
    with pytest.raises(
        ConfigError, match=rf"{name}: expected a name that ends in \.html or \.htm$"
    ):
        assay.load(store)["small"].report(tmp_path / name)
    assert (tmp_path / name).read_text() == "mine"


def test_run_from_python_trains_what_is_missing(study: Path, store: Path):
    seen = []
    results = assay.run(
        study, store=store, set={"training.epochs": 3}, on_event=lambda e: seen.append(e.kind)
    )
    assert len(results.records(arrays=False)) == 4
    assert "started" not in seen


def test_a_dataset_that_is_gone_leaves_the_pictures_out(store: Path):
    results = module.Results(store, assay.load(store)["small"].plan)
    assert results.dataset({"name": "folder", "path": "/not/there"}) is None


@pytest.mark.parametrize(
    ("changes", "written"),
    [
        (
            {"training.epochs": 3, "network.hidden": [5, 6]},
            ("training.epochs=3", "network.hidden=[5, 6]"),
        ),
        ({"training.augment": {"flip": True}}, ('training.augment={"flip": true}',)),
        ({"training.epochs": np.int64(3), "a": np.bool_(True)}, ("training.epochs=3", "a=true")),
        (["a=1"], ("a=1",)),
        ("a=1", ("a=1",)),
        ((), ()),
    ],
)
def test_changes_are_written_as_on_the_command_line(changes: object, written: tuple[str, ...]):
    assert assignments(changes) == written  # type: ignore[arg-type]


STUDY = {"study": "t", "dataset": "digits", "network": {"family": "mlp", "hidden": [4]}}


@pytest.mark.parametrize(
    ("study", "options", "said"),
    [
        (STUDY, {"set": 3}, "set must be a mapping of settings to values, or texts like "),
        (
            STUDY,
            {"set": {"training.epochs": 3j}},
            r"training\.epochs must be text, a number, true, ",
        ),
        (STUDY, {"set": [3]}, r"or texts like training\.epochs=5, got \[3\]"),
        (STUDY, {"workers": 1.5}, "^workers must be a whole number >= 1, got 1.5$"),
        (STUDY, {"workers": "2"}, "^workers must be a whole number >= 1, got '2'$"),
        (STUDY, {"device": ""}, "^device must be text, got ''$"),
        (STUDY, {"store": ""}, "^store must name a folder, got ''; None is the default$"),
        (STUDY, {"data_dir": ""}, "^data_dir must name a folder, got ''"),
        (STUDY, {"only": ["a", "b"]}, "(?s)no trial or level 'a'.*no trial or level 'b'"),
        (None, {}, "^a study must be a built-in study's name, a YAML file or a mapping, got None$"),
    ],
)
def test_wrong_arguments_are_said_by_name(study: Any, options: Any, said: str):
    with pytest.raises(ValueError, match=said):
        assay.run(study, **options)


def test_numbers_of_numpy_are_seeds_and_repeats():
    plan = plan_of(STUDY, seed=np.int64(7), repeats=np.int32(2))
    assert plan.study.seeds == (7, 8)
    assert all(type(seed) is int for seed in plan.study.seeds)


def test_studies_that_compare_the_same_runs_answer_alike(store: Path, tmp_path: Path):
    from assay.apps.web.shelf import Shelf
    from assay.apps.web.views import effects

    both = tmp_path / "both"
    shutil.copytree(store, both)
    with Store(both) as opened:
        plan = opened.plan("small")
        again = [{**row, "factor": "rate"} for row in plan["comparisons"]]
        shelf = Shelf(both)
        before = shelf.version("small")
        opened.save_plan({**plan, "study": "other", "comparisons": [*plan["comparisons"], *again]})
    try:
        assert shelf.version("small") != before  # what its page shows has changed
        beware = effects(shelf, "small")["answers"]["beware"]
    finally:
        shelf.close()
    one, other = (assay.load(both)[name] for name in ("small", "other"))
    (mine,), (theirs, _) = one.effects(), other.effects()
    assert mine.p_adjusted == theirs.p_adjusted > assay.load(store)["small"].effects()[0].p_adjusted
    said = (
        "compares some of the same runs: the 2 different comparisons of both are corrected as one "
    )
    assert one.sentences()[-1].startswith(f"other {said}")
    assert other.sentences()[-1].startswith(f"small {said}")
    assert one.sentences()[-1] in [entry["text"] for entry in beware]
    assert said in one.report(tmp_path / "page.html").read_text()
