"""`assay power`: the difference that a study can detect, and the repeats that one needs."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Annotated, NotRequired, TypedDict

from cyclopts import Parameter
from cyclopts.validators import Number

from assay.apps.cli import console
from assay.apps.cli.options import Json, Places, StudyName, StudyOptions

if TYPE_CHECKING:
    from assay.studies.plan import Plan

__all__ = ["power", "power_of", "power_text"]

Positive = Annotated[float, Parameter(validator=Number(gt=0, lte=1e9))]
Share = Annotated[float, Parameter(validator=Number(gt=0, lt=1))]


def power(
    study: StudyName,
    /,
    *,
    difference: Positive | None = None,
    power: Share = 0.8,
    spread: Positive | None = None,
    json: Json = False,
    options: StudyOptions | None = None,
    places: Places | None = None,
) -> None:
    """Show which difference a study can detect, and how many repeats a difference needs.

    The spread of the paired differences is estimated from the runs in the store. The level is
    0.05 divided by the number of comparisons, as in the first step of Holm's correction.

    Args:
        study: A built-in study (see `assay list`) or a YAML file.
        difference: The difference to detect, in points for accuracy.
        power: Probability of detecting it.
        spread: Standard deviation of the paired differences, if no runs are stored.
    """
    from assay.apps.api import plan_of
    from assay.core.errors import ConfigError
    from assay.statistics import metric_of, repeats_needed

    options, places = options or StudyOptions(), places or Places()
    plan = plan_of(study, data_dir=places.data_path, **options.changes())
    found = power_of(plan, places, power, spread)
    if found["spread"] is None and difference is not None:
        raise ConfigError(
            f"power: no pairs of runs of {plan.study.name} are in the store, so their spread is "
            f"unknown; {_other_scales(plan, places)}train some "
            f"(`assay run {shlex.quote(study)} --repeats 3`) "
            "or name --spread"
        )
    if difference is not None and found["spread"] is not None:
        found["difference"] = difference
        left = max(difference - found["margin"], 0.0)
        found["repeats_needed"] = repeats_needed(left, found["spread"], found["level"], power)
    if json:
        console.json(found)
        return
    unit = metric_of(found["metric"]).difference_unit
    console.say(power_text(found, given=spread is not None))
    if difference is not None:
        needed = found.get("repeats_needed")
        many = "more than 10,000" if needed is None else f"{needed:,}"
        console.say(
            f"{f'{difference:g} {unit}'.rstrip()} are shown with {100 * power:g} % power by "
            f"{many} repeats of each trial."
        )


def _other_scales(plan: Plan, places: Places) -> str:
    """Say which other scales of a study the store has; "" for none."""
    from assay.core.store import Store

    if not places.is_store:
        return ""
    with Store(places.store_path, create=False, read_only=True) as store:
        split = [name.partition("@") for name in sorted(store.study_names())]
    name, _, mine = plan.name.partition("@")
    there = [scale or "full" for study, _, scale in split if study == name and scale != mine]
    return f"there are some with --scale {' or '.join(there)}; else " if there else ""


class PowerFound(TypedDict):
    """What repeats can show, see `power_of`; the last two for a difference that was asked for."""

    study: str
    metric: str
    repeats: int
    comparisons: int
    level: float
    power: float
    spread: float | None
    margin: float
    detectable: float
    difference: NotRequired[float]
    repeats_needed: NotRequired[int | None]


def power_of(
    plan: Plan, places: Places, power: float = 0.8, spread: float | None = None
) -> PowerFound:
    """Return what a plan's repeats can detect: {"study", "metric", "repeats", "comparisons",
    "level", "spread" (None if unknown), "margin" (the room for bad or skewed runs, which is part of
    "detectable"), "detectable" (in units of the spread if that is unknown), "power"}."""
    import numpy as np

    from assay.core.plans import compared, own_metrics
    from assay.core.store import Store
    from assay.statistics import ALPHA, detectable, effects, metric_of, primary_metric, spread_of

    data = plan.to_json()
    metric = f"test_{primary_metric(data, [])}"
    scale, margin = metric_of(metric).scale, 0.0
    if spread is None and places.is_store:
        with Store(places.store_path, create=False, read_only=True) as store:
            if plan.study.search and plan.name in store.study_names():
                data = store.plan(plan.name)  # which knows the best trials
            runs = [run for trial in data["trials"] for run in trial["runs"]]
            store.verify(runs)  # damaged runs count as missing
            read = store.records(sorted(store.present(runs)), arrays=False)
            records = own_metrics(data, read)
        pairs = effects(data, records, metric)
        seen = spread_of(pairs) * scale
        spread = seen if seen == seen else None  # NaN if there are no pairs
        margin = scale * float(np.median([e.comparison.margin for e in pairs] or [0.0]))
    comparisons = len(compared(data))
    if plan.study.search and not data["trials"]:  # the best trials are compared with the first
        comparisons = plan.study.search.best - 1
    level, repeats = ALPHA / max(comparisons, 1), len(plan.study.seeds)
    shown = detectable(repeats, 1.0 if spread is None else spread, level, power)
    return {
        "study": plan.study.name,
        "metric": metric,
        "repeats": repeats,
        "comparisons": comparisons,
        "level": level,
        "power": power,
        "spread": spread,
        "margin": margin,
        "detectable": margin + shown,
    }


def power_text(found: PowerFound, given: bool = False) -> str:
    """Describe the result of `power_of` in words; `given`: the spread is not that of the store."""
    from assay.statistics import metric_of

    n, m = found["repeats"], found["comparisons"]
    many = f"{n} repeat{'s' * (n > 1)} and {m or 'no'} comparison{'s' * (m > 1)}"
    if n < 2:
        return f"{many}: one repeat cannot show a difference."
    many += ":" if m else " of its own: against another study with as many repeats,"
    known, sure = metric_of(found["metric"]), f"{100 * found['power']:g} % power"
    if found["detectable"] == float("inf"):
        return f"{many} so few repeats cannot detect any difference with {sure}."
    if found["spread"] is None:
        return (
            f"{many} a difference of {found['detectable']:.1f} standard deviations of the paired "
            f"differences is detected with {sure}."
        )
    size, spread, margin = (
        f"{float(f'{found[name]:.2g}'):g} {known.difference_unit}".rstrip()
        for name in ("detectable", "spread", "margin")
    )
    low, high = known.bounds
    if found["detectable"] > known.scale * (high - low):
        said = f"even the largest possible difference is shown with less than {sure}"
    else:
        said = f"a difference of {size} is shown with {sure}"
    source = "as given" if given else "median of the comparisons in the store"
    room = f"; room for bad or skewed runs: {margin}" if found["margin"] else ""
    return f"{many} {said} (spread of the paired differences: {spread}, {source}{room})."
