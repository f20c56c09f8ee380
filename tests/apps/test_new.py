"""`assay new`: a study to start from can be run as it is, and nothing is overwritten."""

from __future__ import annotations

from pathlib import Path

import pytest

from assay.apps.api import plan_of, run
from assay.apps.cli.app import main
from assay.studies.study import parse_study


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_it_is_a_study_for_the_smallest_dataset(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["new", "my-study"]) == 0
    assert capsys.readouterr().out == (
        "written: my-study.yaml\ntry it with: assay run my-study.yaml --scale smoke\n"
    )
    study = parse_study(Path("my-study.yaml"))
    assert (study.name, len(study.trials), len(study.seeds)) == ("my-study", 3, 5)
    assert len(parse_study(Path("my-study.yaml"), scale="quick").seeds) == 3


def test_with_a_plugin_it_runs(tmp_path: Path) -> None:
    assert main(["new", "my-own", "--with", "plugin"]) == 0
    assert {path.name for path in tmp_path.iterdir()} == {"my-own.yaml", "my_own_parts.py"}
    small = ("training.epochs=1", "dataset.train=32")
    result = run("my-own.yaml", scale="smoke", set=small, repeats=1, store=tmp_path / "store")
    assert {record.status for record in result.records()} == {"finished"}
    assert {record.config["dataset"]["name"] for record in result.records()} == {"my-own-shapes"}


@pytest.mark.parametrize("like", ["tour", "random-mlp", "frozen-backbone"])
def test_a_copy_has_the_runs_of_the_study_and_none_of_its_claims(like: str) -> None:
    assert main(["new", "mine", "--like", like]) == 0
    copy, study = plan_of("mine.yaml"), plan_of(like)
    assert copy.study.name == "mine"
    assert copy.runs().keys() == study.runs().keys()
    assert copy.study.written == {**study.study.written, "study": "mine"}
    text = Path("mine.yaml").read_text(encoding="utf-8")
    assert text.startswith(f"# A copy of the built-in study {like}: ")
    assert "Claim" not in text


@pytest.mark.parametrize("more", [[], ["--like", "tour"]])
@pytest.mark.parametrize("name", ["null", "true", "1e3", "7"])
def test_names_that_yaml_reads_as_something_else(name: str, more: list[str]) -> None:
    assert main(["new", name, *more]) == 0
    assert parse_study(Path(f"{name}.yaml")).name == name


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["mine"], "mine.yaml is there already and is not overwritten"),
        (["mine.yaml"], "mine.yaml is there already and is not overwritten"),
        (["mine.yml"], "mine.yaml is there already and is not overwritten"),
        (["other", "--with", "plugin"], "other_parts.py is there already and is not overwritten"),
        (
            ["tour"],
            "tour is a built-in study; choose another name, for example `tour-2` "
            "(`assay new tour-2 --like tour` copies it)",
        ),
        (["mine", "--like", "tour"], "mine.yaml is there already and is not overwritten"),
        (
            ["other", "--like", "tuor"],
            "unknown built-in study 'tuor'; did you mean 'tour'? (`assay list` lists all)",
        ),
        (
            ["other", "--like", "tour", "--with", "plugin"],
            "--with plugin writes a new study, --like copies one; give only one",
        ),
        (
            ["a/b"],
            "assay new a/b: NAME must be a name of letters, digits, '-', '_' and '.', got 'a/b'",
        ),
    ],
)
def test_nothing_is_overwritten(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("mine.yaml", "other_parts.py"):
        Path(name).write_text("mine", encoding="utf-8")
    assert main(["new", *arguments]) == 2
    assert capsys.readouterr().err == f"error: {said}\n"
    assert Path("mine.yaml").read_text(encoding="utf-8") == "mine"
    assert Path("other_parts.py").read_text(encoding="utf-8") == "mine"
    assert not Path("other.yaml").exists()
