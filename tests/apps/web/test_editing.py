"""Studies written in the browser: their code never runs in the server, and checks do not mix."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import numpy as np
import pytest

from assay.apps.web import editing
from assay.core.errors import ConfigError

STUDY = "study: {name}\ndataset: digits\nnetwork: {{family: mlp, hidden: [4]}}\nrepeats: 1\n"


def plugin(folder: Path) -> Path:
    """A plugin that notes in which process it was loaded."""
    file = folder / "noting.py"
    text = f"import os, pathlib\npathlib.Path({str(folder)!r}, str(os.getpid())).touch()\n"
    file.write_text(text, encoding="utf-8")
    return file


@pytest.mark.parametrize(
    "text",
    [
        STUDY.format(name="x") + 'plugins: ["{file}"]\n',
        STUDY.format(name="x") + '"plugins": ["{file}"]\n',
        STUDY.format(name="x") + '? plugins\n: ["{file}"]\n',
    ],
)
def test_a_plugin_is_loaded_elsewhere(tmp_path: Path, text: str):
    text = text.replace("{file}", str(plugin(tmp_path)))
    found = editing.check(text, tmp_path / "studies", None)
    assert (found["problems"], found["name"], found["runs"]) == ([], "x", 1)
    loaded = {file.name for file in tmp_path.iterdir() if file.name.isdecimal()}
    assert loaded
    assert str(os.getpid()) not in loaded
    assert not list((tmp_path / "studies").iterdir())


CODE = '"torch:os._exit", status: 7'


@pytest.mark.parametrize(
    "network",
    [
        f"network: {{'module': {CODE}}}",
        f"engine: sklearn\nnetwork: {{estimator: {CODE}}}",
        f"engine: keras\nnetwork: {{keras: {CODE}}}",
        f"network: mlp\nfactors: {{a: {{b: {{network: {{module: {CODE}}}}}, c: {{}}}}}}",
        'network: mlp\nfactors: {network.module: ["torch:os._exit", "torch:os.abort"]}',
        "network: mlp\nengine: torch:os._exit",
    ],
)
def test_a_network_or_engine_of_its_own_is_built_elsewhere(tmp_path: Path, network: str):
    found = editing.check(f"study: x\ndataset: digits\nrepeats: 1\n{network}\n", tmp_path, None)
    assert "problems" in found  # this process is still there


def test_checks_at_the_same_time_do_not_mix(tmp_path: Path):
    found = {}

    def check(name: str) -> None:
        text = STUDY.format(name=name) + "plugins: []\n"
        found[name] = editing.check(text, tmp_path, None)["name"]

    threads = [threading.Thread(target=check, args=(f"s{n}",)) for n in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {f"s{n}": f"s{n}" for n in range(3)}


def test_a_check_that_takes_too_long_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(editing, "CHECK_SECONDS", 0.01)
    text = STUDY.format(name="x") + "plugins: []\n"
    (problem,) = editing.check(text, tmp_path, None)["problems"]
    assert "takes more than 0 seconds" in problem["text"]


def test_a_search_with_plugins_is_called_a_search(tmp_path: Path):
    text = (
        STUDY.format(name="x")
        + "plugins: []\nsearch: {trials: 2, space: {network.activation: [relu, tanh]}}\n"
    )
    found = editing.check(text, tmp_path, None)
    assert found == {"problems": [], "name": "x", "search": True}


@pytest.mark.parametrize("code", ["", "plugins: []\n"])
def test_a_study_that_begins_with_a_run_that_is_not_stored_is_a_problem(tmp_path: Path, code: str):
    text = (
        STUDY.format(name="x")
        + code
        + "training: {pretrain: {name: stored, run: '0123456789abcdef'}}\n"
    )
    (problem,) = editing.check(text, tmp_path, None, tmp_path / "store")["problems"]
    assert "there is no store at" in str(problem["text"])
    assert problem["line"] == text.count("\n")


def test_arrays_are_looked_for_where_the_study_will_be_kept(tmp_path: Path):
    images = np.arange(80 * 16, dtype=np.uint8).reshape(80, 4, 4)
    np.savez(tmp_path / "mine.npz", x=images, y=np.arange(80) % 2)
    text = STUDY.format(name="x").replace("digits", "{name: arrays, arrays: mine.npz}")
    found = editing.check(text, tmp_path, None)
    assert (found["problems"], found.get("runs")) == ([], 1)
    assert [file.name for file in tmp_path.iterdir()] == ["mine.npz"]


def test_what_is_no_yaml_has_its_place(tmp_path: Path):
    (problem,) = editing.check("study: [x\n", tmp_path, None)["problems"]
    assert problem["line"] == 1
    with pytest.raises(ConfigError, match="missing"):
        editing.check(None, tmp_path, None)


@pytest.mark.parametrize("text", ["", "# only a comment\n"])
def test_a_study_without_anything_has_its_place(tmp_path: Path, text: str):
    """Not the name of a file that its writer does not know, ".checked-x1.yaml"."""
    (problem,) = editing.check(text, tmp_path, None)["problems"]
    said = "a study must be a mapping that begins with `study: NAME`, got nothing"
    assert problem == {"line": 1, "column": 1, "text": said}
