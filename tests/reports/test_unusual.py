"""Sentences that hold for usual studies only are left out of the others, or say something else."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest

from assay.reports import answers, html, results
from assay.reports.paper.content import manuscript
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


def paper(material, **changes):
    """The text of a paper of a study with these settings of all of its trials, SECTION__KEY."""
    plan = copy.deepcopy(material.plan)
    for trial in plan["trials"]:
        for name, value in changes.items():
            section, _, key = name.partition("__")
            where = trial["config"][section] if key else trial["config"]
            where[key or section] = value
    return str(manuscript([replace(material, plan=plan)]))


@pytest.mark.parametrize(
    ("settings", "said", "not_said"),
    [
        (
            {},
            [
                "Validation images are taken from the training images, stratified by class; the",
                "The weights at the end of training are evaluated on the test images.",
                "is trained 5 times with different seeds; all configurations of a study share",
                "The best configuration is chosen by the validation metric alone; runs that",
                "These commands reproduce all runs, and this paper from their records.",
                "cover chance in initial weights and in the order of batches, but not other data",
                "a hash over all its runs.",
                "Corrected 95 % intervals of the comparisons without a significant difference.",
            ],
            ["an average of weights", "trained on as well", "do not cover a pretraining"],
        ),
        ({"training__ema": 0.999}, ["It is an average of weights that is evaluated."], []),
        (
            {"dataset__refit": True},
            ["The validation images are trained on as well.", "Runs that diverged are excluded"],
            ["is chosen by the validation metric alone"],
        ),
        (
            {"training__minutes": 2.0},
            ["a run with a time limit makes more updates on a faster machine"],
            ["reproduce all runs"],
        ),
        (
            {"training__pretrain": {"name": "stored", "run": "0f1e2d3c4b5a6978"}},
            ["They do not cover a pretraining that all repeats share."],
            [],
        ),
        (
            {"training": {}},  # a classifier of scikit-learn
            ["share their seeds, which draw all that differs", "cover chance in what estimators"],
            ["weights at the end of training", "the order of batches"],
        ),
        (
            {"imported": "elsewhere"},
            [],
            [
                "Validation images are taken",
                "Pixels are",
                "weights at the end",
                "share their seeds",
                "Intervals over seeds cover",
            ],
        ),
    ],
)
def test_a_paper_does_not_say_what_is_only_usual(material, settings, said, not_said):
    text = paper(material("factors"), **settings)
    assert [part for part in said if part not in text] == []
    assert [part for part in not_said if part in text] == []


def test_a_paper_of_few_runs_and_of_a_scale_of_its_own(material):
    asked = material("tour")
    trials = [{**trial, "runs": trial["runs"][:1]} for trial in asked.plan["trials"]]
    once = str(manuscript([replace(asked, plan={**asked.plan, "trials": trials})]))
    assert "is trained once; all" in once
    assert "With one run of a configuration, no difference can be tested." in once
    for changes, shorter in (({"repeats": 2}, False), ({"training.epochs": 2}, True)):
        source = {"written": {"scales": {"few": changes}}}
        small = {**asked.plan, "scale": "few", "source": source}
        text = str(manuscript([replace(asked, plan=small)]))
        assert ("trained on fewer images or for a shorter time" in text) == shorter


def test_a_paper_counts_the_runs_of_a_search_and_names_the_accelerator(material):
    asked = material("tour")
    tried = [replace(r, run_id=f"tried-{r.run_id}") for r in asked.records[:7]]
    gpu = [
        replace(r, provenance={**r.provenance, "device_name": "Made-up GPU"}) for r in asked.records
    ]
    text = str(manuscript([replace(asked, records=gpu, tried=tried)]))
    assert "27 runs were trained on Made-up CPU @ 2 GHz and Made-up GPU" in text


def test_a_paper_of_imported_results_has_no_command_that_trains(material):
    asked = material("tour")
    other = replace(asked, plan={**asked.plan, "study": "bought", "command": "assay report bought"})
    assert "This command writes this paper again from the stored records." in str(
        manuscript([other])
    )
    assert "These commands reproduce the runs of tour, and this paper from their records." in str(
        manuscript([asked, other])
    )


def test_a_paper_says_what_tasks_that_make_pictures_do_to_pixels(material):
    asked = material("tour")
    half = {"mean": [127.5], "std": [127.5]}
    made = [replace(r, provenance={**r.provenance, "pixels": half}) for r in asked.records]
    text = str(manuscript([replace(asked, records=made)]))
    assert "Pixels are scaled to the range from -1 to 1." in text
    assert "mean and standard deviation" not in text


def test_a_paper_points_to_no_figure_of_differences_that_is_not_there(material):
    asked = material("tour")
    said = "shows all differences with their intervals."
    assert said in str(manuscript([asked]))
    lost = [replace(r, status="diverged", metrics={}, predictions={}) for r in asked.records]
    assert said not in str(manuscript([replace(asked, records=lost)]))


def test_settings_that_are_all_the_same_do_not_differ(material):
    asked = material("factors")
    said = "Several values differ between the configurations."
    assert said in str(manuscript([material("trouble")]))
    assert said not in str(manuscript([asked]))
