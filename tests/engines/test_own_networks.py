"""Networks of users: a class in a file of theirs trains like a network that assay describes."""

from __future__ import annotations

import itertools
import os
import random
import re
import subprocess
import sys
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch
from own_parts import PARTS, WRITTEN, assert_same, cohort, train

from assay.apps.api import plan_of
from assay.core.code_digests import keyed
from assay.core.errors import AssayError, CodeChangedError, NetworkError
from assay.core.plugins import load_recorded
from assay.core.store import Store
from assay.engines.engine import Progress, Stopped
from assay.networks.families import build_network
from assay.networks.table import layer_table
from assay.studies.members import cohorts

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

DOCS = Path(__file__).parents[2] / "docs" / "extending.md"


def test_a_residual_network_learns_digits(parts: str):
    one = cohort({"module": f"{parts}:residual", "blocks": 1}, repeats=1)
    # 3x3 of 1 channel with bias, two of 8 without, two batch norms, 32 to 10
    assert one.members[0].network.parameters == 80 + 2 * 576 + 2 * 16 + 330
    assert one.members[0].network.macs == 36 * (72 + 2 * 576) + 320
    (record,) = train(one)
    assert record.metrics["test_accuracy"] > 0.6
    assert {"0.weight", "1.body.1.running_mean", "4.bias"} <= record.weights.keys()
    assert record.weights["0.weight"].shape == (8, 1, 3, 3)
    rows = record.provenance["own_network"]["layers"]
    assert [rows[0]["name"], rows[0]["output_shape"], rows[0]["parameters"]] == ["0", (6, 6, 8), 80]


def test_a_layer_that_is_never_called_is_kept(parts: str):
    (record,) = train(cohort({"module": f"{parts}:Spare"}, repeats=1))
    assert record.status == "finished"
    assert record.weights["never_called.weight"].shape == (3, 3)


def test_a_network_that_fails_in_training_says_where(parts: str):
    with pytest.raises(NetworkError, match=r"py:\d+: network .* \(32, 1, 8, 8\): .*: only two"):
        train(cohort({"module": f"{parts}:OfTwo"}, repeats=1))


def test_equal_seeds_give_equal_runs_and_other_draws_are_left_alone(parts: str):
    before, plain = torch.get_rng_state(), random.getstate()
    first, second = train(cohort({"module": f"{parts}:Net"}))
    assert torch.equal(torch.get_rng_state(), before)
    assert random.getstate() == plain
    torch.rand(5)
    again, _ = train(cohort({"module": f"{parts}:Net", "width": 4}))
    assert_same(first, again)
    assert (first.weights["conv.weight"] != second.weights["conv.weight"]).any()


def test_what_is_asked_of_training_is_done(parts: str):
    recipe = WRITTEN["training"] | {"ema": 0.9, "augment": {"shift": 1}, "schedule": "cosine"}
    (record,) = train(
        cohort(
            {"module": f"{parts}:Net"},
            repeats=1,
            training=recipe,
            precision="bfloat16",
        )
    )
    assert record.provenance["precision"] == "bfloat16"
    assert record.weights["conv.weight"].dtype == np.float32
    assert record.metrics["test_accuracy"] > 0.3


def test_going_on_is_not_having_stopped(parts: str, tmp_path: Path):
    recipe = WRITTEN["training"] | {"ema": 0.9, "augment": {"shift": 1}}
    one = cohort({"module": f"{parts}:Net"}, repeats=1, training=recipe)
    (whole,) = train(one)
    steps = itertools.count()

    def stop(progress: Progress) -> None:
        if next(steps) == 0:
            raise Stopped

    from assay.engines import loop

    seconds, loop._REPORT_SECONDS = loop._REPORT_SECONDS, 0.0
    try:
        with pytest.raises(Stopped):
            train(one, tmp_path, stop)
    finally:
        loop._REPORT_SECONDS = seconds
    told: list[str] = []
    (gone_on,) = train(one, tmp_path, lambda p: told.append(p.remark))
    assert told[0].startswith("an interrupted run resumes from update 1")
    assert_same(whole, gone_on)


DRIVER = """
import sys
from pathlib import Path

from assay.apps.api import plan_of
from assay.core.store import Store
from assay.engines.engine import Resources
from assay.execution.execute import execute
from assay.studies.members import cohorts

if __name__ == "__main__":
    plan = plan_of(Path(sys.argv[1]))
    resources = Resources("cpu", threads=1, checkpoint_seconds=0.0)
    with Store(Path("store")) as store:
        groups = cohorts(plan.configs())
        execute(plan, groups, store, resources, workers=1, executor="processes")
"""


@pytest.mark.skipif(sys.platform != "linux", reason="kills a worker")
def test_a_killed_worker_goes_on_from_another_folder(parts: str, tmp_path: Path):
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    (tmp_path / "driver.py").write_text(DRIVER, encoding="utf-8")
    study = tmp_path / "own.yaml"
    study.write_text(
        f"study: own\ndataset: {{name: digits, train: 300}}\nnetwork: {{module: {parts}:Net}}\n"
        "training: {epochs: 4, batch_size: 32, optimizer: adam, learning_rate: 0.01}\n"
        "precision: float32\nrepeats: 1\n",
        encoding="utf-8",
    )
    (tmp_path / "kill").touch()
    done = subprocess.run(
        [sys.executable, tmp_path / "driver.py", study],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ},
    )
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "kill").exists()
    plan = plan_of(study)
    (one,) = cohorts(plan.configs())
    with Store(folder / "store", create=False, read_only=True) as store:
        for wanted in (train(replace(one, members=(m,)))[0] for m in one.members):
            found = store.record(wanted.run_id)
            weights = store.weights(wanted.run_id)
            assert found.status == "finished"
            assert_same(wanted, replace(found, weights=weights))


def test_several_heads_are_told_by_name(parts: str):
    network = build_network({"module": f"{parts}:Heads"}, (8, 8, 1), {"hour": 12, "minute": 60})
    rows = [(row["name"], row["output_shape"], row["macs"]) for row in layer_table(network)]
    assert rows == [("heads.hour", (12,), 64 * 12), ("heads.minute", (60,), 64 * 60)]
    said = "a task with several outputs passes `outputs`, not `num_classes`"
    with pytest.raises(AssayError, match=said):
        build_network({"module": f"{parts}:residual"}, (8, 8, 1), {"hour": 12, "minute": 60})


def test_a_changed_file_is_another_run(parts: str, tmp_path: Path):
    before = cohort({"module": f"{parts}:Net"}).members[0]
    file = tmp_path / f"{parts}.py"
    file.write_text(PARTS.replace("rate=0.25", "rate=0.5"), encoding="utf-8")
    after = cohort({"module": f"{parts}:Net"}).members[0]
    assert before.config["network"]["rate"] == 0.25
    assert after.config["network"]["rate"] == 0.5
    assert before.config["plugins"] != after.config["plugins"]


@pytest.mark.skipif(find_spec("keras") is None, reason="needs Keras")
def test_a_keras_model_of_ones_own(parts: str, tmp_path: Path):
    (tmp_path / f"{parts}_k.py").write_text(
        "import keras\n\n\ndef build(image_shape, num_classes, units=8):\n"
        "    return [keras.layers.Flatten(), keras.layers.Dense(units, activation='relu'),\n"
        "            keras.layers.Dropout(0.1), keras.layers.Dense(num_classes)]\n",
        encoding="utf-8",
    )
    one = cohort({"keras": f"{parts}_k:build"}, engine="keras", repeats=1)
    assert one.members[0].network.parameters == 64 * 8 + 8 + 8 * 10 + 10
    first, second = train(one)[0], train(one)[0]
    assert first.metrics["test_accuracy"] > 0.3
    for name in first.weights:
        np.testing.assert_array_equal(first.weights[name], second.weights[name])


def test_the_code_of_the_docs_runs(parts: str, tmp_path: Path):
    section = DOCS.read_text(encoding="utf-8").partition("\n## Custom networks\n")[2]
    code = re.search(r"```python\n(.*?)```", section, re.S)
    study = re.search(r"```yaml\n(.*?)```", section, re.S)
    assert code
    assert study
    (tmp_path / f"{parts}_docs.py").write_text(code[1], encoding="utf-8")
    file = tmp_path / "resnet.yaml"
    file.write_text(study[1].replace("my_parts", f"{parts}_docs"), encoding="utf-8")
    plan = plan_of(file, set=["training.steps=1", "training.epochs=null"], repeats=1)
    wide, *_, narrow = cohorts(plan.configs())
    # the published 11,173,962 for 3 channels and 10 classes, here of 1 channel
    assert wide.members[0].network.parameters == 11_173_962 - 2 * 9 * 64
    assert train(narrow)[0].status == "finished"


def test_files_of_one_name_are_told_apart(tmp_path: Path):
    one, two, other = (tmp_path / name for name in ("a/__init__.py", "b/__init__.py", "c.py"))
    assert keyed([one, other, one]) == {"__init__.py": one, "c.py": other}
    assert keyed([one, two]) == {"a/__init__.py": one, "b/__init__.py": two}


def test_a_network_that_has_changed_since_it_was_loaded_is_not_trained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.syspath_prepend(tmp_path)
    for name in ("first_pack", "second_pack"):  # of a package, and of a module that it imports
        (tmp_path / name).mkdir()
    (tmp_path / "first_pack" / "__init__.py").write_text(PARTS, encoding="utf-8")
    text = "from own_pack_parts import Net\n"
    (tmp_path / "second_pack" / "__init__.py").write_text(text, encoding="utf-8")
    (tmp_path / "own_pack_parts.py").write_text(PARTS, encoding="utf-8")
    for name, file in (("first", "first_pack/__init__.py"), ("second", "own_pack_parts.py")):
        study = {**WRITTEN, "study": name, "network": {"module": f"{name}_pack:Net"}}
        before = list(plan_of(study).runs())
        assert list(plan_of(study).runs()) == before
        (tmp_path / file).write_text(PARTS + "\n", encoding="utf-8")
        with pytest.raises(CodeChangedError, match="has changed since this process has loaded it"):
            plan_of(study)
    # a package beside a study is no plugin of its own, however it looks now
    monkeypatch.chdir(tmp_path)
    (tmp_path / "__init__.py").write_text("", encoding="utf-8")
    load_recorded({"__init__.py": "0" * 16})
