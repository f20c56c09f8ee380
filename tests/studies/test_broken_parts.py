"""A broken part of a plugin is an error of the studies that name it, and of no others."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import assay
from assay.apps.api import plan_of
from assay.apps.schema import study_schema
from assay.core import registry
from assay.core.errors import ConfigError
from assay.studies import library


class Lossless:
    name, monitor = "lossless", "val_accuracy"


class Demanding(Lossless):
    def __init__(self, size: int):
        self.size = size


@pytest.fixture
def registered(tmp_path: Path) -> Iterator[None]:
    (tmp_path / "broken-study.yaml").write_text("study: [\n", encoding="utf-8")
    assay.register_task("lossless", Lossless)
    assay.register_task("demanding", Demanding)
    assay.register_studies("broken", tmp_path)
    yield
    registry.forget(__file__)


def test_other_studies_and_lists_do_without_broken_parts(registered: None):
    plan_of("tour")
    assert "lossless" not in str(study_schema())
    assert "broken-study" in library.names()
    assert "broken-study.yaml:2:1: invalid YAML" in library.built_in("broken-study").question


def test_the_study_that_names_it_is_told(registered: None):
    with pytest.raises(ConfigError, match=r"test_broken_parts\.py:\d+: task 'lossless': it has no"):
        plan_of({"study": "one", "dataset": "digits", "task": "lossless", "repeats": 1})
