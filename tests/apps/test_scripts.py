"""Scripts that register parts: what their workers find, and what counts as the same code."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SCRIPT = """
import sys
from dataclasses import dataclass
from pathlib import Path

import assay
from assay.engines.schedules import Schedule


@assay.register_schedule("scripted")
@dataclass(frozen=True)
class Scripted(Schedule):
    def shape(self, step, total, per_epoch):
        return FACTOR


if __name__ == "__main__":
    study = {
        "study": "scripted",
        "dataset": {"name": "digits", "train": 60, "validation": 20, "test": 20},
        "network": {"family": "mlp", "hidden": [4]},
        "training": {"epochs": 1, "schedule": "scripted"},
        "repeats": 1,
    }
    assay.run(study, store=sys.argv[1], on="inline", progress=False)
    file = Path(__file__)
    file.write_text(file.read_text().replace("return FACTOR", "return FACTOR / 2"))
    try:
        assay.run(study, store=sys.argv[1], on="inline", progress=False)
    except assay.AssayError as error:
        print(error)
"""


def test_a_script_that_has_changed_since_it_was_loaded_trains_nothing_under_its_new_name(
    tmp_path: Path,
):
    script = tmp_path / "scripted.py"
    script.write_text(SCRIPT.replace("FACTOR", "1.0"), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, script, tmp_path / "store"], capture_output=True, text=True, check=True
    )
    assert "has changed since this process has loaded it" in done.stdout


PARTS_OF_A_SCRIPT = """
import sys
from dataclasses import dataclass

import assay
from assay.engines.augmentations import Augmentation
from assay.engines.optimizers import Optimizer
from assay.engines.schedules import Schedule


@assay.register_schedule("scripted")
@dataclass(frozen=True)
class Scripted(Schedule):
    def shape(self, step, total, per_epoch):
        return 1.0


@assay.register_augmentation("same")
@dataclass(frozen=True)
class Same(Augmentation):
    def change(self, images, rng):
        return images


@assay.register_optimizer("plain")
@dataclass(frozen=True)
class Plain(Optimizer):
    @staticmethod
    def torch_step(slot, gradient, rate):
        slot.weight.sub_(gradient * rate)


STUDY = {
    "study": "parts-of-a-script",
    "dataset": {"name": "digits", "train": 60, "validation": 20, "test": 20},
    "network": {"family": "mlp", "hidden": [4]},
    "training": {
        "epochs": 1, "schedule": "scripted", "augment": {"same": True}, "optimizer": "plain"
    },
    "repeats": 2,
}
if __name__ == "__main__":
    found = assay.run(STUDY, store=sys.argv[1], workers=1, on="processes", progress=False)
    print(*[record.status for record in found.records()])
"""


def test_workers_find_the_parts_of_the_script_that_runs(tmp_path: Path):
    script = tmp_path / "script_of_parts.py"
    script.write_text(PARTS_OF_A_SCRIPT, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, script, tmp_path / "store"], capture_output=True, text=True, check=False
    )
    assert done.stdout.split() == ["finished", "finished"], done.stderr
