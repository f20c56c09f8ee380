"""`assay list` and `assay show`: list studies, and show one study or run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from assay.apps.cli import console
from assay.apps.cli.completion import course_names, stored_names, stored_runs, study_names
from assay.apps.cli.options import Json, Places, StudyOptions, is_study
from assay.apps.cli.progress import duration

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from assay.core.plans import PlanData
    from assay.core.records import Record
    from assay.core.store_plans import StoredStudy

__all__ = ["list_studies", "show"]

STORED = (
    "study", "question", "scale", "trials", "runs", "present", "diverged", "failed",
    "damaged", "command", "updated", "problem",
)  # fmt: skip
"""Keys of a study in JSON; null if the store does not have the value."""
RECORD = (
    "run_id", "trial_id", "seed", "status", "message", "config", "metrics", "timing", "provenance"
)  # fmt: skip
"""Keys of a run in JSON, with its curves."""


def list_studies(
    *,
    course: Annotated[
        list[str] | None,
        Parameter(consume_multiple=True, negative="", completer=course_names, show_default=False),
    ] = None,
    json: Json = False,
    places: Places | None = None,
) -> None:
    """List studies and their progress.

    Args:
        course: Only studies of this course, in its order; without a name, of every course.
    """
    from assay.studies.library import built_in, names

    rows = {row["study"]: row for row in _stored(places or Places())}
    if course is not None:
        _list_courses(course, rows, json)
        return
    if json:
        known = {name: {"study": name, "question": built_in(name).question} for name in names()}
        nothing = dict.fromkeys(STORED)
        console.json(
            [
                {**nothing, **known.get(name, {}), **rows.get(name, {}), "built_in": name in known}
                for name in dict.fromkeys([*known, *rows])
            ]
        )
        return
    table = [(name, built_in(name).question, _state(rows.pop(name, None))) for name in names()]
    table += [(name, row["question"], _state(row)) for name, row in rows.items()]
    console.table(("study", "question", "runs in the store"), table, empty="no studies")


def _list_courses(wanted: list[str], rows: Mapping[str, Mapping[str, Any]], json: bool) -> None:
    """List the studies of courses, each with its question and progress."""
    from assay.studies.courses import COURSES
    from assay.studies.library import built_in

    courses = {name: COURSES[name] for name in wanted or COURSES}
    if json:
        console.json(
            [
                {
                    "course": name,
                    "title": course.title,
                    "page": course.page,
                    "studies": [
                        {"study": study, "question": built_in(study).question}
                        for study in course.here
                    ],
                }
                for name, course in courses.items()
            ]
        )
        return
    for name, course in courses.items():
        console.heading(f"{name}: {course.title}")
        console.say(f"the page that leads through it: {course.page}")
        table = [
            (i, study, built_in(study).question, _any_state(rows, study))
            for i, study in enumerate(course.here, 1)
        ]
        console.table((">", "study", "question", "runs in the store"), table)


def _stored(places: Places) -> list[StoredStudy]:
    from assay.core.store import Store

    if places.nothing_stored:
        return []
    with Store(places.store_path, create=False, read_only=True) as store:
        return store.studies()


def _state(row: Mapping[str, Any] | None) -> str:
    from assay.core.plans import changes_of

    if row is None:
        return ""
    if row["problem"]:
        study, at, scale = row["study"].partition("@")
        command = f"assay run {study}" + (f" --scale {scale}" if at else "")
        return f"its plan is damaged; `{command}` writes it again"
    kinds = ("diverged", "failed", "damaged")
    changes = "".join(f", {text}" for text in [changes_of(row["command"])] if text)
    wrong = "".join(f", {row[key]} {key}" for key in kinds if row[key])
    return f"{row['present']} of {row['runs']} ({row['scale']}{changes}{wrong})"


def _any_state(rows: Mapping[str, Mapping[str, Any]], study: str) -> str:
    """The state of a study, else that of each scale at which it was run; "" for none."""
    scales = [row for name, row in rows.items() if name.partition("@")[0] == study]
    return _state(rows.get(study)) or "; ".join(map(_state, scales))


def names(context: object = None) -> Iterable[str]:
    """Completer: built-in studies, files in this folder, and stored studies."""
    yield from dict.fromkeys([*study_names(context), *stored_names(context)])


def showable(context: object = None) -> Iterable[str]:
    """Completer: studies and runs."""
    yield from dict.fromkeys([*names(context), *stored_runs(context)])


def show(
    name: Annotated[str, Parameter(completer=showable)],
    /,
    *,
    json: Json = False,
    options: StudyOptions | None = None,
    places: Places | None = None,
) -> None:
    """Show a study or a run.

    Shows the question and trials of a study, or the metrics and provenance of a run.

    Args:
        name: A study, a YAML file, or a run of the store (any unambiguous start of its name).
            Options change built-in studies and files; what is stored is shown as it is.
    """
    from assay.apps.finding import find_stored
    from assay.core.store import Store

    options, places = options or StudyOptions(), places or Places()
    if is_study(name) or places.nothing_stored:
        _show_study(name, options, places, json)
        return
    if options.scale != "full" and "@" not in name:
        name = f"{name}@{options.scale}"
    with Store(places.store_path, create=False, read_only=True) as store:
        found = find_stored(store, name, others=study_names())
        kind = "run" if found.run else "study"
        options.refuse(
            f"{name} is a {kind} of the store, shown as it was planned; expected a built-in "
            "study or a YAML file beside these options"
        )
        if found.run:
            _show_run(store.record(found.run), json)
            return
        row = next(row for row in store.studies() if row["study"] == found.plan["study"])
        _show_plan(found.plan, row, json)


def _show_study(name: str, options: StudyOptions, places: Places, json: bool) -> None:
    from assay.apps.api import plan_of
    from assay.core.store import Store
    from assay.studies.library import built_in, is_built_in

    plan = plan_of(name, data_dir=places.data_path, store=places.store_path, **options.changes())
    rows = {row["study"]: row for row in _stored(places)}
    row, others = rows.get(plan.name), _any_state(rows, plan.study.name)
    if row is not None and plan.study.search is None:  # the stored plan may have other runs
        with Store(places.store_path, create=False, read_only=True) as store:
            row = {**row, **store.progress(plan.to_json())}
    if json:
        _show_plan(plan.to_json(), row, json)
        return
    if is_built_in(name) and built_in(name).header:
        console.heading(name)
        console.say(built_in(name).header)
    if plan.study.search is not None:
        from assay.apps.cli.search import show_space

        show_space(plan)  # type: ignore[arg-type]
        return
    _show_plan(plan.to_json(), row, others=f"none at this scale; {others}" if others else "none")


def _show_plan(
    plan: PlanData, row: Mapping[str, Any] | None, json: bool = False, others: str = "none"
) -> None:
    """Show a study's plan and its progress (a row of `Store.studies`), else what `others` says."""
    from assay.core.plans import compared, planned_runs

    if json:
        stored = None if row is None else {name: row[name] for name in STORED[4:]}
        console.json({**plan, "stored": stored})
        return
    console.heading(f"{plan['study']}: {plan['question']}".rstrip(": "))
    last = row["command"] if row else ""
    console.fields(
        {
            "design": plan["design"],
            "scale": plan["scale"],
            "runs": len(planned_runs(plan)),
            "in the store": _state(row and {**row, "command": ""}) or others,
            "comparisons": len(compared(plan)),
            "command": plan["command"],
            **({"results are of": last} if last not in ("", plan["command"]) else {}),
        }
    )
    trials = plan["trials"]
    known = [(str(trial["label"]), trial["levels"]) for trial in trials]
    factors = telling(plan["factors"], known)
    rows = [
        (trial["label"], *(trial["levels"].get(f, "") for f in factors), trial["trial_id"])
        for trial in trials
    ]
    console.say()
    console.table(("trial", *factors, "identity"), rows)


def telling(
    factors: Iterable[str], trials: Sequence[tuple[str, Mapping[str, object]]]
) -> list[str]:
    """Return the factors whose levels say more than the labels: not those of named trials.

    Args:
        trials: label and levels of each trial.
    """
    return [name for name in factors if any(levels.get(name) != label for label, levels in trials)]


def _show_run(record: Record, json: bool) -> None:
    from assay.apps.comparing import flatten

    if json:
        said = {name: getattr(record, name) for name in RECORD}
        curves = {name: [float(v) for v in values] for name, values in record.curves.items()}
        console.json({**said, "curves": curves})
        return

    console.heading(f"run {record.run_id}: {record.status}")
    if record.message:
        console.say(record.message)
    for title, values in (
        ("configuration", record.config),
        ("metrics", record.metrics),
        ("timing", record.timing),
        ("provenance", record.provenance),
    ):
        console.heading(title)
        console.fields({k: _value(k, v) for k, v in flatten(values) if v is not None})


def _value(name: str, value: Any) -> str:
    if name == "process":  # an identity, no quantity
        return str(value)
    if name in ("train", "evaluate", "prepare", "shared") and isinstance(value, (int, float)):
        return duration(value)
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.6g}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
