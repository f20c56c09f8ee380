"""The scale of a stored study: named with --scale by every command that shows one."""

from __future__ import annotations

from pathlib import Path

import pytest

from assay.apps.api import plan_of
from assay.apps.cli.app import main
from assay.apps.cli.options import Places
from assay.apps.cli.power import power_of, power_text
from assay.core.records import Record, trial_id
from assay.core.store import Store


@pytest.fixture(scope="module")
def scaled(study: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with the study at two scales, none of them full."""
    folder = tmp_path_factory.mktemp("scaled") / "store"
    for scale in ("smoke", "quick"):
        run = ["run", str(study), "--scale", scale, "--repeats", "2", "--store", str(folder)]
        assert main([*run, "--on", "inline"]) == 0
    return folder


COMMANDS = {
    "results": ["results", "small"],
    "a file": ["results", "FILE"],
    "figure": ["figure", "small"],
    "report": ["report", "small", "--to", "markdown", "paper.md"],
    "export": ["export", "small", "--out", "small.json"],
}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_shows_the_scale_that_it_is_asked_for(
    name: str,
    scaled: Path,
    study: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    monkeypatch.chdir(tmp_path)
    line = [str(study) if word == "FILE" else word for word in COMMANDS[name]]
    assert main([*line, "--scale", "quick", "--store", str(scaled)]) == 0
    for written in filter(Path.is_file, tmp_path.iterdir()):
        assert "small@quick" in written.read_text(encoding="utf-8")
    capsys.readouterr()
    assert main([*line, "--scale", "full", "--store", str(scaled)]) == 2
    error = capsys.readouterr().err
    assert "no study 'small@full'" in error
    assert "small@quick, small@smoke" in error


def test_power_names_the_scales_that_have_runs(
    scaled: Path, study: Path, capsys: pytest.CaptureFixture[str]
):
    power = ["power", str(study), "--difference", "1", "--store", str(scaled)]
    assert main([*power, "--seed", "50"]) == 2
    assert "there are some with --scale quick or smoke; else train some" in capsys.readouterr().err
    assert main([*power, "--seed", "50", "--scale", "quick"]) == 2
    assert "there are some with --scale smoke; else train some" in capsys.readouterr().err
    assert main([*power, "--repeats", "2", "--scale", "quick"]) == 0
    assert "1 points are shown with 80 % power" in capsys.readouterr().out


def test_power_of_two_runs_is_no_number_beyond_what_a_metric_can_be(
    scaled: Path, study: Path, capsys: pytest.CaptureFixture[str]
):
    power = ["power", str(study), "--spread", "30", "--store", str(scaled)]
    assert main([*power, "--repeats", "2"]) == 0
    out = capsys.readouterr().out
    assert "even the largest possible difference is shown with less than 80 % power" in out
    assert main([*power, "--repeats", "12"]) == 0
    out = capsys.readouterr().out
    assert "27 points is shown with 80 % power" in out
    assert "(spread of the paired differences: 30 points, as given)" in out


def test_show_says_which_scales_are_in_the_store(
    scaled: Path, study: Path, capsys: pytest.CaptureFixture[str]
):
    def shown(*more: str) -> str:
        assert main(["show", str(study), *more]) == 0
        lines = capsys.readouterr().out.splitlines()
        (line,) = [line for line in lines if line.startswith("in the store")]
        return line.removeprefix("in the store").strip()

    here = ["--repeats", "2", "--store", str(scaled)]
    assert (
        shown(*here)
        == "none at this scale; 4 of 4 (quick, --repeats 2); 4 of 4 (smoke, --repeats 2)"
    )
    assert shown(*here, "--scale", "quick") == "4 of 4 (quick)"
    assert shown("--store", str(scaled.parent / "none")) == "none"


def test_a_course_counts_the_runs_of_other_scales(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    at = ["--store", str(tmp_path / "store")]
    small = ["--scale", "smoke", "--only", "no hidden layer", "--on", "inline"]
    assert main(["run", "xor", *small, *at]) == 0
    capsys.readouterr()
    assert main(["list", "--course", "leiden", *at]) == 0
    (line,) = [line for line in capsys.readouterr().out.splitlines() if " xor " in line]
    assert "2 of 10 (smoke)" in line


def test_show_takes_no_other_scale_for_the_one_that_is_asked_for(
    scaled: Path, capsys: pytest.CaptureFixture[str]
):
    show = ["show", "small", "--store", str(scaled)]
    assert main([*show, "--scale", "quick"]) == 0
    assert "small@quick" in capsys.readouterr().out
    assert main([*show, "--scale", "nope"]) == 2
    assert "no study or run 'small@nope'" in capsys.readouterr().err
    assert main([*show, "--scale", "quick", "--repeats", "3"]) == 2
    said = "--repeats: small@quick is a study of the store, shown as it was planned"
    assert said in capsys.readouterr().err


def test_power_has_the_room_that_tests_make_for_bad_runs(study: Path, tmp_path: Path):
    plan = plan_of(study, repeats=5, scale="quick")
    values, found = [0.90, 0.903, 0.899, 0.901, 0.898], []
    trials = [trial["trial_id"] for trial in plan.to_json()["trials"]]
    for far in (0.0, 0.3):
        with Store(tmp_path / str(far)) as store:
            for run, config in plan.runs().items():
                trial, seed = trial_id(config), config["seed"]
                place = trials.index(trial)
                value = values[(seed * (1 + place)) % 5] - far * (seed == 1 and not place)
                metrics = {"test_accuracy": value, "val_accuracy": value}
                store.add(Record(run, trial, seed, "finished", config, {}, metrics))
        found.append(power_of(plan, Places(store=tmp_path / str(far))))
    even, bad = found
    assert even["margin"] < 1 < bad["margin"]
    assert bad["detectable"] > bad["margin"] + even["detectable"]
    assert "; room for bad or skewed runs: " in power_text(bad)
