"""Plugins of a study on the command line: where they are known, and what is said of bad ones."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from assay.apps.api import plan_of
from assay.apps.cli.app import main
from assay.core.plugins import look_in
from assay.reports.registered import sections_of

pytestmark = pytest.mark.usefixtures("blank_page")

PARTS = """
import assay
from assay.core.options import integer
from assay.execution.executors.inline import Inline
from assay.networks.families import Family
from assay.networks.layers import Activation, Dense, Flatten


def trunk(options, shape):
    return Flatten(), Dense(options["width"]), Activation("relu")


OPTIONS = {"width": integer(4, low=1, help="Units of the hidden layer.")}
assay.register_network("NAME-net", Family(OPTIONS, trunk))
assay.register_executor("NAME-place", Inline)
"""

STUDY = """
study: small
plugins: [NAME.py]
dataset: {name: digits, train: 60, validation: 20, test: 20}
network: {family: NAME-net}
training: {epochs: 1}
repeats: 2
"""

Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """A plugin of this name and the study beside it; another folder is the current one."""
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")

    def write_both(name: str) -> Path:
        for end, text in (("py", PARTS), ("yaml", STUDY)):
            (tmp_path / f"{name}.{end}").write_text(text.replace("NAME", name), encoding="utf-8")
        return tmp_path / f"{name}.yaml"

    return write_both


def test_a_study_trains_at_the_place_that_its_plugin_brings(
    write: Write, capsys: pytest.CaptureFixture[str]
):
    study = write("placing")
    assert main(["run", str(study), "--on", "placing-place"]) == 0
    assert "trained 2 of 2 runs" in capsys.readouterr().out
    assert main(["run", str(study), "--on", "placing-plaec"]) == 2
    said = "unknown place to train (--on) 'placing-plaec'; did you mean 'placing-place'?"
    assert said in capsys.readouterr().err
    assert main(["__complete", "run", str(study), "--on", "placing"]) == 0
    assert "placing-place" in capsys.readouterr().out.split()


def test_a_changed_plugin_is_named_and_old_runs_are_not_mixed_in(
    write: Write, capsys: pytest.CaptureFixture[str]
):
    study = write("changing")
    assert main(["run", str(study), "--workers", "1"]) == 0
    plugin = study.with_suffix(".py")
    plugin.write_text(plugin.read_text().replace("integer(4", "integer(5"))
    assert main(["run", str(study), "--dry-run"]) == 0
    assert "2: changing.py has changed" in " ".join(capsys.readouterr().out.split())
    assert main(["run", str(study), "--workers", "1"]) == 0
    told = capsys.readouterr()
    said = "2 stored runs are of an earlier version (changing.py has changed)"
    assert f"{said}; they are trained again" in told.err
    assert "trained 2 of 2 runs" in told.out


DATA = """
import numpy as np
import assay
from assay.data.transforms import FittedTransform


@assay.register_dataset("NAME-data")
def data():
    labels = np.arange(60) % 10
    return np.random.default_rng(1).integers(0, 255, (60, 8, 8), np.uint8), labels


class Dim:
    usual = False

    def check(self, spec):
        return ""

    def fit(self, spec, train, permutation):
        return FittedTransform(lambda images: (images // 2).astype(images.dtype), permutation)


assay.register_transform("NAME_dim", Dim())
"""


@pytest.mark.parametrize(
    "uses",
    [
        "dataset.NAME_dim=true",
        "training.pretrain={name: transfer, dataset: NAME-data, epochs: 1}",
        "training.pretrain={name: transfer, dataset: {name: digits, NAME_dim: true}, epochs: 1}",
    ],
)
def test_transforms_and_other_data_of_a_plugin_name_runs(
    uses: str, write: Write, capsys: pytest.CaptureFixture[str]
):
    name = f"data_{len(uses)}"
    study, uses = write(name), uses.replace("NAME", name)
    plugin = study.with_suffix(".py")
    plugin.write_text((DATA + PARTS).replace("NAME", name))
    change = ["--set", "network.family=mlp", "--set", uses, "--set", "dataset.train=60"]
    assert main(["run", str(study), *change, "--workers", "1"]) == 0, capsys.readouterr().err
    plugin.write_text(plugin.read_text().replace("// 2", "// 3").replace("rng(1)", "rng(2)"))
    capsys.readouterr()
    assert main(["run", str(study), *change, "--dry-run"]) == 0
    assert f"2: {name}.py has changed" in " ".join(capsys.readouterr().out.split())


def test_stored_runs_are_used_again_in_the_folder_of_their_plugin(
    write: Write,
    own_plugins: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    study = write("again")
    monkeypatch.chdir(study.parent)

    def assay(*command: str, status: int = 0) -> str:
        own_plugins()  # each command knows what it finds, as a process of its own does
        look_in(None)
        assert main([*command, "--store", "store"]) == status
        return "".join(capsys.readouterr())

    assay("run", study.name)
    assert "equal" in assay("reproduce", "small", "--runs", "1")
    study.with_suffix(".py").write_text(PARTS.replace("NAME", "again") + "# changed\n")
    said = assay("reproduce", "small", "--runs", "1", status=1)
    assert "again.py has changed since this run was trained" in " ".join(said.split())


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("def x(:", "SyntaxError: invalid syntax"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("1 / 0", "ZeroDivisionError: division by zero"),
    ],
)
def test_a_plugin_that_fails_is_told_with_its_line(
    line: str, said: str, write: Write, capsys: pytest.CaptureFixture[str]
):
    study = write("failing")
    plugin = study.with_suffix(".py")
    plugin.write_text(f"x = 1\n{line}\n")
    assert main(["run", str(study)]) == 2
    told = f"{study}:3:11: {plugin}:2: plugin 'failing.py' cannot be imported: {said}"
    assert told in capsys.readouterr().err


def test_wrong_registrations_are_told_with_their_line(
    write: Write, capsys: pytest.CaptureFixture[str]
):
    study = write("mistaken")
    plugin = study.with_suffix(".py")
    plugin.write_text("import assay\n\nassay.register_metric('m', higer_is_better=True)\n")
    assert main(["run", str(study)]) == 2
    told = f"{study}:3:11: {plugin}:3: unknown field of a metric 'higer_is_better'; did you mean"
    assert told in capsys.readouterr().err


@pytest.mark.usefixtures("blank_page")
def test_runs_that_fail_in_ones_own_code_name_its_line(
    write: Write, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    study = write("stumbling")
    plugin = study.with_suffix(".py")
    parts = plugin.read_text()
    lines = [
        "from dataclasses import dataclass",
        "from assay.engines.augmentations import Augmentation",
        "@assay.register_augmentation('stumble')",
        "@dataclass(frozen=True)",
        "class Stumble(Augmentation):",
        "    def change(self, images, rng):",
        "        return images if len(images) < 9 else self.missing",  # which are tried before
    ]
    plugin.write_text(parts + "\n".join(lines))
    changes = ["--set", "training.augment={stumble: true}", "--store", str(tmp_path / "store")]
    assert main(["run", str(study), *changes]) == 1
    said = f"{plugin.name}:{parts.count(chr(10)) + 7}: AttributeError: 'Stumble' object has no"
    assert said in " ".join(capsys.readouterr().err.split())


def test_a_name_of_assay_is_refused_where_the_plugin_is_named(
    write: Write, capsys: pytest.CaptureFixture[str]
):
    study = write("taking")
    plugin = study.with_suffix(".py")
    parts = plugin.read_text()
    plugin.write_text(f"{parts}assay.register_dataset('digits', lambda: None)\n")
    assert main(["run", str(study), "--dry-run"]) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"error: {study}:3:11: dataset 'digits' is registered twice: at ")
    assert f"{plugin}:{parts.count(chr(10)) + 1}" in said
    plugin.write_text(f"\n{parts}")  # corrected, in the same process, with other lines
    assert main(["run", str(study), "--dry-run"]) == 0


def test_an_executor_that_fails_is_told_with_its_line(
    write: Write, capsys: pytest.CaptureFixture[str]
):
    study = write("failing")
    plugin = study.with_suffix(".py")
    lines = [
        "class Broken:",
        "    def __init__(self, setup): pass",
        "    def run(self, jobs, send, stop):",
        "        return 1 / 0",
        "assay.register_executor('failing-place', Broken)",
    ]
    parts = plugin.read_text().replace('assay.register_executor("failing-place", Inline)', "")
    plugin.write_text(parts + "\n".join(lines))
    assert main(["run", str(study), "--on", "failing-place"]) == 2
    line = parts.count("\n") + 4
    said = f"error: {plugin}:{line}: executor 'failing-place' failed: ZeroDivisionError: division"
    assert said in " ".join(capsys.readouterr().err.split())


def test_a_plugin_that_was_broken_and_mended_is_loaded_again(
    write: Write, capsys: pytest.CaptureFixture[str]
):
    study = write("mended")
    plugin = study.with_suffix(".py")
    assert main(["show", str(study)]) == 0
    plugin.write_text(PARTS.replace("NAME", "mended") + "\n)", encoding="utf-8")
    assert main(["show", str(study)]) == 2
    assert "SyntaxError" in capsys.readouterr().err
    plugin.write_text(PARTS.replace("NAME", "mended"), encoding="utf-8")
    assert main(["show", str(study)]) == 0


def test_a_module_of_python_is_no_plugin(write: Write, capsys: pytest.CaptureFixture[str]):
    study = write("standard")
    study.write_text(STUDY.replace("NAME.py", "os"), encoding="utf-8")
    assert main(["show", str(study)]) == 2
    said = "standard.yaml:3:11: plugin 'os' is part of Python and registers nothing; a file of your"
    assert said in capsys.readouterr().err


def test_a_backend_is_refused_where_keras_trains_nothing(write: Write):
    study = write("backing")
    command = [sys.executable, "-m", "assay", "run", str(study), "--backend", "jax"]
    for more in ([], ["--dry-run"]):  # in a process of its own, which has no backend yet
        done = subprocess.run([*command, *more], capture_output=True, text=True)
        said = "--backend jax is of engine keras, but small trains with engine torch; add --engine"
        assert said in done.stderr
        assert done.returncode == 2


@pytest.mark.parametrize("taken", ["augmentation('shift'", "executor('local'", "command('run'"])
def test_names_that_assay_has_without_registering_them_are_refused(
    taken: str, write: Write, capsys: pytest.CaptureFixture[str]
):
    study = write("reserved")
    plugin = study.with_suffix(".py")
    plugin.write_text(f"{plugin.read_text()}assay.register_{taken}, object)\n")
    assert main(["show", str(study)]) == 2
    assert "is registered twice: at " in capsys.readouterr().err


SECTION = """
import assay
from assay.reports.registered import Section
assay.register_section('only_here', Section('Only', '', lambda *given: None))
"""


def test_a_section_of_one_study_is_not_in_the_report_of_another(write: Write):
    study = write("sectioned")
    plugin = study.with_suffix(".py")
    plugin.write_text(plugin.read_text() + SECTION)
    own = plan_of(study).to_json()
    other = plan_of(write("unsectioned")).to_json()
    assert "only_here" in dict(sections_of(own))
    assert "only_here" not in dict(sections_of(other))


def test_nor_is_one_that_a_module_beside_the_plugin_registers(write: Write):
    first, second, other = write("helped"), write("helped_too"), write("unhelped")
    (first.parent / "section_helper.py").write_text(SECTION.replace("only", "beside"))
    for study in (first, second):
        plugin = study.with_suffix(".py")
        plugin.write_text(plugin.read_text() + "import section_helper\n")
    shown = [
        "beside_here" in dict(sections_of(plan_of(study).to_json()))
        for study in (first, second, other)
    ]
    assert shown == [True, True, False]
