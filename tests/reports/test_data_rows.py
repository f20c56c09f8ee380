"""The rows of a report that describe its data."""

from __future__ import annotations

import copy
from dataclasses import replace

from assay.reports.context import dataset_rows


def test_data_rows_notice_other_data(study, images):
    plan, records = study("tour")
    plain, permuted = dataset_rows(plan, records, images)
    assert (plain["data"], plain["test"], plain["classes"]) == ("digits", 360, 10)
    assert plain["same"] is permuted["same"] is True
    swapped = dataset_rows(plan, records, lambda spec: images({"name": "digits", "permute": 3}))
    assert swapped[0]["same"] is False
    gone = dataset_rows(plan, records, lambda spec: None)
    assert (gone[0]["test"], gone[0]["train"], gone[0]["same"]) == (360, None, None)


def test_data_rows_say_whose_sizes_they_are_and_compare_only_equal_data(study, images):
    plan, records = study("tour")
    trials = copy.deepcopy(plan["trials"][:2])  # both on digits
    trials[1]["config"]["dataset"]["train"] = 100
    fewer = {**plan, "trials": trials}
    other = {**records[0].provenance, "dataset_fingerprint": "that of 100 images"}
    mine = [r for r in records if r.trial_id == trials[0]["trial_id"]]
    theirs = [
        replace(r, config=trials[1]["config"], provenance=other)
        for r in records
        if r.trial_id == trials[1]["trial_id"]
    ]
    (row,) = dataset_rows(fewer, [*mine, *theirs], images)
    assert row["same"] is True  # the images of the runs with all images are there
    assert row["differ"] == ["dataset.train"]
    assert (
        f"these are the data of {trials[0]['label']}; trials differ in dataset.train"
        in (row["notes"])
    )
    (unknown,) = dataset_rows(fewer, theirs, images)
    assert unknown["same"] is None
    trials[0]["config"]["dataset"]["refit"] = True
    notes = dataset_rows(fewer, [], images)[0]["notes"]
    assert "the validation images are among the training images" in notes
