"""Statistics over records: estimates, comparisons, effects and selection, without an engine."""

from __future__ import annotations

from assay.statistics.compare import (
    GAMMA,
    Comparison,
    compare,
    paired_t,
    share_interval,
    welch_t,
)
from assay.statistics.correction import ALPHA, holm, holm_confidence
from assay.statistics.divergence import compare_outcomes, outcomes
from assay.statistics.effects import (
    DIFFERENT,
    VERDICTS,
    Effect,
    LevelMean,
    by_trial,
    effects,
    judged,
    level_means,
    verdict_of,
)
from assay.statistics.estimates import (
    CONFIDENCE,
    Estimate,
    Interval,
    estimate,
    estimate_runs,
    mean_interval,
    t_interval,
)
from assay.statistics.images import image_interval
from assay.statistics.importances import METHODS, RESAMPLES, importances, optuna_trials
from assay.statistics.metrics import (
    METRICS,
    Metric,
    metric_of,
    metric_title,
    primary_metric,
    read_metrics,
    values_by_seed,
)
from assay.statistics.noise import NO_BAD_RUNS, BadRuns, bad_runs, find_bad_runs
from assay.statistics.power import (
    POWER,
    chance_to_show,
    detectable,
    repeats_needed,
    spread_of,
)
from assay.statistics.searches import (
    SearchTrial,
    best_so_far,
    different_trials,
    expected_best,
    finished_trials,
    search_trials,
)
from assay.statistics.selection import Best, best_run, best_trial, why_no_best
from assay.statistics.sentences import (
    effect_clause,
    effect_sentence,
    estimate_sentence,
    factor_name,
    factor_sentences,
    family_sentences,
    family_size,
    p_text,
)
from assay.statistics.sequential import look_levels, looks

__all__ = [
    "ALPHA",
    "CONFIDENCE",
    "DIFFERENT",
    "GAMMA",
    "METHODS",
    "RESAMPLES",
    "METRICS",
    "NO_BAD_RUNS",
    "POWER",
    "VERDICTS",
    "BadRuns",
    "Best",
    "Comparison",
    "Effect",
    "Estimate",
    "Interval",
    "LevelMean",
    "Metric",
    "SearchTrial",
    "bad_runs",
    "best_run",
    "best_so_far",
    "best_trial",
    "by_trial",
    "chance_to_show",
    "compare",
    "compare_outcomes",
    "detectable",
    "different_trials",
    "effect_clause",
    "effect_sentence",
    "effects",
    "estimate",
    "estimate_runs",
    "estimate_sentence",
    "expected_best",
    "factor_name",
    "factor_sentences",
    "family_sentences",
    "family_size",
    "find_bad_runs",
    "finished_trials",
    "holm",
    "holm_confidence",
    "image_interval",
    "importances",
    "judged",
    "level_means",
    "look_levels",
    "looks",
    "mean_interval",
    "metric_of",
    "metric_title",
    "optuna_trials",
    "outcomes",
    "p_text",
    "paired_t",
    "primary_metric",
    "read_metrics",
    "repeats_needed",
    "search_trials",
    "share_interval",
    "spread_of",
    "t_interval",
    "values_by_seed",
    "verdict_of",
    "welch_t",
    "why_no_best",
]
