"""Checks of a search that need the whole study, before training."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from assay.core.config import Problems
from assay.core.errors import did_you_mean
from assay.core.records import Config
from assay.core.seeds import stream
from assay.studies.design import MAX_RUNS
from assay.studies.judging import check_objective
from assay.studies.search.data import check_data
from assay.studies.search.samplers.sampler import SAMPLERS
from assay.studies.search.search import Configure, Search
from assay.studies.search.space import TRIES, NoPoint, Values, first_allowed
from assay.studies.settings import nearest_setting
from assay.tasks.task import Task, find_task

__all__ = ["checked"]

MAX_POINTS = 10_000
"""Maximum number of points of a grid."""

_CHOICES = 60
"""Maximum number of choices of one parameter to check; others are only read when proposed."""

_POINTS = 5
"""A bound is reported as impossible only if it fails at this many points."""


def checked(search: Search, configure: Configure, seed: int) -> Search:
    """Return the search, completed with values that depend on the rest of the study.

    Every parameter is tried at its bounds, so that choices that cannot be trained are reported now.

    Raises:
        ConfigError: the search has errors; the message lists all with their places.
    """
    search, problems = replace(search, configure=configure), Problems()
    pairs = _samples(search, seed, problems)
    problems.raise_if_any()
    _check_used(search, problems)
    samples, last = map(list, zip(*pairs, strict=True))
    check_data(search, samples, last, problems)
    first = samples[0]
    task = find_task(first["task"])
    with problems.collect(search.place("objective")):
        name, higher = _objective(search, task)
        search = replace(search, objective=name, higher_is_better=higher)
    with problems.collect(search.place("sampler")):
        _check_sampler(search)
    with problems.collect(search.place("sampler")):
        _check_trials(search)
        search = _with_brackets(search, samples)
        _check_runs(search)
    problems.raise_if_any()
    points = search.space.size()
    return replace(search, samples=tuple(samples), points=points)


_Pair = tuple[Config, Config]
"""See `Search.configs`."""


def _samples(search: Search, seed: int, problems: Problems) -> list[_Pair]:
    """Return configurations with every parameter at its bounds; errors are added to the problems.

    A point may be impossible because of a combination of values (for example too many pools for the
    image); a bound is only wrong if it fails in several points.
    """
    rng = stream(seed, "search", "checks")
    pairs: list[_Pair] = []
    with problems.collect(search.place("constraints")):
        first_allowed(search.space, rng, {})
    if problems:
        return []
    for parameter in search.space.parameters:
        ends = [{parameter.name: end} for end in parameter.ends()[:_CHOICES]]
        tried = [_try(search, rng, fixed) for fixed in ends]
        if not any(made or wrong for made, wrong in tried):  # it may be active between the ends
            tried = [_try(search, rng, {parameter.name: None})]
        if not any(made or wrong for made, wrong in tried):
            said = f"{parameter.name} is never active: none of {TRIES} points reaches it"
            problems.add(parameter.entry.error(said, key=True))
        for made, wrong in tried:
            pairs += made
            if not made:
                problems.extend(wrong)
    return pairs


def _check_used(search: Search, problems: Problems) -> None:
    """Report parameters on which no setting depends, such as mistyped ones."""
    space = search.space
    named = [*space.constraints, *(derived.expression for derived in search.derived)]
    named += [p.when for p in space.parameters if p.when is not None]
    used = frozenset[str]().union(*(expression.names for expression in named))
    for parameter in space.parameters:
        acts = "." in parameter.name or any(level.settings for level in parameter.levels)
        if not acts and parameter.name not in used:
            hint = did_you_mean(nearest_setting(parameter.name))
            said = f"{parameter.name} has no effect: it is not a setting, and no set, when or "
            said = f"{said}constraint mentions it{hint}"
            problems.add(parameter.entry.error(said, key=True))


def _try(search: Search, rng: np.random.Generator, fixed: Values) -> tuple[list[_Pair], Problems]:
    """Return the configurations of a point with these values (see `first_allowed`), or the errors
    of a few points."""
    wrong = Problems()
    for _ in range(_POINTS):
        try:
            values = first_allowed(search.space, rng, fixed)
        except NoPoint:  # constraints or conditions exclude this bound
            break
        wrong = Problems()
        with wrong.collect(search.entry):
            return [search.configs(values)], wrong
    return [], wrong


def _objective(search: Search, task: Task) -> tuple[str, bool]:
    """Return the objective and its direction."""
    name, place = search.objective or task.monitor, search.place("objective")
    return name, check_objective(place, name, task, "a search never reads the test images")


def _check_sampler(search: Search) -> None:
    kind, space = SAMPLERS[search.sampler], search.space
    always = [p for p in space.parameters if p.kind != "choice" and p.when is None]
    if len(always) < kind.numbers:
        some = "no number" if not always else f"only {always[0].name}"
        need = "a number" if kind.numbers == 1 else f"{kind.numbers} numbers"
        raise search.place("sampler").error(
            f"sampler {search.sampler} needs {need} (int or float) unconditional, this space has "
            f"{some}; use tpe, random or grid"
        )
    if kind.finite:
        next(space.points(), None)  # the error names the infinite parameter
        size = space.size()
        if search.trials is None and (size is None or size > MAX_POINTS):
            many = "too many points to count" if size is None else f"{size:,} points"
            said = f"the grid has {many}, at most {MAX_POINTS:,} can be trained"
            raise search.place("space").error(f"{said}; use random, or trials: 100")


def _check_trials(search: Search) -> None:
    """Check that the number of trials is given if and only if it is needed."""
    halving = search.halving
    if search.trials is None and search.sampler != "grid":
        if halving is None or halving.name == "successive_halving":
            name = halving.name if halving else search.sampler
            said = f"search with sampler {name} needs its number of trials: trials: 50"
            raise search.entry.error(said, key=True)
    elif halving is not None and halving.name != "successive_halving":
        raise search.place("trials").error(
            f"{halving.name} has as many trials as its brackets need, trials: cannot be set; "
            "set rounds, min_epochs or training.epochs",
            key=True,
        )
    if halving is not None and search.batch is not None:
        said = f"{halving.name} proposes one bracket at a time, batch: cannot be set"
        raise search.place("batch").error(said, key=True)


def _check_runs(search: Search) -> None:
    """Refuse too many runs; those of a grid are counted elsewhere."""
    rungs = sum(rung.trials for bracket in search.brackets for rung in bracket.rungs)
    trials, each = rungs or search.trials or 0, search.repeats * (search.folds or 1)
    if trials * each > MAX_RUNS:
        said = f"{trials:,} trials{' and rungs' if rungs else ''}, {each:,} runs each"
        raise search.entry.error(f"{said}, are more than {MAX_RUNS:,} runs", key=True)


def _with_brackets(search: Search, samples: list[Config]) -> Search:
    halving, place = search.halving, search.place("sampler")
    if halving is None:
        return search
    recipes = [config["training"] for config in samples]
    if not all(recipes):
        raise place.error(
            f"{halving.name} stops trials after epochs, and scikit-learn's estimators train "
            "without epochs; use tpe, random, qmc or grid"
        )
    for key in ("steps", "evaluate_every", "stop_after"):
        if any(recipe.get(key) for recipe in recipes):
            said = f"{halving.name} counts epochs and stops trials itself: training.{key} cannot"
            raise place.error(f"{said} be set")
    budgets = {recipe["epochs"] for recipe in recipes}
    if len(budgets) > 1:
        raise place.error(f"{halving.name} controls the epochs, so the space cannot vary them")
    epochs = budgets.pop()
    if halving.min_epochs > epochs:
        said = f"min_epochs: {halving.min_epochs} is more than training.epochs: {epochs}"
        raise place.error(said)
    return replace(search, brackets=tuple(halving.brackets(epochs, search.trials)))
