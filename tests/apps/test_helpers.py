"""Files that a plugin imports or names: they name its runs, and are those beside it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from assay.apps.api import plan_of
from assay.core.errors import ConfigError

HELPER = """
from dataclasses import dataclass
from assay.engines.schedules import Schedule


@dataclass(frozen=True)
class Helped(Schedule):
    def shape(self, step, total, per_epoch):
        return FACTOR
"""
STUDY = """
study: helped
plugins: [registers_{name}.py]
dataset: {{name: digits, train: 60, validation: 20, test: 20}}
network: {{family: mlp, hidden: [4]}}
training: {{schedule: of-{name}}}
repeats: 1
"""
PARTS = {
    "object": "import assay, helper_object\n"
    "assay.register_schedule('of-object', helper_object.Helped)",
    "text": "import assay\nassay.register_schedule('of-text', 'helper_text:Helped')",
    "base": "import assay\nfrom helper_base import Helped\n"
    "@assay.register_schedule('of-base')\nclass Own(Helped):\n    pass",
}


def write(folder: Path, name: str, factor: float = 1.0, helper: str = "") -> Path:
    folder.mkdir(exist_ok=True)
    (folder / f"registers_{name}.py").write_text(PARTS[name], encoding="utf-8")
    text = HELPER.replace("FACTOR", str(factor))
    (folder / f"helper_{helper or name}.py").write_text(text, encoding="utf-8")
    (folder / "study.yaml").write_text(STUDY.format(name=name), encoding="utf-8")
    return folder / "study.yaml"


@pytest.fixture
def fresh(own_plugins: Callable[[], None]) -> Iterator[Callable[[], None]]:
    """Forgets helpers as well, as a new process would."""

    def forget() -> None:
        own_plugins()
        for name in [name for name in sys.modules if name.startswith("helper_")]:
            del sys.modules[name]

    yield forget
    forget()


@pytest.mark.parametrize("name", PARTS)
def test_the_file_that_a_part_is_written_in_names_its_runs(
    name: str, tmp_path: Path, fresh: Callable[[], None]
):
    found = []
    for factor in (1.0, 0.5, 1.0):
        fresh()
        (run,) = plan_of(write(tmp_path, name, factor)).runs()
        found.append(run)
    assert found[0] == found[2] != found[1]


def test_a_helper_that_changes_in_a_process_trains_nothing(
    tmp_path: Path, fresh: Callable[[], None]
):
    plan_of(write(tmp_path, "object", 1.0))
    with pytest.raises(ConfigError, match=r"helper_object\.py has changed since this process"):
        plan_of(write(tmp_path, "object", 0.5))


def test_the_helper_of_another_study_is_not_taken(tmp_path: Path, fresh: Callable[[], None]):
    plan_of(write(tmp_path / "one", "object"))
    study = write(tmp_path / "two", "base", helper="object")
    text = PARTS["base"].replace("helper_base", "helper_object")
    (study.parent / "registers_base.py").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as error:
        plan_of(study)
    for folder in ("one", "two"):
        assert str(tmp_path / folder / "helper_object.py") in str(error.value)
