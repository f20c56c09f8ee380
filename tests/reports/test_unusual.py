"""Sentences that hold for usual studies only are left out of the others, or say something else."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest

from assay.reports import answers, html, results
from assay.statistics import effect_sentence, effects


@pytest.fixture
def words(monkeypatch):
    """Function that returns a page without what takes long to draw."""
    for name in ("figures", "closer_looks", "example_rows", "class_tables"):
        monkeypatch.setattr(html, name, lambda *_: [])
    return lambda plan, records: html.render_html(plan, records, lambda spec: None)


def undirected(plan, records):
    """The study with a metric of which nobody knows whether a higher value is better."""
    renamed = [
        replace(r, metrics={k.replace("accuracy", "oddness"): v for k, v in r.metrics.items()})
        for r in records
    ]
    return {**plan, "metric": "oddness"}, renamed


def with_dataset(plan, **settings):
    """The plan with other settings of the data of its trials."""
    plan = copy.deepcopy(plan)
    for trial in plan["trials"]:
        trial["config"]["dataset"].update(settings)
    return plan


def beware(plan, records):
    return " ".join(item["text"] for item in answers(plan, records)["beware"])


def test_without_a_direction_no_run_counts_as_the_worst(study, words):
    for found, counts in ((study("trouble"), True), (undirected(*study("trouble")), False)):
        plan, records = found
        page = words(plan, records)
        said = (beware(plan, records), " ".join(results(plan, records).notes), page)
        assert [("as the worst" in text) for text in said] == [counts] * 3
        assert ("A diverged run counts as the worst." in page) == counts
        assert ("The best trial is chosen by validation" in page) == counts
    sentences = [effect_sentence(e) for e in effects(plan, records, "test_oddness")]
    assert any("2 runs of diverges without a value, left out" in text for text in sentences)


@pytest.mark.parametrize("command", ["assay run trouble", "assay report trouble"])
def test_only_a_command_that_trains_is_said_to_train(study, words, command):
    plan, records = study("trouble")
    plan = {**plan, "command": command}
    trains = command.startswith("assay run")
    assert (f"{command} trains them." in beware(plan, records)) == trains
    assert ("Stored runs are not trained again" in words(plan, records)) == trains


def test_a_trial_that_a_search_chose_is_not_said_to_be_chosen_by_what_it_was_trained_on(study):
    plan, records = study("tour")
    refit = with_dataset(plan, refit=True, permute=None)
    meaningless = "so metrics on them are meaningless"
    assert meaningless not in beware(plan, records)
    assert f"{meaningless}, and so is the choice of the best." in beware(refit, records)
    chosen = {**refit, "selected": refit["trials"][1]["trial_id"]}
    best = answers(chosen, records)["best"][0]["text"]
    assert best.startswith("“plain, CNN” was the best of the search by validation accuracy; it")
    assert meaningless not in beware(chosen, records)


def test_nothing_is_said_of_when_the_test_images_of_imported_results_were_read(study, words):
    plan, records = study("tour")
    plan = copy.deepcopy(plan)
    for trial in plan["trials"]:
        trial["config"]["imported"] = "tour"
    page = words(plan, records)
    assert "The best trial is chosen by validation.</p>" in page
    assert "test images are read" not in page


def test_a_family_of_several_studies_is_named(study, words):
    plan, records = study("tour")
    other = ({**plan, "study": "tour-again"}, records)
    said = "over all comparisons of the study and of those that compare the same runs;"
    assert said in words({**plan, "related": [other]}, records)
    assert said not in words(plan, records)
