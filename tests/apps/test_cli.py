"""The command line as a person meets it: what it says, and how it ends."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.metadata import PackageNotFoundError
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from unittest.mock import Mock

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


def test_every_command_stands_in_the_guide():
    guide = Path(__file__).resolve().parents[2] / "docs" / "guide.md"
    cells = re.findall(r"^\| (`assay .*?) \| ", guide.read_text(encoding="utf-8"), re.MULTILINE)
    told = {name for cell in cells for name in re.findall(r"`assay ([a-z-]+)", cell)}
    ours = {name for name, (place, _) in app.COMMANDS.items() if f"{place}".startswith("assay.")}
    assert len(told) > 20
    assert {name for name in ours if not name.startswith("-")} - told == set()


@pytest.mark.parametrize("command", ["import", "serve", "store check"])
def test_help_fills_the_lines_of_a_terminal(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setenv("COLUMNS", "60")
    assert main([*command.split(), "--help"]) == 0
    _, _, *paragraphs = capsys.readouterr().out.partition("╭")[0].strip().split("\n\n")
    assert paragraphs
    for paragraph in paragraphs:
        lines = [line.rstrip() for line in paragraph.splitlines()]
        for line, following in pairwise(lines):
            assert len(f"{line} {following.split()[0]}") > 60


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("list leiden", "error: unexpected 'leiden'; `assay list --help` shows what it takes"),
        ("data list a b", "error: unexpected 'a', 'b'; `assay data list --help` shows what it"),
        (
            "run xor --set training.epochs 3",
            "error: --set takes KEY=VALUE as one word, got 'training.epochs'; "
            "write --set training.epochs=3",
        ),
    ],
)
def test_unexpected_words_are_named(words: str, said: str, capsys: pytest.CaptureFixture[str]):
    assert main(words.split()) == 2
    assert said in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["run", "xor", "--device", ""], "--device is empty; `assay run --help` shows"),
        (["run", "xor", "--backend="], "--backend is empty; `assay run --help` shows"),
        (["list", "--store", ""], "--store is empty; `assay list --help` shows"),
        (["doctor", "--data="], "--data is empty; `assay doctor --help` shows"),
        (["report", "x", "--figures", "", "--to", "pdf"], "--figures is empty; `assay report"),
        (["data", "show", ""], "an argument is empty; `assay data show --help` shows"),
    ],
)
def test_an_empty_value_is_not_the_default(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
):
    """A shell makes one of a variable that is not set; a path would be the current folder."""
    assert main(words) == 2
    assert f"error: {said}" in " ".join(capsys.readouterr().err.split())


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
    assert "Train the missing runs of a study" in done.stdout


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
            ["network", "show", "random-mlp"],
            "error: study random-mlp is a search, so it has no trials before it has run",
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


@pytest.mark.parametrize("there", [False, True])
def test_nothing_stored_is_no_crash(
    there: bool, capsys: pytest.CaptureFixture[str], tmp_path: Path
):
    store = tmp_path / "none"
    if there:  # a folder that was made for it, and is still empty
        store.mkdir()
    assert main(["results", "tour", "--store", str(store)]) == 2
    said = capsys.readouterr().err
    assert said == (f"error: no store at {store}; `assay run STUDY --store {store}` creates one\n")
    for command in (["list"], ["show", "tour"], ["power", "tour"], ["run", "tour", "--dry-run"]):
        assert main([*command, "--store", str(store)]) == 0
    assert "tour" in capsys.readouterr().out


@pytest.mark.parametrize("writable", [True, False])
def test_a_bug_is_one_line_and_a_log(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    writable: bool,
):
    (tmp_path / "a-file").touch()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path if writable else tmp_path / "a-file"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    (tmp_path / "assay.log").symlink_to(tmp_path / "of-another-user")
    broken = Mock(side_effect=ZeroDivisionError("division by zero"))  # not in a user's code
    monkeypatch.setattr(app, "app", broken)
    assert main(["list"]) == 1
    err = capsys.readouterr().err
    assert err.startswith("error: ZeroDivisionError: division by zero (this is a bug in assay; ")
    log = Path(err.rpartition("details are in ")[2].rstrip(")\n"))
    assert "Traceback (most recent call last)" in log.read_text()
    assert not (tmp_path / "of-another-user").exists()


def test_an_error_in_a_command_of_a_plugin_says_where(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
):
    def own(*_, **__):
        return 1 / 0

    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setattr(app, "app", own)
    assert main(["list"]) == 2
    err = capsys.readouterr().err
    line = own.__code__.co_firstlineno + 1
    assert err.startswith(f"error: {__file__}:{line}: ZeroDivisionError: division by zero (the det")


def test_what_the_system_refuses_is_no_bug(capsys: pytest.CaptureFixture[str], tmp_path: Path):
    long = str(tmp_path / ("n" * 300))
    for command in (
        ["import", f"{long}.csv", "--study", "x"],
        ["data", "show", long],
        ["doctor", "--store", long],
        *([["serve", "--store", long]] if find_spec("starlette") else []),
        ["verdict", f"{long}.yaml", f"{long}.yaml"],
        ["store", "merge", long],
    ):
        assert main(command) == 2
        said = capsys.readouterr().err
        assert said.startswith("error: ")
        assert said.endswith(": File name too long\n")
        assert long in said


def test_ctrl_c_is_no_error(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(app, "app", interrupt)
    assert main(["list"]) == 130
    assert capsys.readouterr().err == "stopped\n"


def test_trials_that_were_listed_have_no_second_column_of_labels(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    for command in (["show", "frozen-backbone"], ["run", "frozen-backbone", "--dry-run"]):
        assert main([*command, "--store", str(tmp_path)]) == 0
        lines = [line.split() for line in capsys.readouterr().out.splitlines()]
        assert ["trial", "identity"] in lines


@pytest.mark.parametrize(
    ("command", "text", "option"),
    [
        (["network", "show", "mlp"], "dataset.name=mnist", ["--dataset", "digits"]),
        (["network", "show", "mlp"], "dataset=mnist", ["--dataset", "digits"]),
        (["run", "tell-the-time"], "training.pretrain=transfer", ["--pretrain", "rendered"]),
    ],
)
def test_an_option_and_set_do_not_contradict_each_other(
    command: list[str], text: str, option: list[str], capsys: pytest.CaptureFixture[str]
):
    assert main([*command, *option, "--set", text]) == 2
    said = f"error: --set {text}: {' '.join(option)} sets it as well; expected one of the two"
    assert " ".join(capsys.readouterr().err.split()) == said


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
