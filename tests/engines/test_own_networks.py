"""Networks of users: a class in a file of theirs trains like a network that assay describes."""

from __future__ import annotations

import itertools
import os
import random
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from assay.apps.api import plan_of
from assay.core.errors import AssayError
from assay.core.records import Record
from assay.core.store import Store
from assay.data import load
from assay.engines.engine import ENGINES, Cohort, Progress, Resources, Stopped
from assay.networks.families import build_network
from assay.networks.table import layer_table
from assay.studies.members import cohorts

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

DOCS = Path(__file__).parents[2] / "docs" / "extending.md"
NUMBERS = itertools.count()

PARTS = """
import os
import signal
from pathlib import Path

import torch
from torch import nn


class Net(nn.Module):
    steps = 0

    def __init__(self, image_shape, num_classes, width=4, rate=0.25):
        super().__init__()
        self.conv = nn.Conv2d(image_shape[-1], width, 3, padding=1)
        self.norm = nn.BatchNorm2d(width)
        self.drop = nn.Dropout(rate)
        self.out = nn.Linear(width * 16, num_classes)

    def forward(self, x):
        if self.training:
            Net.steps += 1
            kill = Path(__file__).with_name("kill")
            if Net.steps > 30 and kill.exists():
                kill.unlink()
                os.kill(os.getpid(), signal.SIGKILL)
        x = nn.functional.max_pool2d(self.norm(self.conv(x)).relu(), 2)
        return self.out(self.drop(x.view(len(x), -1)))


class Block(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width),
        )

    def forward(self, x):
        return (x + self.body(x)).relu()


def residual(num_classes, blocks=2):
    return nn.Sequential(
        nn.LazyConv2d(8, 3), *[Block(8) for _ in range(blocks)],
        nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(32, num_classes),
    )


class Narrow(Net):
    def forward(self, x):  # narrow
        return super().forward(x)[:, :5]


class Broken(Net):
    def forward(self, x):
        return self.missing(x)


class Unseeded(Net):
    def __init__(self, image_shape, num_classes):
        super().__init__(image_shape, num_classes)
        self.out.weight.data.fill_(float(int.from_bytes(os.urandom(4), "big")))


class Heads(nn.Module):
    def __init__(self, outputs):
        super().__init__()
        self.heads = nn.ModuleDict({name: nn.Linear(64, n) for name, n in outputs.items()})

    def forward(self, x):
        return {name: head(x.flatten(1)) for name, head in self.heads.items()}


def nothing(num_classes):
    return nn.Sequential(nn.Flatten(), nn.BatchNorm1d(64))


def empty(num_classes):
    return nn.Flatten()


def text():
    return "a network"


def failing(width):
    raise ValueError(f"width {width} is odd")
"""

WRITTEN: dict[str, Any] = {
    "study": "own",
    "dataset": {"name": "digits", "train": 300},
    "training": {"epochs": 3, "batch_size": 32, "optimizer": "adam", "learning_rate": 0.01},
    "precision": "float32",
    "repeats": 2,
}


@pytest.fixture
def parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a user's file in the current folder, another one in each test."""
    name = f"own_parts_{next(NUMBERS)}"
    (tmp_path / f"{name}.py").write_text(PARTS, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return name


def cohort(network: Any, **changes: Any) -> Cohort:
    written = WRITTEN | changes | {"network": network}
    (one,) = cohorts(plan_of(written).configs())
    return one


def train(
    one: Cohort,
    folder: Path | None = None,
    on_progress: Callable[[Progress], None] = lambda p: None,
) -> list[Record]:
    resources = Resources("cpu", threads=1, checkpoints=folder, checkpoint_seconds=0.0)
    dataset = load(one.members[0].config["dataset"])
    found = ENGINES[one.members[0].config["engine"]]()
    return list(found.train(one, dataset, resources, on_progress))


def assert_same(a: Record, b: Record) -> None:
    assert a.metrics == b.metrics
    for name in a.curves.keys() - {"seconds"}:
        np.testing.assert_array_equal(a.curves[name], b.curves[name], err_msg=name)
    assert a.weights.keys() == b.weights.keys()
    for name in a.weights:
        np.testing.assert_array_equal(a.weights[name], b.weights[name], err_msg=name)


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
    assert told[0].startswith("an interrupted run goes on from update 1")
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
        execute(plan, groups, store, resources, workers=2, executor="processes")
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
        "precision: float32\nrepeats: 2\n",
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
        for wanted in train(one):
            found = store.record(wanted.run_id)
            weights = store.weights(wanted.run_id)
            assert found.status == "finished"
            assert_same(wanted, replace(found, weights=weights))


WRONG = {
    "Net, widht: 3": (
        "unknown argument of PARTS:Net 'widht'; did you mean 'width'? (known: image_shape, "
        "num_classes, rate, width)"
    ),
    "Net, kernel_regularizer: l2": (
        "unknown argument of PARTS:Net 'kernel_regularizer' (known: image_shape, num_classes, "
        "rate, width); a network of your own has no penalties of assay's: use training.optimizer "
        "weight_decay"
    ),
    "Nett": "unknown name in PARTS 'Nett'; did you mean 'Net'?",
    "failing": "PARTS:failing needs width; see FILE:[def failing]",
    "failing, width: 3": (
        "FILE:[is odd]: network 'PARTS:failing' cannot be built: ValueError: width 3 is odd"
    ),
    "text": "PARTS:text returned a str, expected a torch.nn.Module",
    "Narrow": (
        "FILE:[# narrow]: network 'PARTS:Narrow' returns (2, 5) for 2 images, the task needs "
        "logits (2, 10)"
    ),
    "empty": "FILE:[def empty]: network 'PARTS:empty' has no parameters to train",
    "nothing": (
        "FILE:[def nothing]: network 'PARTS:nothing' returns (2, 64) for 2 images, the task needs "
        "logits (2, 10)"
    ),
    "Broken": (
        "FILE:[self.missing]: network 'PARTS:Broken' fails for images (2, 1, 8, 8): "
        "AttributeError: 'Broken' "
        "object has no attribute 'missing'"
    ),
    "Unseeded": (
        "the first weights 'out.weight' of network 'PARTS:Unseeded' differ when it is built again "
        "with the same seed; expected that it draws them with torch"
    ),
}


def line_of(text: str) -> int:
    """The line of the user's file that has this text."""
    return next(i for i, line in enumerate(PARTS.splitlines(), 1) if text in line)


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_said_before_training(case: str, parts: str, tmp_path: Path):
    file = tmp_path / "wrong.yaml"
    file.write_text(
        f"study: wrong\ndataset: digits\nnetwork: {{module: {parts}:{case}}}\n", encoding="utf-8"
    )
    with pytest.raises(AssayError) as caught:
        plan_of(file)
    wanted = re.sub(r"\[(.*?)\]", lambda found: str(line_of(found[1])), WRONG[case])
    wanted = wanted.replace("FILE", str(tmp_path / f"{parts}.py")).replace("PARTS", parts)
    assert str(caught.value).startswith(f"{file}:3:")
    assert wanted in str(caught.value)


@pytest.mark.parametrize(
    ("network", "engine", "said"),
    [
        (
            {"module": "no_such_parts:Net"},
            "torch",
            "there is no module 'no_such_parts': neither a ",
        ),
        (
            {"module": "os:system"},
            "torch",
            "module 'os' is one of Python's own, it has no networks",
        ),
        ({"module": "Net"}, "torch", "expected MODULE:NAME, such as my_parts:Net, got 'Net'"),
        (
            {"module": "PARTS:Net"},
            "numpy",
            "network: module: is for the torch engine, got engine 'numpy'; use engine: torch",
        ),
    ],
)
def test_what_is_no_network_is_refused(network: Any, engine: str, said: str, parts: str):
    network = {name: text.replace("PARTS", parts) for name, text in network.items()}
    with pytest.raises(AssayError, match=re.escape(said)):
        cohort(network, engine=engine)


def test_several_heads_are_told_by_name(parts: str):
    network = build_network({"module": f"{parts}:Heads"}, (8, 8, 1), {"hour": 12, "minute": 60})
    rows = [(row["name"], row["output_shape"], row["macs"]) for row in layer_table(network)]
    assert rows == [("heads.hour", (12,), 64 * 12), ("heads.minute", (60,), 64 * 60)]
    said = "a task with several outputs tells `outputs`, not `num_classes`"
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
    section = DOCS.read_text(encoding="utf-8").partition("\n## A network of your own\n")[2]
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
