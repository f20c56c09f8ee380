"""Data of one's own from outside: fresh processes in another folder, with worker processes."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import assay
from assay.apps.api import plan_of
from assay.core import registry
from assay.core.errors import ConfigError, DataError
from assay.data import load
from assay.studies.study import parse_study

X = np.random.default_rng(0).integers(0, 256, (60, 4, 3)).astype(np.uint8)
Y = np.arange(60) % 3
REST = """
network: {family: mlp, hidden: [4]}
training: {epochs: 1, batch_size: 16}
engine: numpy
"""
STUDY = {
    "study": "mine",
    "network": {"family": "mlp", "hidden": [4]},
    "training": {"epochs": 1, "batch_size": 16},
    "engine": "numpy",
}
DATA = """
import numpy as np
import assay

def images():
    return np.arange(60 * 12).reshape(60, 4, 3) % 251, np.arange(60) % 3
"""
REGISTER = 'assay.register_dataset("mine", images)\n'
RUN = """
study = {
    "study": "mine",
    "network": {"family": "mlp", "hidden": [4]},
    "training": {"epochs": 1, "batch_size": 16},
    "engine": "numpy",
    DATASET
}
results = assay.run(study, WITH)
(trial,) = results.plan["trials"]
print(trial["config"]["dataset"]["name"], *[r.status for r in results.records()])
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.setenv("ASSAY_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("ASSAY_DATA", raising=False)
    (tmp_path / "study").mkdir()
    np.save(tmp_path / "study" / "images.npy", X)
    np.save(tmp_path / "study" / "labels.npy", Y)
    return tmp_path


def python(here, *arguments, script=None, status=0):
    """Run Python in `here` and return what it printed: standard output, standard error."""
    if script is not None:
        (here / "script.py").write_text(script)
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=here,
        env={**os.environ, "PYTHONWARNINGS": ""},
        input=script,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == status, done.stderr
    return done.stdout, done.stderr


def run_script(dataset="", more=""):
    return RUN.replace("DATASET", dataset).replace("WITH", f"workers=1, progress=False{more}")


def configs(here):
    """The configurations that the store of `here` holds."""
    stored = assay.load(here / "assay-store")["mine"]
    return [trial["config"] for trial in stored.plan["trials"]]


def test_arrays_in_a_study_by_the_command_line(here, monkeypatch):
    text = f"study: mine\ndataset: {{arrays: images.npy, labels: labels.npy, permute: 1}}{REST}"
    study = here / "study" / "mine.yaml"
    study.write_text(text)
    out, _ = python(here, "-m", "assay", "run", "study/mine.yaml", "--workers", "1")
    assert "trained 1 of 1 runs" in out
    (config,) = configs(here)
    assert config["dataset"]["permute"] == 1
    assert "images.npy" not in json.dumps(config)

    def planned(arrays, labels):
        study.write_text(text.replace("images.npy", arrays).replace("labels.npy", labels))
        (trial,) = parse_study(study).trials
        return trial.config

    os.rename(here / "study" / "images.npy", here / "moved.npy")
    monkeypatch.chdir(here)
    assert planned("../moved.npy", "labels.npy") == planned("moved.npy", "labels.npy") == config
    np.save("moved.npy", X + np.uint8(1))
    assert planned("moved.npy", "labels.npy") != config


def test_what_is_wrong_with_arrays_has_its_place(here, monkeypatch):
    monkeypatch.chdir(here)
    study = here / "study" / "mine.yaml"
    study.write_text(f"study: mine\ndataset:\n  arrays: image.npy\n  labels: labels.npy{REST}")
    with pytest.raises(ConfigError) as caught:
        parse_study("study/mine.yaml")
    assert str(caught.value) == (
        "study/mine.yaml:3:11: there is no file study/image.npy or image.npy; did you mean "
        "'images.npy'?"
    )
    study.write_text(f"study: mine\ndataset: {{arrays: images.npy, labels: short.npy}}{REST}")
    np.save(here / "study" / "short.npy", Y[1:])
    with pytest.raises(ConfigError) as caught:
        parse_study("study/mine.yaml")
    assert str(caught.value) == ("study/mine.yaml:2:39: the labels: 59 labels for 60 images")


def test_data_are_given_to_a_script_and_the_same_data_are_the_same_runs(here, monkeypatch):
    script = DATA + run_script('"dataset": {"train": 20},', ", data=images()")
    out, _ = python(here, "script.py", script=script)
    assert out == "arrays finished\n"
    monkeypatch.chdir(here)
    images = np.arange(60 * 12).reshape(60, 4, 3) % 251
    again = {**STUDY, "dataset": {"train": 20}}
    plan = plan_of(again, data={"x": images.tolist(), "y": Y.tolist()})
    assert [trial["config"] for trial in plan.to_json()["trials"]] == configs(here)


def test_the_examples_of_the_docs(here):
    text = (Path(__file__).parents[2] / "docs" / "extending.md").read_text(encoding="utf-8")
    section = re.split(r"(?m)^## ", text.partition("## Custom data")[2])[0]
    given, registered = re.findall(r"(?s)```python\n(.*?)```", section)
    (here / "my_parts.py").write_text(registered)
    given = given.replace('"repeats": 2', '"repeats": 2, "engine": "numpy"')
    more = """
    study |= {"plugins": ["my_parts.py"], "dataset": "squares", "engine": "numpy", "repeats": 1}
    print(*[r.status for r in assay.run(study, workers=1).records()])
"""
    out, _ = python(here, "script.py", script=given + more)
    assert out.splitlines()[-1] == "finished"


@pytest.mark.parametrize("guard", [True, False])
def test_a_function_is_registered_in_the_script_that_trains(here, guard):
    run = run_script('"dataset": "mine",')
    if guard:
        run = 'if __name__ == "__main__":' + run.replace("\n", "\n    ")
    out, err = python(here, "script.py", script=f"print('begin')\n{DATA}{REGISTER}{run}")
    assert "mine finished" in out
    assert out.count("begin") == 2  # the worker has read the script once, and trained nothing anew
    assert not err


def test_a_function_is_registered_in_a_plugin(here):
    (here / "study" / "my_parts.py").write_text(DATA + REGISTER)
    study = here / "study" / "mine.yaml"
    study.write_text(f"study: mine\nplugins: [my_parts.py]\ndataset: mine{REST}")
    script = 'import assay\nresults = assay.run("study/mine.yaml", workers=1, progress=False)\n'
    script += "print(*[r.status for r in results.records()])\n"
    assert python(here, "script.py", script=script)[0] == "finished\n"
    (config,) = configs(here)
    assert config["dataset"]["name"] == "mine"
    assert list(config["plugins"]) == ["my_parts.py"]


def test_parts_registered_at_a_prompt_train_in_this_process(here):
    script = DATA + REGISTER + run_script('"dataset": "mine",')
    out, err = python(here, "-", script=script)
    assert out == "mine finished\n"
    assert "UserWarning: parts were registered in a notebook or at a prompt, which other" in err


def test_a_function_that_fails_is_named(here):
    script = DATA.replace("% 251", "/ nothing") + REGISTER + run_script('"dataset": "mine",')
    _, err = python(here, "script.py", script=script, status=1)
    said = "dataset 'mine' cannot be created: NameError: name 'nothing' is not defined"
    assert f"{said} ({here / 'script.py'}:6)" in err


def test_data_and_a_dataset_exclude_each_other(here):
    for dataset in ((X, Y), {"train": (X, Y)}, {"images": X}, {"name": "arrays", "arrays": X}):
        with pytest.raises(ConfigError, match=r"dataset contains an array, .*study, data=\(x, y\)"):
            assay.run({**STUDY, "dataset": dataset})
    with pytest.raises(ConfigError, match="data= is given, but this study has dataset 'digits'"):
        assay.run({**STUDY, "dataset": "digits"}, data=(X, Y))
    with pytest.raises(DataError, match="labels y: 59 labels for 60 images"):
        assay.run(STUDY, data=(X, Y[1:]))
    with pytest.raises(ConfigError, match="a study needs dataset, a dataset, or"):
        assay.run(STUDY)


@pytest.fixture
def mine():
    yield
    registry._TABLES["dataset"].pop("mine")


def test_arrays_that_change_are_other_data(here, mine):
    images = X.copy()
    assay.register_dataset("mine", (images, Y))
    found = []
    for _ in range(2):
        (trial,) = parse_study({**STUDY, "dataset": "mine"}).trials
        assert load("mine").fingerprint == load(trial.config["dataset"]).fingerprint
        found.append(trial.config["dataset"]["fingerprint"])
        images[:] = 255 - images
    (trial,) = parse_study({**STUDY, "dataset": "mine"}).trials
    assert trial.config["dataset"]["fingerprint"] == found[0] != found[1]


def test_a_study_asks_a_function_once(here, mine):
    """Even one that draws anew gives all trials the same data."""
    called = []
    assay.register_dataset("mine", lambda: (X + np.uint8(called.append(1) or len(called)), Y))
    study = {**STUDY, "dataset": "mine", "scales": {"half": {"repeats": 1}}}
    for number in (1, 2):
        trials = parse_study({**study, "factors": {"training.epochs": [1, 2, 3]}}).trials
        assert len({trial.config["dataset"]["fingerprint"] for trial in trials}) == 1
        assert len(called) == number


def test_what_is_no_dataset_cannot_be_registered():
    from assay.data.catalog import ENTRIES

    assay.register_dataset("no-dataset-at-all", 5)
    with pytest.raises(
        ConfigError, match="dataset 'no-dataset-at-all': expected a DatasetEntry, a"
    ):
        ENTRIES["no-dataset-at-all"]
    assert registry._TABLES["dataset"].pop("no-dataset-at-all").place.file == __file__
