"""`assay search`: shows the space of a search, or its best trials."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from assay.apps.cli import console
from assay.apps.cli.options import Json, Places, StudyOptions
from assay.apps.cli.progress import estimated
from assay.apps.cli.studies import names

if TYPE_CHECKING:
    from assay.studies.search.plan import SearchPlan

__all__ = ["preview", "search", "show_brackets", "show_space"]

ROWS = 20
SAMPLE = 24
"""Number of points from which the mean cost is estimated."""


def search(
    study: Annotated[str, Parameter(completer=names)],
    /,
    *,
    summary: Annotated[bool, Parameter(negative="", show_default=False)] = False,
    json: Json = False,
    options: StudyOptions | None = None,
    places: Places | None = None,
) -> None:
    """Show what a search tried, or its space.

    Args:
        study: A study with a search: a built-in one, a YAML file, or one of the store.
        summary: Show the space, the sampler and the brackets instead; nothing needs to have run.
    """
    places = places or Places()
    if summary:
        plan = _plan(study, options or StudyOptions(), places)
        if json:
            console.json(plan.to_json())
        else:
            show_space(plan)
        return
    from assay.apps.cli.results import show_table, stored_results

    options = options or StudyOptions()
    options.refuse("these change the space (--summary), not the trials that the store holds")
    scale = options.scale if options.scale != "full" else None
    found = stored_results(study, places, scale)
    if json:
        console.json_text(found.search_table().to_json())
        return
    table = found.search_table(ROWS)
    console.heading(table.title)
    show_table(table)
    console.say()
    console.points(found.search_sentences())


def _plan(study: str, options: StudyOptions, places: Places) -> SearchPlan:
    """Return the plan of a study with a search."""
    from assay.apps.api import plan_of
    from assay.core.errors import ConfigError
    from assay.studies.search.plan import SearchPlan

    plan = plan_of(study, data_dir=places.data_path, **options.changes())
    if not isinstance(plan, SearchPlan):
        count = len(plan.study.trials)
        raise ConfigError(
            f"study {plan.study.name!r} has no search; "
            f"`assay show {shlex.quote(study)}` lists its {count} trials"
        )
    return plan


def show_space(plan: SearchPlan) -> None:
    """Print names, kinds, ranges, steps and defaults, the number of points, and the brackets."""
    from assay.reports.search_views import values_text

    data = plan.to_json()
    console.heading(f"{plan.study.name} ({plan.study.scale}): {plan.study.question}".rstrip(": "))
    rows = [
        (
            p["name"],
            p["kind"],
            values_text(p),
            f"{p['step']:g}" if p.get("step") and not p["log"] else "",
            _default(plan.study.written, p["name"]),
            p.get("when", ""),
        )
        for p in data["search"]["space"]
    ]
    console.table(("parameter", "kind", "values", "step", "default", "when"), rows)
    console.say()
    console.fields(_facts(plan, data))
    if plan.search.brackets:
        show_brackets(plan)


def show_brackets(plan: SearchPlan) -> None:
    """Print how trials are stopped, one line for each bracket."""
    from assay.reports.search_sections import bracket_rows

    halving, brackets = plan.search.halving, plan.search.brackets
    assert halving is not None
    longest = max(rung.epochs for bracket in brackets for rung in bracket.rungs)
    console.heading(
        f"{halving.name}: eta {halving.eta}, from {halving.min_epochs} to {longest} epochs"
    )
    console.points(bracket_rows(plan.to_json()))


def _facts(plan: SearchPlan, data: Any) -> dict[str, Any]:
    """Return the settings of a search other than its space."""
    from assay.reports.search_views import search_title
    from assay.studies.search.plan import planned_runs, planned_trials

    search, points, batch = plan.search, data["search"]["points"], data["search"]["batch"]
    asked = f"in batches of {batch}" if batch else "all at once"
    asked = "bracket by bracket" if search.brackets and batch else asked
    computed = [f"{'.'.join(map(str, d.path))} = {d.expression.text}" for d in search.derived]
    runs = search.repeats * (search.folds or 1)
    changes = [f"{name} = {value}" for name, value in data["search"]["retrain"].items()]
    retrained = f", with {', '.join(changes)}" if changes else ""
    return {
        "points": "infinite, or too many to count" if points is None else f"{points:,}",
        "constraints": "; ".join(data["search"]["constraints"]) or "none",
        "computed": "; ".join(computed) or "nothing",
        "sampler": f"{search_title(data)}, {asked}",
        "objective": f"{search.objective}, {'highest' if search.higher_is_better else 'lowest'}",
        "trials": planned_trials(search),
        "runs of each": f"{runs} ({search.folds} folds)" if search.folds else runs,
        "trained again": f"the best {search.best}, {len(plan.study.seeds)} times each{retrained}",
        "runs at most": planned_runs(plan.study),
    }


def _default(written: Any, name: str) -> str:
    """Return the study's own value of the setting that a parameter changes."""
    from assay.studies.factors import label_of

    value = written
    for part in name.split("."):
        if isinstance(value, dict) and part in value:
            value = value[part]
        elif isinstance(value, list) and part.isdigit() and int(part) < len(value):
            value = value[int(part)]
        elif part not in ("units", "filters") or isinstance(value, (dict, list)):
            return "-"
    return label_of(value)


def preview(plan: SearchPlan, places: Places, workers: int | None = None) -> None:
    """Print the space and what the search will cost."""
    from contextlib import suppress

    from assay.core.errors import AssayError
    from assay.core.records import run_config
    from assay.core.seeds import stream
    from assay.studies.estimate import estimate_configs
    from assay.studies.search.plan import planned_runs, planned_trials, rung_configs
    from assay.studies.search.space import first_allowed
    from assay.studies.speed import busy_text

    show_space(plan)
    study, search = plan.study, plan.search
    rng = stream(study.seeds[0], "search", "preview")
    configs, again = list(search.samples[:4]), []
    for _ in range(SAMPLE):
        with suppress(AssayError):  # the search skips impossible points as well
            point = first_allowed(search.space, rng, {})
            config, last = search.configs(point)
            configs.append(config)
            again.append(last)
    runs = [rung_configs(study, config, None)[0] for config in configs]
    cost = estimate_configs(runs, len(runs), places.data_path, workers=workers)
    each = search.repeats * (search.folds or 1)
    whole = float(planned_trials(search))
    if search.brackets:  # a trial that stops early costs a fraction of a complete one
        epochs = configs[0]["training"]["epochs"]
        whole = sum(bracket.epochs for bracket in search.brackets) / epochs
    images, seconds = (whole * each / len(runs) * x for x in (cost.images, cost.seconds))
    if again:
        last = [run_config(config, study.seeds[0]) for config in again]
        best = estimate_configs(last, len(last), places.data_path, cost.gflops, workers)
        times = search.best * len(study.seeds) / len(last)
        images, seconds = images + times * best.images, seconds + times * best.seconds
    console.heading("cost")
    console.fields(
        {
            "parameters": f"{cost.parameters[0]:,} to {cost.parameters[1]:,}",
            "MACs an image": f"{cost.macs[0]:,} to {cost.macs[1]:,}",
            "images to see": f"about {images:,.0f}, in {planned_runs(study):,} runs",
            "time": f"{estimated(seconds)} (a rough estimate from {len(runs)} points"
            f"{busy_text(cost.busy)})",
        }
    )
