"""`assay verdict`: trains pairs of runs until it is decided whether A is better than B."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter
from cyclopts.validators import Number

from assay.apps.cli import console
from assay.apps.cli.options import Json, MachineOptions, Places, StudyName, StudyOptions
from assay.apps.cli.progress import display

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from assay.apps.verdicts import Verdict
    from assay.core.records import Record
    from assay.studies.scales import StudyChanges
    from assay.studies.study import Study

__all__ = ["verdict"]

STATUS = {"better": 0, "not better": 1, "undecided": 3}

Pairs = Annotated[int, Parameter(validator=Number(gte=2, lte=10_000))]
AtLeast = Annotated[float, Parameter(validator=Number(gte=-1e9, lte=1e9))]


def verdict(
    a: StudyName,
    b: StudyName,
    /,
    *,
    at_least: AtLeast = 0.0,
    max_repeats: Pairs = 30,
    json: Json = False,
    options: StudyOptions | None = None,
    places: Places | None = None,
    where: MachineOptions | None = None,
) -> int:
    """Train A and B with equal seeds until it is decided whether A is better.

    The comparison uses the validation images, so that a recipe can be changed step by step. The
    test is repeated after 4, 5, 6, 8, ... pairs, with bounds that correct for this: the probability
    of calling A better by mistake, or not better by mistake, is at most 1 in 40 each. A run that
    diverged counts as the worst.

    Exit status: 0 better, 1 not better, 3 undecided after --max-repeats pairs; 2 wrong input.

    Args:
        a: A study (its only trial or its baseline), a YAML file, or STUDY:LABEL.
        b: The other one.
        at_least: How much better it must be, in points for accuracy.
        max_repeats: Maximum number of pairs of runs.
    """
    from assay.apps.api import train
    from assay.apps.results import Results
    from assay.apps.verdicts import decide, paired_plan
    from assay.core.errors import ConfigError
    from assay.execution.stop import interrupts
    from assay.reports.protocol import tuned_note

    options, places = options or StudyOptions(), places or Places()
    if options.repeats is not None:
        raise ConfigError(
            f"--repeats {options.repeats}: a verdict trains as many pairs as it needs; expected "
            "--max-repeats"
        )
    store, data = places.store_path, places.data_path
    changes: StudyChanges = {"data_dir": data, "store": store, **options.changes()}
    like, labels, trials = _sides((a, b), changes)
    first, machine = like.seeds[0], (where or MachineOptions()).of(b)

    def more(n: int) -> Sequence[Record]:
        if stopped():  # after the last run of the look before
            raise KeyboardInterrupt
        name, question = f"verdict-{like.name}", f"Is {labels[0]} better than {labels[1]}?"
        plan = paired_plan(like, name, question, trials, range(first, first + n))
        with display() as shown:
            train(plan, store, data_dir=data, machine=machine, on_event=shown)
        return Results(store, plan.to_json(), data).records(arrays=False)

    plan = paired_plan(like, "verdict", "", trials, [first])
    sides = (plan.trials[0].id, plan.trials[1].id)
    with interrupts() as stopped:
        said = decide(more, sides, like.judging.objective, at_least=at_least, most=max_repeats)
    _tell(said, labels, json, tuned_note(plan.to_json()))
    return STATUS[said.verdict]


def _sides(
    names: tuple[str, str], changes: StudyChanges
) -> tuple[Study, list[str], dict[str, dict[str, Any]]]:
    """Return the study of B, the labels of A and B, and their configurations by label."""
    from assay.apps.verdicts import study_of, trial_of
    from assay.core.errors import ConfigError

    studies = [study_of(name, **changes) for name in names]
    found = [trial_of(study, name) for study, name in zip(studies, names, strict=True)]
    judged = [study.judging.objective for study in studies]
    if judged[0] != judged[1] or not judged[0]:
        said = " and ".join(repr(name or "nothing in common") for name in judged)
        raise ConfigError(f"A and B are evaluated by {said}: they cannot be compared")
    labels = [f"{s.name}: {label}" for s, (label, _) in zip(studies, found, strict=True)]
    _check_images(labels, [config["dataset"] for _, config in found])
    called = "AB" if labels[0] == labels[1] else labels
    trials = {label: config for label, (_, config) in zip(called, found, strict=True)}
    return studies[1], labels, trials


def _check_images(labels: Sequence[str], datasets: Sequence[Mapping[str, Any]]) -> None:
    """Raise ConfigError if the validation images cannot decide between A and B."""
    from assay.core.errors import ConfigError

    for label, dataset in zip(labels, datasets, strict=True):
        if dataset.get("refit"):
            raise ConfigError(
                f"{label} trains on its validation images (dataset.refit), which decide a verdict"
            )
    tested = [bool(dataset.get("validate_on_test")) for dataset in datasets]
    if tested[0] != tested[1]:
        raise ConfigError(
            f"{labels[tested.index(True)]} is validated on the test images "
            f"(dataset.validate_on_test), {labels[tested.index(False)]} is not: values on other "
            "images cannot be compared"
        )


def _tell(said: Verdict, labels: Sequence[str], json: bool, tuned: str = "") -> None:
    from assay.reports.flat import flat
    from assay.statistics import difference_digits, metric_of, metric_title

    known, c = metric_of(said.metric), said.comparison
    if json:
        numbers: dict[str, Any] = {k: v for k, v in asdict(said).items() if k != "comparison"}
        units = {"at_least_unit": known.difference_unit, "scale": known.scale}
        console.json(
            {
                **numbers,
                **units,
                "a": labels[0],
                "b": labels[1],
                **flat({"comparison": c}),
                "note": tuned,
            }
        )
        return
    digits = difference_digits(known, c)
    ends = f"{known.number(c.low, digits)} to {known.number(c.high, digits)}"
    more = f" by more than {said.at_least:g} {known.difference_unit}".rstrip() * (
        said.at_least != 0
    )
    is_ = {"better": "is better than", "not better": "is not better than"}
    verb = is_.get(said.verdict, "has not been shown to be better than, or not,")
    console.say(
        f"{labels[0]} {verb} {labels[1]}{more}: {known.signed(c.difference, digits)} in "
        f"{metric_title(said.metric)} ({100 * (1 - said.level):.1f} % CI {ends}, n = {c.n} pairs; "
        f"looked at {', '.join(map(str, said.looked))})"
    )
    if tuned:
        console.say(tuned)
    if said.bad_runs:
        console.say(
            f"{said.bad_runs} of these runs are far from the others. If only one side has such "
            "runs, verdicts about means are wrong more often than the level says (docs/guide.md, "
            "Statistics)."
        )
