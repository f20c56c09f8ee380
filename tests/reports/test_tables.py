"""Tables in every format, and what the words in their cells say."""

from __future__ import annotations

import csv
import io
import json
import re
import sys
from dataclasses import replace

import pytest

from assay.core.errors import ConfigError, MissingExtraError
from assay.reports import (
    FORMATS,
    Column,
    Table,
    answers,
    compare_trials,
    effects_table,
    levels_table,
    published_table,
    results,
)
from assay.reports.image_intervals import images_table

NASTY = r"50 % of a|b_c & $x$ {y} \z <b> ^~#"


def small():
    columns = (
        Column("name", lambda r: r["name"], "left"),
        Column("score (%)", lambda r: f"{r['score']} ± 1"),
    )
    return Table("A title", columns, ({"name": NASTY, "score": 2.5},), "assay results x", ("note",))


def test_csv_and_json_hold_the_rows(study):
    table = results(*study("trouble"))
    rows = list(csv.DictReader(io.StringIO(table.to_csv())))
    assert [row["trial"] for row in rows] == [row["trial"] for row in table.rows]
    assert float(rows[0]["test_accuracy"]) == table.rows[0]["test_accuracy"]
    assert rows[2]["test_accuracy"] == ""
    data = json.loads(table.to_json())
    assert data["rows"] == [dict(row) for row in table.rows]
    assert data["command"] == "assay results trouble"


ESTIMATED = ("", "_low", "_high", "_std", "_median", "_minimum", "_maximum")


def test_an_estimate_becomes_columns_at_the_edge_only(study):
    plan, records = study("tour")
    table = results(plan, records)
    first, found = table.rows[0], table.entries[0]["test_accuracy"]
    names = [name for name in first if name.startswith("test_accuracy")]
    assert names == [f"test_accuracy{end}" for end in ESTIMATED]
    assert first["test_accuracy"] == found.mean
    assert first["test_accuracy_low"] == found.low
    assert {f"seconds{end}" for end in ESTIMATED} < first.keys()
    (ours,) = published_table({**plan, "published": [{"value": 0.5}]}, records).rows
    assert {f"ours{end}" for end in ESTIMATED} < ours.keys()


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        ("=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0"),
        ("@SUM(1+1)", "'@SUM(1+1)"),
        ("+1+2", "'+1+2"),
        ("-2+3", "'-2+3"),
        ("\t=1", "'\t=1"),
        ("\r=1", r"'\x0d=1"),
        ("-0.5", "-0.5"),
        ("+3e-4", "+3e-4"),
        (-0.5, "-0.5"),
        (-3, "-3"),
        (None, ""),
        ("a = 1", "a = 1"),
        ([1, -2], "[1, -2]"),
    ],
)
def test_no_cell_of_csv_is_computed_by_a_spreadsheet(value, cell):
    table = Table("t", (), ({"=name": value},))
    assert list(csv.reader(io.StringIO(table.to_csv(), newline=""))) == [["'=name"], [cell]]


def test_a_row_of_latex_may_begin_with_a_bracket():
    table = Table("t", (Column("name", lambda r: r["name"], "left"),), ({"name": "[1]\nx"},))
    assert "  {[}1{]} x \\\\" in table.to_latex().splitlines()


def test_markdown_escapes_what_would_break_the_table():
    lines = small().to_markdown().splitlines()
    assert lines[0] == "| name | score (%) |"
    assert lines[1] == "| --- | --: |"
    assert lines[2] == r"| 50 % of a\|b\_c &amp; \$x\$ {y} \\z \<b\> ^\~# | 2.5 ± 1 |"


def test_latex_escapes_and_uses_booktabs():
    text = small().to_latex()
    assert (
        r"50 \% of a\textbar{}b\_c \& \$x\$ \{y\} \textbackslash{}z \textless{}b\textgreater{}"
        in text
    )
    assert r"2.5 $\pm$ 1 \\" in text
    assert all(rule in text for rule in (r"\toprule", r"\midrule", r"\bottomrule"))


def test_formats_by_name_and_an_unknown_one():
    assert [bool(small().format(name)) for name in FORMATS] == [True] * 4
    with pytest.raises(ConfigError, match="unknown format of a table 'latx'; did you mean 'latex'"):
        small().format("latx")


def test_a_data_frame_or_a_clear_error(study, monkeypatch):
    table = results(*study("tour"))
    frame = pytest.importorskip("pandas") and table.to_pandas()
    assert list(frame["n"]) == [5] * 4
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(MissingExtraError, match=r'pip install -e "\.\[pandas\]" in its folder'):
        table.to_pandas()


def test_every_number_in_the_results_has_n_and_an_interval(study):
    table = results(*study("trouble"))
    cells = dict(zip([r["trial"] for r in table.rows], table.texts(), strict=True))
    assert table.headers[:3] == ["trial", "n", "test accuracy (%), mean ± 95 %"]
    assert cells["steady"][1] == "5"
    assert re.fullmatch(r"[\d.]+ ± [\d.]+|[\d.]+ \([\d.]+ to [\d.]+\)", cells["steady"][2])
    assert cells["diverges"][1] == "3, 2 diverged"
    assert cells["all lost"][1:4] == ["0, 4 diverged, 1 failed", "-", "-"]
    assert cells["single"][1] == "1, 4 missing"
    assert re.fullmatch(r"[\d.]+", cells["single"][2])
    assert any("Diverged" in note for note in table.notes)


def test_intervals_that_are_longer_than_those_of_t_say_why(study):
    plan, records = study("tour")
    assert not any("longer" in note for note in results(plan, records).notes[1:])
    first = records[0]
    far = replace(first, metrics={**first.metrics, "test_accuracy": 0.1})
    (note,) = [n for n in results(plan, [far, *records[1:]]).notes if "longer on a side" in n]
    assert re.fullmatch(
        r"Intervals of test accuracy are up to [\d.]+ points longer on a side than by t alone, "
        r"because 1 run lies far from the others of its trial\.",
        note,
    )


def test_the_table_of_effects_calls_only_what_is_corrected(study):
    plan, records = study("factors")
    table = effects_table(plan, records)
    assert len(table.rows) == 17
    for row in table.rows:
        called = row["p_adjusted"] is not None and row["p_adjusted"] < 0.05
        assert (row["verdict"] in ("better", "worse")) == called
    assert {row["family"] for row in table.rows} == {17}
    assert "over all 17 comparisons" in table.notes[0]


def test_a_single_comparison_is_not_corrected_over_all_one(study):
    plan, records = study("factors")
    alone = {**plan, "comparisons": plan["comparisons"][:1]}
    assert (
        "t-test needs no correction, because it is the only one; better"
        in effects_table(alone, records).notes[0]
    )
    assert "corrected by Holm over all" in effects_table(plan, records).notes[0]


def test_levels_of_a_factorial_are_averaged(study):
    table = levels_table(*study("tour"))
    assert [row["trials"] for row in table.rows] == [2, 2, 2, 2]
    assert "Averaged" in table.notes[0]


def test_means_by_level_count_the_runs_that_are_not_in_them(study):
    plan, records = study("tour")
    first, last = plan["trials"][0], plan["trials"][-1]
    lost = {(first["trial_id"], 0): "diverged", (last["trial_id"], 1): "failed"}
    table = levels_table(
        plan,
        [
            replace(r, status=lost.get((r.trial_id, r.seed), r.status), metrics={})
            if (r.trial_id, r.seed) in lost
            else r
            for r in records
        ],
    )
    cells = [dict(zip(table.headers, row, strict=True))["n"] for row in table.texts()]
    # each trial is in the mean of one level of either factor
    assert sorted(cells) == ["4, 1 diverged", "4, 1 diverged", "4, 1 failed", "4, 1 failed"]


def test_the_answer_warns_of_what_is_missing(study):
    found = answers(*study("trouble"))
    beware = " ".join(item["text"] for item in found["beware"])
    assert "6 of 30 runs diverged (2 of diverges, 4 of all lost)" in beware
    assert "4 of 30 runs are missing" in beware
    (best,) = found["best"]
    first = best["text"].partition(";")[0]
    assert first.startswith("steady is the best of")  # one run does not beat complete trials


def with_accuracies(study, shape: list[float]):
    """The study's plan, and its runs with accuracies of this shape in each trial."""
    plan, records = study("tour")
    found = [
        replace(r, metrics={**r.metrics, "test_accuracy": 0.8 + 0.01 * shape[r.config["seed"]]})
        for r in records
    ]
    return plan, found


@pytest.mark.parametrize("side", [1, -1])
def test_the_answer_says_that_runs_are_skewed(study, side):
    lopsided = [side * x for x in (0.0, 0.2, 0.5, 1.0, 1.9)]
    beware = [item["text"] for item in answers(*with_accuracies(study, lopsided))["beware"]]
    (said,) = [text for text in beware if "skewed" in text]
    # by hand: the third moment over the standard deviation cubed, of these five numbers
    skewness = 0.7273 * side
    assert f"are skewed towards {'higher' if side > 0 else 'lower'} values" in said
    assert f"(skewness {skewness:+.1f}, averaged over trials, p = 0.0" in said
    assert "not enough" not in said


def test_skewness_as_of_a_fifth_of_even_studies_is_called_possible(study):
    beware = answers(*with_accuracies(study, [0.0, 0.45, 0.8, 1.2, 2.0]))["beware"]
    (said,) = [item["text"] for item in beware if "skewed" in item["text"]]
    assert said.startswith("The runs may be skewed towards higher values (skewness +0.4, averaged ")


def test_the_answer_says_nothing_of_even_runs(study):
    even = answers(*with_accuracies(study, [-1.0, -0.4, 0.0, 0.4, 1.0]))["beware"]
    assert not any("skewed" in item["text"] for item in even)


def test_an_answer_without_any_run(study):
    plan, _ = study("tour")
    found = answers(plan, [])
    assert found["best"][0]["text"] == "No run on digits has finished."
    assert {item["verdict"] for item in found["factors"]} == {"not tested"}


def test_an_answer_that_depends_on_another_factor(study):
    found = {item["name"]: item for item in answers(*study("tour"))["factors"]}
    assert found["network"]["verdict"] == "depends"
    said = found["network"]["sentences"] + found["network"]["more"]
    assert any("CNN is better than MLP" in s for s in said)
    assert any("CNN is worse than MLP" in s for s in said)


def with_dataset(plan, settings, labels=None):
    """The plan with these settings of the dataset in some trials, or in all."""
    trials = [
        {**t, "config": {**t["config"], "dataset": {**t["config"]["dataset"], **settings}}}
        if labels is None or t["label"] in labels
        else t
        for t in plan["trials"]
    ]
    return {**plan, "trials": trials}


TUNED = {"validate_on_test": True}


def test_results_read_while_tuning_do_not_look_like_those_of_unseen_images(study):
    plan, records = study("tour")
    said = "The test images are also the validation images"
    for times, mine in ((0, plan), (1, with_dataset(plan, TUNED))):
        caveats = [item["text"] for item in answers(mine, records)["beware"]]
        over_images = images_table(mine, records).notes
        for texts in (results(mine, records).notes, over_images, caveats):
            found = [text for text in texts if said in text]
            assert len(found) == times
            assert all("read while tuning" in text for text in found)


def test_trials_validated_on_the_test_images_are_named_and_no_rivals_of_the_others(study):
    plan, records = study("tour")
    mine = with_dataset(plan, TUNED, ["plain, MLP"])
    (note,) = [text for text in results(mine, records).notes if "tuning" in text]
    assert note.startswith("The test images of plain, MLP are also the validation images")
    best = [item["text"] for item in answers(mine, records)["best"]]
    assert any(text.startswith("On digits, validated on the test images: ") for text in best)
    tuned, other = (
        [replace(r, config={**r.config, "dataset": {"name": "digits", **more}}) for r in records]
        for more in (TUNED, {})
    )
    for sides, said in (((tuned, other), "images of A are"), ((tuned, tuned), "images are also")):
        assert said in compare_trials(*sides).notes[-1]
    assert not any("tuning" in text for text in compare_trials(other, other).notes)
    assert images_table(mine, records).rows[1]["against"] == "plain, MLP"  # of the same images


def test_metrics_on_images_that_were_trained_on_choose_nothing_silently(study):
    plan, records = study("tour")
    for labels in (None, ["plain, MLP"]):
        notes = " ".join(results(with_dataset(plan, {"refit": True}, labels), records).notes)
        worth = (
            "; the best is chosen among the others"
            if labels
            else ", and so is the choice of the best"
        )
        assert f"metrics on them are meaningless{worth}." in notes
        assert notes.count("Some trials: ") == bool(labels)
        assert "chosen by the validation metric alone" not in notes
