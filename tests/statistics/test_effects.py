"""Effects, sentences and selection on small studies written out by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from made_runs import NOISE, SEEDS, runs

from assay.core.records import Record
from assay.statistics import (
    best_trial,
    compare,
    effect_sentence,
    effects,
    factor_sentences,
    level_means,
    p_text,
    primary_metric,
)


def one_at_a_time():
    """relu against tanh (worse by 1.2 points) and he against glorot (equal)."""
    trials = {"base": ("relu", "glorot"), "tanh": ("tanh", "glorot"), "he": ("relu", "he")}
    names = ("network.activation", "network.kernel_initializer")
    return {
        "study": "s",
        "design": "one_at_a_time",
        "factors": {names[0]: ["relu", "tanh"], names[1]: ["glorot", "he"]},
        "trials": [
            {"label": k, "trial_id": k, "levels": dict(zip(names, v, strict=True)), "runs": []}
            for k, v in trials.items()
        ],
        "comparisons": [
            {"factor": names[0], "level": "tanh", "against": "relu", "a": "tanh", "b": "base"},
            {"factor": names[1], "level": "he", "against": "glorot", "a": "he", "b": "base"},
        ],
    }


def one_at_a_time_runs():
    base = 0.9 + NOISE[::-1]
    he = base + np.array([0.004, -0.002, 0.003, -0.002, 0.002])
    return [*runs("base", base), *runs("tanh", base - 0.012 + NOISE), *runs("he", he)]


def test_a_real_effect_is_called_and_a_null_effect_is_not():
    tanh, he = effects(one_at_a_time(), one_at_a_time_runs())
    assert (tanh.verdict, he.verdict) == ("worse", "no significant difference")
    assert tanh.family == he.family == 2
    assert tanh.p_adjusted == pytest.approx(2 * tanh.comparison.p)
    assert he.p_adjusted == pytest.approx(he.comparison.p)


@pytest.mark.parametrize(
    ("high", "written"),
    [(-0.004, "-0.74 to -0.40"), (-0.0003, "-0.74 to -0.03"), (-0.00004, "-0.740 to -0.004")],
)
def test_an_interval_that_leaves_out_zero_does_not_seem_to_end_there(high, written):
    tanh, _ = effects(one_at_a_time(), one_at_a_time_runs())
    near = replace(tanh.comparison, difference=(high - 0.0074) / 2, low=-0.0074, high=high)
    assert f"95 % CI {written}, p" in effect_sentence(replace(tanh, comparison=near))


def test_an_interval_that_touches_zero_is_written_as_usual():
    tanh, _ = effects(one_at_a_time(), one_at_a_time_runs())
    near = replace(tanh.comparison, difference=-0.004, low=-0.008, high=0.0)
    assert "95 % CI -0.8 to 0.0, p" in effect_sentence(replace(tanh, comparison=near))


def test_the_sentences():
    tanh, he = effects(one_at_a_time(), one_at_a_time_runs())
    assert effect_sentence(tanh) == (
        "tanh is worse than relu by 1.20 points "
        "(corrected 95 % CI -1.32 to -1.08, p < 0.001 after Holm over 2 comparisons, n = 5)"
    )
    assert effect_sentence(he) == (
        "he and glorot: no significant difference (+0.1 points, corrected 95 % CI -0.3 to 0.5, "
        "p = 0.47 after Holm over 2 comparisons, n = 5)"
    )
    first, second = factor_sentences(one_at_a_time(), [tanh, he])
    assert first["verdict"] == "matters"
    assert first["text"].startswith("activation: tanh is worse")
    assert second["verdict"] == "no significant difference"


def test_the_interval_is_that_of_the_decision():
    plan = one_at_a_time()
    plan["comparisons"] = plan["comparisons"][1:] + plan["comparisons"][1:] * 40
    base = 0.9 + NOISE
    he = base + np.array([0.004, 0.001, 0.003, 0.005, 0.001])
    found = effects(plan, [*runs("base", base), *runs("he", he)])[0]
    alone = compare(dict(enumerate(he)), dict(enumerate(base)))
    assert found.comparison.p < 0.05 < found.p_adjusted
    assert found.verdict == "no significant difference"
    assert found.comparison.low < 0 < alone.low
    assert found.confidence == pytest.approx(1 - 0.05 / 42)
    assert found.comparison.p_better.low == alone.p_better.low
    assert "he and glorot: no significant difference (+0.3 points, corrected" in effect_sentence(
        found
    )
    assert "p = 1.00 after Holm over 42" in effect_sentence(found)


def test_a_p_near_the_level_has_the_digits_that_decide():
    texts = {p: p_text(p) for p in (0.2, 0.0561, 0.0504, 0.04996, 0.0432, 0.012, 0.0012, 1e-5)}
    assert list(texts.values()) == [
        "p = 0.20", "p = 0.056", "p = 0.0504", "p = 0.04996", "p = 0.043",
        "p = 0.01", "p = 0.0012", "p < 0.001",
    ]  # fmt: skip


def test_equivalence_is_what_the_study_says_does_not_matter():
    plan = {**one_at_a_time(), "equivalence": 1.0}
    tanh, he = effects(plan, one_at_a_time_runs())
    assert (tanh.verdict, he.verdict) == ("worse", "equivalent")
    assert effect_sentence(he).startswith("he and glorot are equivalent within 1.00 points (+0.1 ")
    assert factor_sentences(plan, [he])[0]["verdict"] == "equivalent"
    narrow = effects({**plan, "equivalence": 0.3}, one_at_a_time_runs())[1]
    assert narrow.verdict == "no significant difference"


def test_equivalence_says_nothing_about_another_metric_than_the_main_one():
    plan = {**one_at_a_time(), "equivalence": 0.5, "metric": "val_accuracy"}
    records = one_at_a_time_runs()
    for record in records:
        record.metrics["test_loss"] = 1.0 - record.metrics["test_accuracy"]
    assert effects(plan, records)[1].verdict == "equivalent"
    of_loss = effects(plan, records, "test_loss")[1]
    assert of_loss.verdict == "no significant difference"
    assert np.isnan(of_loss.equivalence)
    of_loss = effects({**plan, "metric": "val_loss"}, records, "test_loss")[1]
    assert of_loss.verdict == "equivalent"


def test_lower_is_better_for_a_loss():
    plan = one_at_a_time()
    records = [
        Record(f"{t}{s}", t, s, "finished", {}, {}, {"test_loss": base + s / 1000 + (s % 2) / 500})
        for t, base in (("base", 0.5), ("tanh", 0.4), ("he", 0.5))
        for s in SEEDS
    ]
    records[7].metrics["test_loss"] += 0.001
    tanh, he = effects(plan, records, "test_loss")
    assert tanh.verdict == "better"
    assert tanh.comparison.difference < 0
    assert he.verdict == "no significant difference"
    assert he.comparison.test == "sign"


def test_diverged_runs_count_as_the_worst_and_are_named_with_their_level():
    records = one_at_a_time_runs()
    records[5] = runs("tanh", [0.1] * 5, status={0: "diverged"})[0]
    tanh = effects(one_at_a_time(), records)[0]
    assert tanh.comparison.n == 5
    assert (tanh.diverged, tanh.left_out, tanh.verdict) == ({"tanh": 1}, {}, "worse")
    assert effect_sentence(tanh).endswith("; 1 run of tanh diverged, counted as the worst")
    failed = [replace(records[5], status="failed"), *records[:5], *records[6:]]
    tanh = effects(one_at_a_time(), failed)[0]
    assert (tanh.comparison.n, tanh.diverged, tanh.left_out) == (4, {}, {"tanh": 1})
    assert effect_sentence(tanh).endswith("; 1 run of tanh without a value, left out")


@pytest.mark.parametrize("metric", ["test_accuracy", "test_loss"])
def test_a_level_is_not_better_for_its_runs_that_diverged(metric):
    sign = 1 if metric == "test_accuracy" else -1
    ahead = [0.912, 0.913, 0.912, 0.911, 0.912]
    values = {"base": 0.9 + NOISE, "tanh": np.array(ahead), "he": 0.9 - NOISE}

    def verdicts(lost):
        records = [
            Record(f"{t}{s}", t, s, "diverged" if t == "tanh" and s in lost else "finished", {},
                   {}, {metric: float(sign * v[s] + (sign < 0) * 2)})
            for t, v in values.items() for s in SEEDS
        ]  # fmt: skip
        return [e.verdict for e in effects(one_at_a_time(), records, metric)]

    assert verdicts([]) == ["better", "no significant difference"]
    assert verdicts([3]) == ["no significant difference", "no significant difference"]
    assert verdicts(SEEDS) == ["worse", "no significant difference"]


def test_no_difference_of_accuracies_is_larger_than_all_of_them():
    """Two runs each, which say nothing: 100 points either way, not 400."""
    records = runs("base", [0.1, 0.9]) + runs("tanh", [0.8, 0.3]) + runs("he", [0.1, 0.9])
    found = effects(one_at_a_time(), records)[0].comparison
    assert found.difference == pytest.approx(0.05)
    assert (found.low, found.high) == (-1, 1)
    losses = [replace(r, metrics={"test_loss": 9 * r.metrics["test_accuracy"]}) for r in records]
    assert effects(one_at_a_time(), losses, "test_loss")[0].comparison.high > 9


def test_one_run_each_gives_no_interval_and_no_verdict():
    records = [r for r in one_at_a_time_runs() if r.seed == 0]
    tanh = effects(one_at_a_time(), records)[0]
    assert tanh.verdict == "not tested"
    assert "one run, no interval" in effect_sentence(tanh)
    assert effects(one_at_a_time(), records[:1])[0].comparison.n == 0


def factorial():
    """relu/tanh x mlp/cnn: tanh costs the mlp 4 points and the cnn nothing."""
    names = ("network.family", "network.activation")
    cells = [(f, a) for f in ("mlp", "cnn") for a in ("relu", "tanh")]
    return {
        "design": "full_factorial",
        "factors": {names[0]: ["mlp", "cnn"], names[1]: ["relu", "tanh"]},
        "trials": [
            {"label": f + a, "trial_id": f + a, "levels": dict(zip(names, (f, a), strict=True))}
            for f, a in cells
        ],
        "comparisons": [
            {
                "factor": names[1],
                "level": "tanh",
                "against": "relu",
                "a": f + "tanh",
                "b": f + "relu",
                "where": {names[0]: f},
            }
            for f in ("mlp", "cnn")
        ],
    }


def factorial_runs():
    mlp, cnn = 0.8 + NOISE, 0.9 + NOISE[::-1]
    wobble = NOISE[[2, 0, 4, 1, 3]]
    return [
        *runs("mlprelu", mlp),
        *runs("mlptanh", mlp - 0.04 + wobble),
        *runs("cnnrelu", cnn),
        *runs("cnntanh", cnn + wobble[::-1]),
    ]


def test_pooling_averages_combinations_by_seed_and_joins_the_family():
    found = effects(factorial(), factorial_runs())
    assert [e.pooled for e in found] == [1, 1, 2]
    assert {e.family for e in found} == {3}
    mlp, cnn, pooled = found
    assert pooled.comparison.n == 5  # seeds, not seeds times combinations
    mean = (mlp.comparison.difference + cnn.comparison.difference) / 2
    assert pooled.comparison.difference == pytest.approx(mean)
    assert [e.verdict for e in found] == ["worse", "no significant difference", "worse"]
    text = factor_sentences(factorial(), found)[0]["text"]
    assert "averaged over 2 combinations" in text
    assert "points at family = mlp" in text
    assert "tanh and relu at family = cnn: no significant difference" in text


def test_few_combinations_are_told_beside_their_mean_which_hides_opposite_signs():
    wobble = 60 * NOISE
    records = [
        *runs("mlprelu", 0.8 + NOISE),
        *runs("mlptanh", 0.82 + wobble),
        *runs("cnnrelu", 0.9 + NOISE),
        *runs("cnntanh", 0.86 + wobble[::-1]),
    ]
    found = effects(factorial(), records)
    assert {e.verdict for e in found} == {"no significant difference"}
    (said,) = factor_sentences(factorial(), found)
    assert "averaged over 2 combinations" in said["text"]
    assert "at family = mlp: no significant difference (+2" in said["text"]
    assert "at family = cnn: no significant difference (-4" in said["text"]
    assert len(said["more"]) == 2


def test_an_answer_begins_with_what_is_significant():
    records = [
        *runs("mlprelu", 0.8 + NOISE),
        *runs("mlptanh", 0.76 + NOISE[::-1]),
        *runs("cnnrelu", 0.9 + NOISE),
        *runs("cnntanh", 0.9 + NOISE[[1, 0, 4, 3, 2]]),
    ]
    found = effects(factorial(), records)
    assert [(e.pooled, e.verdict) for e in found] == [
        (1, "worse"), (1, "no significant difference"), (2, "worse")
    ]  # fmt: skip
    unclear = replace(found[2], verdict="no significant difference")
    (said,) = factor_sentences(factorial(), [*found[:2], unclear])
    assert said["verdict"] == "depends"
    parts = said["text"].split("; ")
    assert parts[0].startswith("activation: tanh is worse than relu by")
    assert "at family = mlp" in parts[0]
    assert "averaged over 2 combinations" in parts[1]
    plan = one_at_a_time()
    tanh, he = effects(plan, one_at_a_time_runs())
    names = [entry["name"] for entry in factor_sentences(plan, [he, tanh])]
    assert names == ["activation", "kernel_initializer"]


def test_level_means_average_a_factorial_and_hold_the_others_in_one_at_a_time():
    means = {(m.factor, m.level): m for m in level_means(factorial(), factorial_runs())}
    assert means["network.activation", "relu"].estimate.mean == pytest.approx(0.85)
    assert means["network.family", "mlp"].trials == 2
    single = {m.level: m for m in level_means(one_at_a_time(), one_at_a_time_runs())}
    assert single["relu"].trials == single["he"].trials == 1
    assert single["relu"].estimate.mean == pytest.approx(0.9)


def test_selection_never_looks_at_test():
    records = [
        *runs("base", [0.99] * 5, val=0.80),
        *runs("tanh", [0.50] * 5, val=0.90),
        *runs("he", [0.70] * 5, val=0.85),
    ]
    best = best_trial(one_at_a_time(), records)
    assert best.trial["label"] == "tanh"
    assert best.candidates == 3
    assert best.test.mean == pytest.approx(0.5)
    assert best.validation.mean == pytest.approx(0.9)


def test_a_trial_that_trains_on_its_validation_images_is_chosen_only_among_its_kind():
    plan, records = one_at_a_time(), [*runs("base", [0.8] * 5), *runs("tanh", [0.7] * 5, val=0.99)]
    plan["trials"][1]["config"] = {"dataset": {"refit": True}}
    best = best_trial(plan, records)
    assert (best.trial["label"], best.candidates) == ("base", 1)
    assert best_trial(plan, records[5:]).trial["label"] == "tanh"
    assert best_trial({**plan, "selected": "tanh"}, records).trial["label"] == "tanh"


def test_a_trial_with_diverged_runs_is_not_chosen_for_its_lucky_ones():
    records = [
        *runs("base", [0.8] * 5),
        *runs("tanh", [0.95] * 5, status={1: "diverged", 2: "diverged"}),
    ]
    assert best_trial(one_at_a_time(), records).trial["label"] == "base"
    assert best_trial(one_at_a_time(), records[5:]).trial["label"] == "tanh"
    assert best_trial(one_at_a_time(), []) is None


def test_a_metric_without_a_direction_is_different_never_better_or_worse():
    plan, noise = one_at_a_time(), NOISE
    records = [
        Record(f"{trial}-{seed}", trial, seed, "finished", {}, {},
               {"test_error_of_mine": mean + float(noise[seed] * (trial == "tanh")),
                "val_error_of_mine": mean})
        for trial, mean in (("base", 0.9), ("tanh", 0.5), ("he", 0.9)) for seed in SEEDS
    ]  # fmt: skip
    found = effects(plan, records, "test_error_of_mine")
    assert [e.verdict for e in found] == ["different", "no significant difference"]
    assert np.isnan(found[0].comparison.p_better.value)
    assert effect_sentence(found[0]).startswith("tanh and relu differ (-0.4000, corrected 95 % CI ")
    assert factor_sentences(plan, found)[0]["verdict"] == "matters"
    assert primary_metric(plan, records) == "error_of_mine"
    assert best_trial(plan, records) is None
