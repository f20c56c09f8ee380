"""`assay run`: train what is missing of a study, then say what it found."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from assay.apps.cli import console
from assay.apps.cli.options import Backend, Labels, OutFile, Places, StudyName, StudyOptions
from assay.apps.cli.progress import display, duration

if TYPE_CHECKING:
    from assay.apps.results import Results
    from assay.execution.execute import Summary
    from assay.studies.plan import Plan

__all__ = ["run"]

SOME_FAILED = 1
BEST = 5
"""Rows of a search's table."""


def run(
    study: StudyName,
    /,
    *,
    options: StudyOptions | None = None,
    places: Places | None = None,
    device: str = "auto",
    backend: Backend | None = None,
    workers: int | None = None,
    report: OutFile | None = None,
    pretrain: Literal["rendered"] | None = None,
    only: Labels | None = None,
    dry_run: Annotated[bool, Parameter(negative="", show_default=False)] = False,
) -> int:
    """Train what is missing of a study, then report.

    Run the same command again after an interruption: it trains only what is missing.

    Args:
        study: A built-in study (see `assay list`) or a YAML file.
        device: auto, cpu, cuda, cuda:1 or mps.
        backend: Of the keras engine: tensorflow, jax or torch [KERAS_BACKEND, or tensorflow].
        workers: Jobs at the same time [one for each core].
        report: Where to write the report [STORE/reports/STUDY.html].
        pretrain: Of clocks: rendered starts every run from training on rendered clocks.
        only: Train only trials with this label or level (see `assay show STUDY`); may be repeated.
        dry_run: Only show trials, runs, cohorts, and what they will cost.
    """
    from assay.apps.api import plan_of, train
    from assay.apps.places import check_report
    from assay.apps.results import Results

    options, places = options or StudyOptions(), places or Places()
    if backend:
        from assay.engines.keras_engine.backend import choose_backend

        choose_backend(backend)
    if pretrain:
        options = replace(options, set=[*options.set, f"training.pretrain={pretrain}"])
    plan = plan_of(study, only=only or (), data_dir=places.data_path, **options.changes())
    if dry_run:
        _show_cost(plan, places)
        return 0
    if report:
        check_report(report)
    _announce(plan)
    with display() as shown:
        summary = train(
            plan,
            places.store_path,
            data_dir=places.data_path,
            device=device,
            workers=workers,
            on_event=shown,
        )
    results = Results(places.store_path, plan.to_json(), places.data_path)
    _tell(results, summary)
    console.say(f"\nreport: {results.report(report)}")
    return SOME_FAILED if summary.failed else 0


def _tell(results: Results, summary: Summary) -> None:
    """The table, the sentences and what this command did."""
    from assay.apps.cli.results import show_table

    if results.plan.get("question"):
        console.heading(str(results.plan["question"]))
    console.say()
    if results.plan.get("search"):
        show_table(results.search_table(BEST))
        console.say()
        console.points(results.search_sentences())
        console.heading("The best, trained again with other seeds")
    show_table(results.trials_table())
    sentences = results.sentences()
    if sentences:
        console.say()
        console.points(sentences)
    console.say()
    console.say(_account(summary))
    for reason, count in Counter(summary.failed.values()).items():
        console.error(f"{count} run{'' if count == 1 else 's'} failed: {reason}")


def _account(summary: Summary) -> str:
    if not summary.trained and not summary.failed and not summary.elsewhere:
        return f"all {summary.runs} runs were in the store already"
    parts = [f"trained {summary.trained} of {summary.runs} runs in {duration(summary.seconds)}"]
    parts.append(f"{summary.images_per_second:,.0f} images/s")
    for number, what in (
        (summary.present, "were in the store already"),
        (summary.elsewhere, "were trained by another command"),
        (len(summary.diverged), "diverged"),
        (len(summary.failed), "failed"),
    ):
        if number:
            parts.append(f"{number} {what}")
    return ", ".join(parts)


def _announce(plan: Plan) -> None:
    """Say before the start how a search will stop its trials."""
    from assay.studies.search.plan import SearchPlan

    if isinstance(plan, SearchPlan) and plan.search.brackets:
        from assay.apps.cli.search import show_brackets

        show_brackets(plan)


def _show_cost(plan: Plan, places: Places) -> None:
    from assay.studies.search.plan import SearchPlan

    if isinstance(plan, SearchPlan):
        from assay.apps.cli.search import preview

        preview(plan, places)
    else:
        _preview(plan, places)


def _preview(plan: Plan, places: Places) -> None:
    """Trials, runs, cohorts, parameters, and estimates of time and memory."""
    from assay.core.store import Store
    from assay.studies.estimate import estimate

    runs = plan.runs()
    stored = 0
    if places.store_path.exists():
        with Store(places.store_path, create=False, read_only=True) as store:
            store.verify(runs)
            stored = len(store.present(runs))
    console.heading(f"{plan.study.name} ({plan.study.scale}): {plan.study.question}".rstrip(": "))
    rows = [(t.label, *t.levels.values(), t.id) for t in plan.trials]
    console.table(("trial", *plan.study.factors, "identity"), rows)
    cost = estimate(plan, places.data_path)
    missing = len(runs) - stored
    share = missing / max(1, len(runs))
    console.say()
    console.fields(
        {
            "trials": cost.trials,
            "runs": f"{cost.runs}, {stored} of them in the store, {missing} to train",
            "cohorts": f"{cost.cohorts}, the largest of {cost.largest_cohort} runs",
            "parameters": _span(cost.parameters),
            "MACs an image": _span(cost.macs),
            "images to see": f"{cost.images * share:,.0f}",
            "time": f"about {duration(cost.seconds * share)} (a rough estimate)",
            "memory": f"about {cost.memory_bytes / 2**20:,.0f} MiB a worker (a rough estimate)",
        }
    )


def _span(ends: tuple[int, int]) -> str:
    low, high = ends
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"
