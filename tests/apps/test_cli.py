"""The command line as a person meets it: what it says, and how it ends."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import Any

import pytest

from assay.apps.cli import app, console
from assay.apps.cli.app import main

COMMANDS = (
    ["--help"],
    *([name, "--help"] for name in ("run", "list", "show", "results", "report", "compare")),
    ["export", "--help"],
    ["data", "--help"],
    ["data", "show", "--help"],
    ["network", "show", "--help"],
    ["doctor", "--help"],
)
HEAVY = ("torch", "matplotlib", "sklearn", "pandas", "scipy", "numpy")


def test_help_imports_nothing_heavy():
    code = f"""
import sys
from assay.apps.cli.app import main
for command in {COMMANDS!r}:
    assert main(command) == 0, command
print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == "[]\n"
    assert "Train what is missing of a study" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["rn"],
            'error: Unknown command "rn". Did you mean "run"? Available commands: run, ',
        ),
        (["run"], 'error: Command "run" parameter STUDY requires an argument.'),
        (["run", "tour", "--scael", "x"], "error: Unknown option: --scael. Did you mean --scale?"),
        (
            ["run", "tour", "--scale", "qick"],
            "error: unknown scale 'qick'; did you mean 'quick'? (known: full, quick, smoke)",
        ),
        (["run", "no.yaml"], "error: there is no study file no.yaml"),
        (
            ["run", "tour", "--set", "epochs"],
            "error: --set epochs: expected path=value, for example training.epochs=5",
        ),
        (
            ["run", "tour", "--workers", "0"],
            "error: workers must be a whole number >= 1, got 0",
        ),
        (
            ["data", "show", "mnits"],
            "error: unknown dataset 'mnits'; did you mean 'mnist'? (known: a",
        ),
        (
            ["results", "tour", "--format", "html"],
            'error: Invalid value "html" for --format. Choose from: "table", "csv", "json", '
            '"markdown", "latex".',
        ),
    ],
)
def test_wrong_words_are_answered_with_the_right_ones(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
):
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(message)
    assert err.count("\n") == 1


def test_all_that_is_wrong_with_a_study_is_said_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.chdir(tmp_path)
    Path("wrong.yaml").write_text(
        "study: wrong\n"
        "dataset: digits\n"
        "network: {family: mlp, kernel_initialiser: he_uniform}\n"
        "training: {epochs: many}\n"
    )
    assert main(["run", "wrong.yaml"]) == 2
    first, *rest = capsys.readouterr().err.splitlines()
    assert first == "error:"
    assert rest[0].startswith(
        "wrong.yaml:3:24: unknown option of network family mlp 'kernel_initialiser'; "
        "did you mean 'kernel_initializer'?"
    )
    expected = "wrong.yaml:4:20: training.epochs must be a whole number >= 1, got 'many'"
    assert rest[1:] == [expected]
    assert not Path("assay-store").exists()


def test_a_missing_dataset_is_said_before_anything_trains(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
):
    monkeypatch.delenv("ASSAY_DATA", raising=False)
    monkeypatch.setenv("ASSAY_CACHE", str(tmp_path / "cache"))
    assert main(["run", "mnist-reference", "--scale", "smoke", "--data", str(tmp_path)]) == 2
    err = capsys.readouterr().err
    assert f"dataset 'mnist' was not found; looked in {tmp_path}" in err
    assert err.endswith("download it with: assay data get mnist\n")


def test_nothing_stored_is_no_crash(capsys: pytest.CaptureFixture[str], tmp_path: Path):
    store = tmp_path / "none"
    assert main(["results", "tour", "--store", str(store)]) == 2
    said = capsys.readouterr().err
    assert said == (f"error: no store at {store}; `assay run STUDY --store {store}` makes one\n")
    assert main(["list", "--store", str(store)]) == 0
    assert "tour" in capsys.readouterr().out


def test_a_bug_is_one_line_and_a_log(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setattr(app, "app", lambda *_, **__: 1 / 0)
    assert main(["list"]) == 1
    err = capsys.readouterr().err
    assert err.startswith("error: ZeroDivisionError: division by zero (this is a bug in assay; ")
    log = Path(err.rpartition("details are in ")[2].rstrip(")\n"))
    assert "Traceback (most recent call last)" in log.read_text()


def test_ctrl_c_is_no_error(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(app, "app", interrupt)
    assert main(["list"]) == 130
    assert capsys.readouterr().err == "stopped\n"


def test_a_dry_run_counts_and_trains_nothing(
    study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    store = tmp_path / "store"
    assert main(["run", str(study), "--dry-run", "--store", str(store)]) == 0
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert "runs 4, 0 of them in the store, 4 to train" in lines
    assert "cohorts 1, the largest of 4 runs" in lines
    assert "parameters 1,210" in lines  # 64 * 16 + 16 + 16 * 10 + 10
    assert not store.exists()


def test_some_trials_can_be_trained_alone(
    study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    store = str(tmp_path / "store")
    assert main(["run", str(study), "--only", "0.1", "--store", store]) == 2
    assert "small has no trial or level '0.1'" in capsys.readouterr().err
    assert main(["run", str(study), "--only", "baseline", "--store", store]) == 0
    assert "trained 2 of 2 runs" in capsys.readouterr().out
    assert main(["results", "small", "--store", store]) == 0
    assert "0, 2 missing" in capsys.readouterr().out
    assert main(["run", str(study), "--store", store]) == 0
    assert "trained 2 of 4 runs" in capsys.readouterr().out
    assert main(["run", "random-mlp", "--only", "#1", "--store", store]) == 2
    assert "is a search, which chooses its trials itself" in capsys.readouterr().err


def test_running_again_trains_nothing_and_says_what_was_found(
    study: Path, store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    page = tmp_path / "page.html"
    assert main(["run", str(study), "--store", str(store), "--report", str(page)]) == 0
    out = capsys.readouterr().out
    assert "all 4 runs were in the store already" in out
    assert "Does the rate matter?" in out
    assert "- learning_rate" in out
    assert out.endswith(f"report: {page}\n")
    assert page.read_text(encoding="utf-8").lstrip().lower().startswith("<!doctype html>")


def test_results_come_in_the_usual_formats(store: Path, capsys: pytest.CaptureFixture[str]):
    found = {}
    for form in ("table", "csv", "json", "markdown", "latex"):
        assert main(["results", "small", "--store", str(store), "--format", form]) == 0
        found[form] = capsys.readouterr().out
    rows = json.loads(found["json"])["rows"]
    assert [row["trial"] for row in rows] == ["baseline", "learning_rate = 1e-05"]
    assert all(row["n"] == 2 for row in rows)
    assert rows[0]["test_accuracy"] > rows[1]["test_accuracy"]
    assert len(found["csv"].splitlines()) == 3
    assert "| trial |" in found["markdown"]
    assert r"\toprule" in found["latex"]
    assert "baseline" in found["table"]


def test_a_run_and_a_study_can_be_looked_at(store: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["show", "small", "--store", str(store)]) == 0
    assert "4 of 4 (full)" in capsys.readouterr().out
    name = next((store / "weights").glob("*.safetensors")).stem
    assert main(["show", name[:10], "--store", str(store)]) == 0
    out = capsys.readouterr().out
    assert f"run {name}: finished" in out
    assert "dataset.name" in out
    assert main(["show", "smal", "--store", str(store)]) == 2
    assert "did you mean 'small'?" in capsys.readouterr().err


def test_compare_says_what_differs(store: Path, capsys: pytest.CaptureFixture[str]):
    names = ["baseline", "small:learning_rate = 1e-05"]
    assert main(["compare", *names, "--store", str(store)]) == 0
    out = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert "training.learning_rate 0.01 1e-05" in out
    assert any(line.startswith("test accuracy (%)") for line in out)
    assert main(["compare", "baseline", "small", "--store", str(store)]) == 0
    assert capsys.readouterr().out.endswith("A and B are the same trial.\n")
    named = ["small:0.01", "small:1e-05"]  # as the table of results calls them
    assert main(["compare", *named, "--store", str(store)]) == 0
    said = capsys.readouterr().out.split("\n\n")[0]
    assert said.split("\n")[-2:] == ["A = 0.01 (small)", "B = 1e-05 (small)"]
    assert main(["compare", "baselin", "small", "--store", str(store)]) == 2
    assert "did you mean 'baseline'?" in capsys.readouterr().err


def test_networks_are_tables(capsys: pytest.CaptureFixture[str]):
    assert main(["network", "show", "mlp", "--dataset", "digits"]) == 0
    out = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert "trunk.1 dense 300 300 19,500 19,200" in out  # 64 * 300 + 300
    assert "parameters 50,610" in out


def test_doctor_and_data_say_what_is_here(capsys: pytest.CaptureFixture[str]):
    assert main(["doctor"]) == 0
    out = capsys.readouterr().out
    assert "in scikit-learn" in out
    assert "free disk" in out
    assert main(["data", "show", "digits"]) == 0
    assert "train" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["run", "permu"], ["permuted-pixels"]),
        (["data", "get", "fash"], ["fashion-mnist"]),
        (["run", "own.yaml", "--scale", ""], ["smoke", "quick", "full", "tiny"]),
        (["run", "--scale", "ti"], []),
        (["run", "own.yaml", "--set", "training.learning"], ["training.learning_rate="]),
        (["run", "own.yaml", "--only", ""], ["baseline", "learning_rate = 1e-05", "0.01", "1e-05"]),
        (["engines", "own.yaml", "--trial", "base"], ["baseline"]),
        (["results", "--store", "STORE", "sm"], ["small"]),
        (["compare", "--store", "STORE", "small:b"], ["small:baseline"]),
        (["show", "--store", "STORE", "RUN"], ["RUN"]),
    ],
)
def test_the_shell_completes_what_a_command_takes(
    words: list[str],
    expected: list[str],
    study: Path,
    store: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    monkeypatch.chdir(tmp_path)
    own = study.read_text() + "scales: {tiny: {repeats: 1}}\n"
    Path("own.yaml").write_text(own, encoding="utf-8")
    run = next((store / "weights").glob("*.safetensors")).stem
    names = {"STORE": str(store), "RUN": run}
    words = [names.get(word, word) for word in words]
    assert main(["__complete", *words]) == 0
    found = [line.split("\t")[0] for line in capsys.readouterr().out.splitlines()]
    found = [v for v in found if v.startswith(words[-1]) and v and v.isprintable()]
    assert found == [names.get(word, word) for word in expected]


def test_completion_written_to_a_file_changes_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setenv("HOME", str(tmp_path))
    script = tmp_path / "assay.bash"
    command = ["--install-completion", "--shell", "bash"]
    assert main([*command, "--output", str(script)]) == 0
    assert capsys.readouterr().out == f"written: {script}\n"
    assert [p.name for p in tmp_path.iterdir() if p.is_file()] == ["assay.bash"]
    assert "assay" in script.read_text(encoding="utf-8")
    assert main([*command, "--output", str(script / "in-a-file")]) == 2
    assert "error: cannot write " in capsys.readouterr().err
    assert main(command) == 0
    assert "bash-completion" in (tmp_path / ".bashrc").read_text(encoding="utf-8")


def test_json_is_for_programs(store: Path, study: Path, capsys: pytest.CaptureFixture[str]):
    def said(*arguments: str) -> Any:
        assert main([*arguments, "--json", "--store", str(store)]) == 0
        return json.loads(capsys.readouterr().out, parse_constant=pytest.fail)

    listed = {row["study"]: row for row in said("list")}
    assert (listed["small"]["present"], listed["small"]["built_in"]) == (4, False)
    assert listed["tour"]["built_in"] is True
    assert listed["tour"]["present"] is None
    plan = said("show", "small")
    assert [trial["label"] for trial in plan["trials"]] == ["baseline", "learning_rate = 1e-05"]
    assert plan["stored"]["present"] == 4
    assert said("show", str(study))["trials"] == plan["trials"]
    run = said("show", plan["trials"][0]["runs"][0])
    assert (run["status"], len(run["curves"]["loss"])) == ("finished", 3)
    assert 0 < run["metrics"]["test_accuracy"] <= 1
    assert said("doctor")["versions"]["assay"]
    assert {row["name"]: row["train"] for row in said("data", "list")}["mnist"] == 60000
    assert said("compare", "baseline", "small")["settings"] == []
    assert said("search", "random-mlp", "--summary")["search"]["space"]


def test_an_engine_that_is_not_installed_is_no_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr("assay.engines.keras_engine.backend.find_spec", lambda name: None)
    assert main(["doctor"]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert (
        "not installed: the keras engine needs keras, which is not installed; install it with "
        './scripts/setup extras, or pip install -e ".[keras]" in its folder'
    ) in out
    assert "error" not in out


def test_the_version_is_known_without_an_installation(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    asked = []

    def missing(name: str) -> str:
        asked.append(name)
        raise PackageNotFoundError(name)

    monkeypatch.setattr("assay.core.machine.version", missing)
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == "0+unknown\n"
    assert asked == ["assay-lab", "assay"]


def test_a_narrow_terminal_cuts_no_number(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    rows = [("a trial with a long name", "97.68 ± 0.12", "1,413,834")]
    for width in (100, 60, 40, 20, 5):
        monkeypatch.setenv("COLUMNS", str(width))
        console.table(("trial", ">test accuracy (%), mean ± 95 %", ">parameters"), rows)
        out = capsys.readouterr().out
        assert "97.68 ± 0.12" in out
        assert "1,413,834" in out


@pytest.mark.parametrize(
    ("arguments", "option"),
    [
        (["run", "tour", "--report", "."], "--report"),
        (["report", "small", "--report", "."], "--report"),
        (["export", "small", "--out", "."], "--out"),
        (["sample", "run", "--out", "."], "--out"),
        (["interpolate", "run", "--out", ""], "--out"),
        (["clocks", "train", "--out", "."], "--out"),
        (["clocks", "read", "x.png", "--overlay", "."], "--overlay"),
    ],
)
def test_a_folder_is_no_file_to_write(
    arguments: list[str], option: str, capsys: pytest.CaptureFixture[str]
):
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert f"for {option}. it is a folder, expected the name of a file" in " ".join(err.split())
