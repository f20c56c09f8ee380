"""`assay run`: trains the missing runs of a study, then shows the results."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from assay.apps.cli import console
from assay.apps.cli.nodes import show_place
from assay.apps.cli.options import (
    Backend,
    Labels,
    MachineOptions,
    OutFile,
    Places,
    StudyName,
    StudyOptions,
)
from assay.apps.cli.outcome import DONE, account, tell_fonts, verdict
from assay.apps.cli.progress import display, estimated, runs_text
from assay.apps.places import HTML, check_ending, check_report
from assay.core.errors import ConfigError, StudyInterrupted

if TYPE_CHECKING:
    from assay.apps.results import Results
    from assay.execution.execute import Summary
    from assay.execution.place import Machine
    from assay.studies.plan import Plan

__all__ = ["run", "tell", "train_shown"]

BEST = 5
"""Maximum number of rows in the table of a search."""


def run(
    study: StudyName,
    /,
    *,
    options: StudyOptions | None = None,
    places: Places | None = None,
    where: MachineOptions | None = None,
    backend: Backend | None = None,
    report: OutFile | None = None,
    pretrain: Literal["rendered"] | None = None,
    only: Labels | None = None,
    dry_run: Annotated[bool, Parameter(negative="", show_default=False)] = False,
) -> int:
    """Train the missing runs of a study, then write its report.

    Run the same command again after an interruption: it trains only what is missing.
    Ctrl-C saves a checkpoint of each run in training, then stops; a second one stops at once.

    Exit status: 0 done, even where some runs diverged; 1 a run failed, or every run diverged;
    2 wrong input; 130 interrupted by Ctrl-C, SIGTERM or SIGHUP.

    Args:
        study: A built-in study (see `assay list`) or a YAML file.
        backend: Backend of the keras engine: tensorflow (the default), jax or torch.
        report: Where to write the report [STORE/reports/STUDY.html].
        pretrain: Clock studies only: rendered pretrains every run on rendered clocks.
        only: Train only trials with this label or level (see `assay show STUDY`); may be repeated.
        dry_run: Show trials, runs, cohorts and their estimated cost; train nothing.
    """
    from assay.apps.api import plan_of

    options, places = options or StudyOptions(), places or Places()
    _choose(backend)
    if pretrain:
        options = options.and_set("--pretrain", "training.pretrain", pretrain)
    said = ["interrupted; run the same command again, which trains only what is missing"]
    with _interruptible(said):
        machine = (where or MachineOptions()).of(study)
        about: dict[str, Any] = {"data_dir": places.data_path, "device": machine.device or "auto"}
        about |= {"store": places.store_path, "only": only or ()}
        plan = plan_of(study, **about, **options.changes())
        _check_backend(backend, plan)
        _tell_replaced(plan, places)
        if dry_run:
            return _dry_run(plan, places, machine)
        if report:
            check_ending("--report", report, HTML)
            check_report(report)
        results, summary = train_shown(plan, places, machine)
        said[0] = "interrupted after training; run the same command again for table and report"
        tell(results, summary)
        path = results.report(report)  # reads the datasets
        for note in results.notes:
            console.say(f"data: {note}", style="dim")
        console.say(f"\nreport: {path}")
        tell_fonts(path)
        return verdict(results, plan.runs())


def _choose(backend: str | None) -> None:
    if backend:
        from assay.engines.keras_engine.backend import choose_backend

        choose_backend(backend)


def _tell_replaced(plan: Plan, places: Places) -> None:
    """Say that results and reports of this name will no longer be those of another command."""
    from assay.core.plans import takes_place
    from assay.core.store import Store

    if not places.is_store:
        return
    with Store(places.store_path, create=False, read_only=True) as store:
        before = store.plan_before(plan.name)
    if before and takes_place(plan.to_json(), before):
        console.remark(
            f"note: results and reports of {plan.name} will be those of this command; until now "
            f"they are of `{before.get('command', '')}`, which brings them back and trains nothing "
            "again (a copy of the study with another name keeps both)"
        )


def _check_backend(backend: str | None, plan: Plan) -> None:
    """Refuse a backend of Keras if no run trains with it."""
    search = plan.study.search
    configs = search.samples if search else plan.runs().values()
    engines = sorted({str(config["engine"]) for config in configs})
    if backend and "keras" not in engines:
        raise ConfigError(
            f"--backend {backend} is of engine keras, but {plan.name} trains with engine "
            f"{' and '.join(engines)}; add --engine keras, or leave it out"
        )


def train_shown(plan: Plan, places: Places, machine: Machine) -> tuple[Results, Summary]:
    """Train the missing runs with a progress display."""
    from assay.apps.api import train
    from assay.apps.results import Results

    _announce(plan)
    options: dict[str, Any] = {"data_dir": places.data_path, "machine": machine}
    with display() as shown:
        summary = train(plan, places.store_path, on_event=shown, **options)
    return Results(places.store_path, plan.to_json(), places.data_path), summary


@contextmanager
def _interruptible(said: Sequence[str]) -> Iterator[None]:
    """Print how to resume after Ctrl-C, SIGTERM or a closed terminal.

    Args:
        said: the text, which may change while this is active.
    """
    ours = []
    if threading.current_thread() is threading.main_thread():
        others = [getattr(signal, n) for n in ("SIGTERM", "SIGHUP") if hasattr(signal, n)]
        ours = [number for number in others if signal.getsignal(number) is signal.SIG_DFL]
    try:
        for number in ours:
            signal.signal(number, signal.default_int_handler)
        yield
    except StudyInterrupted:
        raise
    except KeyboardInterrupt:
        raise StudyInterrupted(said[0]) from None
    finally:
        for number in ours:
            signal.signal(number, signal.SIG_DFL)


def tell(results: Results, summary: Summary) -> None:
    """Print the table, the sentences and what this command did."""
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
    if (others := results.metrics_table()) is not None:
        console.heading(others.title)
        show_table(others)
    sentences = results.sentences()
    if sentences:
        console.say()
        console.points(sentences)
    console.say()
    console.say(account(summary))


def _announce(plan: Plan) -> None:
    """Print how a search will stop its trials."""
    from assay.studies.search.plan import SearchPlan

    if isinstance(plan, SearchPlan) and plan.search.brackets:
        from assay.apps.cli.search import show_brackets

        show_brackets(plan)


def _dry_run(plan: Plan, places: Places, machine: Machine) -> int:
    _show_cost(plan, places, machine)
    if machine.place.remote:
        show_place(machine, places, list(plan.runs().values()))
    return DONE


def _show_cost(plan: Plan, places: Places, machine: Machine) -> None:
    """Print what a plan will train and cost, once it is known that it can be trained."""
    from assay.apps.readiness import check_plan
    from assay.core.store import Store
    from assay.studies.search.plan import SearchPlan

    stored: set[str] = set()
    if places.is_store:
        with Store(places.store_path, create=False, read_only=True) as store:
            store.refuse_imported(plan.name)
            store.verify(plan.runs())
            stored = store.present(plan.runs())
    notes = check_plan(plan, places.data_path, machine, stored)
    if isinstance(plan, SearchPlan):
        from assay.apps.cli.search import preview

        preview(plan, places, machine.workers)
    else:
        _preview(plan, places, machine.workers)
    for note in notes:
        console.say(f"\n{note}")


def _preview(plan: Plan, places: Places, workers: int | None) -> None:
    """Print trials, runs, cohorts, parameters, and estimates of time and memory."""
    from assay.apps.cli.power import power_of, power_text
    from assay.apps.cli.studies import telling
    from assay.core.store import Store
    from assay.studies.estimate import estimate, estimate_configs
    from assay.studies.parts import of_earlier_versions
    from assay.studies.speed import busy_text

    runs = plan.runs()
    stored, older = set[str](), {}
    if places.is_store:
        with Store(places.store_path, create=False, read_only=True) as store:
            store.verify(runs)
            stored = set(store.present(runs))
            older = of_earlier_versions(runs, store.present, store.plan_before(plan.name))
    console.heading(f"{plan.study.name} ({plan.study.scale}): {plan.study.question}".rstrip(": "))
    factors = telling(plan.study.factors, [(t.label, t.levels) for t in plan.trials])
    rows = [(t.label, *(t.levels[name] for name in factors), t.id) for t in plan.trials]
    console.table(("trial", *factors, "identity"), rows)
    cost = estimate(plan, places.data_path, workers=workers)
    missing = [config for run, config in runs.items() if run not in stored]
    rest = None
    if missing:
        given = (cost.trials, places.data_path, cost.gflops, workers)
        rest = estimate_configs(missing, *given)
    before = "; ".join(f"{number}: {why}" for why, number in older.items())
    console.say()
    console.fields(
        {
            "trials": cost.trials,
            "runs": f"{cost.runs}, {len(stored)} of them in the store, {len(missing)} to train",
            **({"of an earlier version": before} if before else {}),
            "cohorts": f"{cost.cohorts}, the largest of {runs_text(cost.largest_cohort)}",
            "parameters": _span(cost.parameters),
            "MACs an image": _span(cost.macs),
            "images to see": f"{rest.images if rest else 0:,}",
            "time": f"{estimated(rest.seconds)} (a rough estimate{busy_text(cost.busy)})"
            if rest
            else "none: all runs are in the store",
            "power": power_text(power_of(plan, places)),
            "memory": f"about {cost.memory_bytes / 2**20:,.0f} MiB a worker (a rough estimate)",
        }
    )


def _span(ends: tuple[int, int]) -> str:
    low, high = ends
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"
