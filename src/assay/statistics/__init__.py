"""Statistics over records: estimates, comparisons, effects and selection; no engine needed."""

from __future__ import annotations

from assay.statistics.bootstrap import bootstrap_interval
from assay.statistics.compare import GAMMA, Comparison, compare, holm, paired_t, welch_t
from assay.statistics.effects import (
    ALPHA,
    DIFFERENT,
    Effect,
    LevelMean,
    by_trial,
    effects,
    level_means,
    verdict_of,
)
from assay.statistics.estimates import (
    CONFIDENCE,
    Estimate,
    estimate,
    estimate_runs,
    t_interval,
    values_by_seed,
)
from assay.statistics.importances import METHODS, importances, optuna_trials
from assay.statistics.metrics import (
    METRICS,
    Metric,
    metric_of,
    metric_title,
    primary_metric,
    read_metrics,
)
from assay.statistics.searches import (
    SearchTrial,
    best_so_far,
    expected_best,
    finished_trials,
    search_trials,
)
from assay.statistics.selection import Best, best_run, best_trial
from assay.statistics.sentences import (
    effect_sentence,
    estimate_sentence,
    factor_name,
    factor_sentences,
    p_text,
)

__all__ = [
    "ALPHA",
    "CONFIDENCE",
    "DIFFERENT",
    "GAMMA",
    "METHODS",
    "METRICS",
    "Best",
    "Comparison",
    "Effect",
    "Estimate",
    "LevelMean",
    "Metric",
    "SearchTrial",
    "best_run",
    "best_so_far",
    "best_trial",
    "bootstrap_interval",
    "by_trial",
    "compare",
    "effect_sentence",
    "effects",
    "estimate",
    "estimate_runs",
    "estimate_sentence",
    "expected_best",
    "factor_name",
    "factor_sentences",
    "finished_trials",
    "holm",
    "importances",
    "level_means",
    "metric_of",
    "metric_title",
    "optuna_trials",
    "p_text",
    "paired_t",
    "primary_metric",
    "read_metrics",
    "search_trials",
    "t_interval",
    "values_by_seed",
    "verdict_of",
    "welch_t",
]
