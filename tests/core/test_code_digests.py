"""Parts without a file, as in a notebook: another code is another run."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from assay.apps.api import plan_of
from assay.core import registry
from assay.core.code_digests import digest_of_code
from assay.studies.members import resolve_info, resolve_network

CELL = """
from dataclasses import dataclass
from functools import partial


def helper(x):
    return x


@dataclass(frozen=True)
class Part:
    size: int = 3

    def shape(self, step, total, per_epoch):
        if step in {"first", "second"}:
            return [k * 0.5 for k in range(self.size)]
        return (lambda x: FACTOR * x)(step)


part = {"class": Part, "object": Part(4), "bound": partial(helper, 2)}
"""


def digest(text: str) -> str:
    names = {"__name__": "__main__"}
    exec(compile(text, "<cell>", "exec"), names)
    return digest_of_code(names["part"], "__main__")


def test_equal_cells_are_equal_and_others_are_not():
    one = digest(CELL.replace("FACTOR", "1.0"))
    assert digest("\n\n" + CELL.replace("FACTOR", "1.0")) == one  # elsewhere in the notebook
    changed = [
        CELL.replace("FACTOR", "2.0"),
        CELL.replace("FACTOR", "1.0").replace("size: int = 3", "size: int = 5"),
        CELL.replace("FACTOR", "1.0").replace("Part(4)", "Part(7)"),
        CELL.replace("FACTOR", "1.0").replace("return x\n", "return -x\n"),
        CELL.replace("FACTOR", "1.0").replace('"second"', '"third"'),
    ]
    assert len({one, *map(digest, changed)}) == 6


OUTSIDE = """
RATE = 3
calls = 0
seen = []


class Base:
    def shape(self, step):
        return step + 1


class Part(Base):
    def name(self):
        return super().__repr__()


def scale(x):
    return RATE * x


def closed(factor):
    def inner(x):
        global calls
        calls += 1
        seen.append(x)
        return [scale(x) * factor for _ in range(2)]
    return inner


part = [Part, closed(2)]
"""


def test_what_a_part_inherits_closes_over_and_reads_is_part_of_it():
    changed = [
        OUTSIDE.replace("step + 1", "step - 1"),
        OUTSIDE.replace("closed(2)", "closed(5)"),
        OUTSIDE.replace("RATE = 3", "RATE = 4"),
        OUTSIDE.replace("RATE * x", "RATE + x"),
    ]
    assert len({digest(OUTSIDE), *map(digest, changed)}) == 5


CLASSES = """
from functools import cache

SCALE = 2
SIDE = 3


@cache
def half(x):
    return x // 2


def made():
    class Step:
        factor = SCALE * half(8)
    return Step


class Held:
    @property
    def side(self):
        return self.kept

    @side.setter
    def side(self, value):
        self.kept = SIDE * value

    @side.deleter
    def side(self):
        self.kept = 7


part = [made, Held]
"""


def test_what_classes_cached_functions_and_properties_do_is_part_of_it():
    changed = [
        CLASSES.replace("SCALE = 2", "SCALE = 3"),
        CLASSES.replace("SIDE = 3", "SIDE = 4"),
        CLASSES.replace("x // 2", "x // 4"),
        CLASSES.replace("self.kept = 7", "self.kept = 8"),
        CLASSES.replace("return self.kept", "return -self.kept"),
    ]
    assert len({digest(CLASSES), *map(digest, changed)}) == 6


def test_what_changes_while_a_part_computes_is_not():
    counted = OUTSIDE.replace("calls = 0", "calls = 7").replace("seen = []", "seen = [1]")
    assert digest(counted) == digest(OUTSIDE)


def test_a_digest_does_not_depend_on_the_process():
    script = f"from test_code_digests import *; print(digest({CELL.replace('FACTOR', '1.0')!r}))"
    found = {
        subprocess.run(
            [sys.executable, "-c", script],
            capture_output=True,
            text=True,
            check=True,
            cwd=Path(__file__).parent,
            env={"PYTHONHASHSEED": seed, "PATH": ""},
        ).stdout
        for seed in ("1", "2")
    }
    assert len(found) == 1


STUDY = {
    "study": "cell",
    "dataset": {"name": "digits", "train": 60},
    "network": {"family": "mlp", "hidden": [4]},
    "training": {"schedule": "of-a-cell"},
    "repeats": 1,
}


NAMES = ("<ipython-input-{}-a>", "<python-input-{}>", "/tmp/ipykernel_7/{}.py", "<stdin>")


@pytest.fixture
def no_cell() -> Iterator[None]:
    """What a cell registers is forgotten: other tests train in processes, which cannot read it."""
    yield
    for place in [place for place in registry.places() if place.in_cell]:
        registry.forget(place.file)


@pytest.mark.parametrize("name", NAMES)
def test_a_part_that_is_defined_again_names_other_runs(name: str, no_cell: None):
    found = []
    for number, factor in enumerate((1.0, 0.5, 1.0)):
        code = (
            "import assay\nfrom assay.engines.schedules import Schedule\n\n"
            "@assay.register_schedule('of-a-cell')\n"
            "class OfACell(Schedule):\n"
            f"    def shape(self, step, total, per_epoch):\n        return {factor}\n"
        )
        code = "\n" * number + code  # lines before it, as any edited cell may have
        exec(compile(code, name.format(number), "exec"), {"__name__": "__main__"})
        (run,) = plan_of(STUDY).runs()
        found.append(run)
    assert found[0] == found[2] != found[1]


def run_cell(code: str) -> None:
    exec(compile(code, NAMES[0].format(0), "exec"), {"__name__": "__main__"})


FAMILY = """
import assay
from assay.networks.families import Family
from assay.networks.layers import Dense, Flatten

assay.register_network("of-a-cell", Family({}, lambda options, shape: (Flatten(), Dense(UNITS))))
"""

DATASET = """
import assay
from assay.data.catalog import DatasetEntry

assay.register_dataset(
    "of-a-cell",
    DatasetEntry("of-a-cell", "", "", "", "", (SIDE, SIDE, 1), ("a", "b"), 100, 20),
)
"""


def test_a_family_that_is_defined_again_trains_its_new_network(no_cell: None):
    for units in (8, 32):
        run_cell(FAMILY.replace("UNITS", str(units)))
        (config,) = plan_of({**STUDY, "training": {}, "network": "of-a-cell"}).configs()
        assert resolve_network(config).heads[0][1][-1].units == 10
        assert resolve_network(config).trunk[-1].units == units


def test_a_dataset_that_is_defined_again_has_its_new_shape(no_cell: None):
    for side in (4, 6):
        run_cell(DATASET.replace("SIDE", str(side)))
        (config,) = plan_of({**STUDY, "training": {}, "dataset": "of-a-cell"}).configs()
        assert resolve_info(config).image_shape == (side, side, 1)
        assert resolve_network(config).input_shape == (side, side, 1)
