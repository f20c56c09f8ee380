"""Every figure of a study by name, for papers, pages and slides."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import partial

from assay.core.plans import PlanData
from assay.core.records import Record
from assay.reports import predictions, views
from assay.reports.class_figures import calibration_plot, class_plot
from assay.reports.closer import MAX_CLASSES, confusion_plot
from assay.reports.drawing import Plot
from assay.reports.picture_figures import mistake_plot
from assay.reports.registered import sections_of
from assay.reports.search_sections import search_section
from assay.reports.sections import (
    curves_plot,
    effects_plot,
    runs_plot,
)
from assay.reports.time_figures import time_plot
from assay.statistics import by_trial

__all__ = ["gallery"]

Maker = Callable[[], Iterable[Plot | None]]


def gallery(
    plan: PlanData,
    records: Sequence[Record],
    lookup: predictions.DatasetOf,
    tried: Sequence[Record] = (),
    names: Collection[str] | None = None,
) -> list[Plot]:
    """Return the figures that apply to a study, in the order of a paper.

    Args:
        plan: with trials labelled by their names (`assay.reports.names.named`).
        names: only those with these names; None for all.
    """
    from assay.statistics import effects, primary_metric

    metric = f"test_{primary_metric(plan, records)}"
    found: list[Plot] = []
    wanted = None if names is None else set(names)
    makers: list[Maker] = [
        lambda: [effects_plot(plan, metric, effects(plan, records, metric))],
        lambda: [runs_plot(plan, records, metric), curves_plot(plan, records, short=True)],
        partial(_closer, plan, records, lookup),
        lambda: [class_plot(plan, records, lookup), calibration_plot(plan, records)],
        lambda: [time_plot(plan, records)],
        lambda: found["figures"] if (found := search_section(plan, tried)) else [],
        partial(_sections, plan, records, lookup),
    ]
    for make in makers:
        if wanted is not None and wanted <= {plot.name for plot in found}:
            break
        found += [p for p in make() if p is not None and (wanted is None or p.name in wanted)]
    return found


def _closer(
    plan: PlanData, records: Sequence[Record], lookup: predictions.DatasetOf
) -> Iterator[Plot | None]:
    """Return the headline trials' confusion matrices in one figure, and the best one's mistakes."""
    runs = by_trial(records)
    shown = []
    for trial in views.headline_trials(plan, records):
        mine = runs[trial["trial_id"]]
        matrix = predictions.confusion(mine)
        if matrix is not None and len(matrix["counts"]) <= MAX_CLASSES:
            spec = trial.get("config", {}).get("dataset") or {}
            names = predictions.class_names(spec, lookup(spec), len(matrix["counts"]))
            shown.append((trial, mine, matrix, names))
    single = [
        confusion_plot(i, trial, matrix, names) for i, (trial, _, matrix, names) in enumerate(shown)
    ]
    if single:
        yield _together(single, [trial["label"] for trial, *_ in shown])
    for trial, mine, _, names in shown[:1]:
        yield mistake_plot(plan, str(trial["label"]), mine, lookup, names)


def _together(single: Sequence[Plot], labels: Sequence[str]) -> Plot:
    if len(single) == 1:
        first = single[0]
        return Plot("confusion", first.title, first.alt, first.caption, first.draws, True, 5)
    places = "; ".join(f"({'abcdefgh'[i]}) {label}" for i, label in enumerate(labels))
    return Plot(
        "confusion",
        "Confusion matrices",
        " ".join(plot.alt for plot in single),
        f"{places}. {single[0].caption}",
        tuple(draw for plot in single for draw in plot.draws),
        small=True,
        lesser=5,
    )


def _sections(
    plan: PlanData, records: Sequence[Record], lookup: predictions.DatasetOf
) -> Iterator[Plot]:
    """Yield the figures of sections that subjects and plugins registered."""
    for _, section in sections_of(plan):
        data = section.view(plan, records, lookup)
        if isinstance(data, Mapping):
            yield from (value for value in data.values() if isinstance(value, Plot))
