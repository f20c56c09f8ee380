"""The built-in studies: all of them are readable, plannable and say what they ask."""

from __future__ import annotations

import pytest

from assay.core.errors import ConfigError
from assay.studies import library
from assay.studies.library import find
from assay.studies.plan import cohorts, make_plan
from assay.studies.search.plan import planned_runs
from assay.studies.study import parse_study


def test_the_names_are_those_that_the_documentation_promises() -> None:
    promised = {
        "cnn-architecture", "cnn-factors", "cnn-optimizers", "fashion-reference",
        "mlp-architecture", "mlp-factors", "mlp-optimizers", "mnist-reference",
        "permuted-pixels", "tour", "transfer-cifar10",
        "grid-mlp", "random-mlp", "random-cnn", "hyperband-mlp", "bayes-mlp", "bayes-cnn",
    }  # fmt: skip
    assert promised <= set(library.names())


@pytest.mark.parametrize("name", library.names())
def test_every_study_says_what_it_asks_and_plans_at_every_scale(name: str) -> None:
    built_in = library.built_in(name)
    assert built_in.question.endswith("?")
    assert built_in.header
    runs = {}
    for scale in ("full", "quick", "smoke"):
        study = parse_study(name, scale=scale)
        if study.search is not None:
            first = study.search.samples[0]["training"]["epochs"]
            runs[scale] = first * planned_runs(study)
            assert study.search.best >= 2 or study.published  # or nothing is compared
            assert len(study.seeds) >= 2
            continue
        plan = make_plan(study)
        assert study.name == name
        assert study.question == built_in.question
        single = len(study.trials) == 1 and len(study.seeds) > 1  # a recipe, with its interval
        assert study.comparisons or study.published or single  # or nothing is learned
        members = [m for cohort in cohorts(plan.runs().values()) for m in cohort.members]
        assert len(members) == len(study.trials) * len(study.seeds)
        runs[scale] = sum(
            member.training.total_steps(member.config["dataset"]["train"] or 10_000)
            * (member.training.minutes or 1)  # which may end a run long before its last update
            for member in members
        )
    assert runs["smoke"] < runs["quick"] < runs["full"]


def test_the_references_are_the_plain_half_of_permuted_pixels() -> None:
    shuffled = set(make_plan(parse_study("permuted-pixels")).runs())
    for name in ("mnist-reference", "fashion-reference"):
        assert set(make_plan(parse_study(name)).runs()) < shuffled


def test_the_nearest_file_of_ones_own_is_named(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "widths.yaml").write_text("study: widths")
    with pytest.raises(ConfigError, match=r"no study file width\.yaml; did you mean 'widths\.yaml"):
        find("width.yaml")
    with pytest.raises(ConfigError, match=r"named by its YAML file; did you mean 'widths\.yaml'"):
        find("widths")
    with pytest.raises(ConfigError) as other:
        find("x.yaml")  # an equal ending makes nothing alike
    assert str(other.value) == "there is no study file x.yaml"
    with pytest.raises(ConfigError, match="the name of a study is empty"):
        find("")
