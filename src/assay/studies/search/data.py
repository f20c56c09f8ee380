"""The images that a search validates and trains on: its folds, and those of the best at the end."""

from __future__ import annotations

from collections.abc import Iterable

from assay.core.config import Entry, Problems
from assay.core.records import Config, Spec
from assay.data import resolve
from assay.studies.search.search import Search

__all__ = ["check_data", "check_split", "folded", "refitted"]


def folded(dataset: Spec, folds: int | None) -> list[Spec]:
    """Return the datasets of a trial: one for each fold of a cross-validation."""
    if folds is None:
        return [dataset]
    spec = {**dataset, "validation": None, "folds": folds}
    return [resolve({**spec, "fold": fold}) for fold in range(folds)]


def check_split(folds: int | None, given: Entry, problems: Problems) -> None:
    """Report a split of the study's dataset that the folds of its search would replace.

    Args:
        given: `dataset:` as written.
    """
    if folds is None or not isinstance(given.value, dict):
        return
    for key in ("validation", "folds", "fold"):
        if given.value.get(key) is not None:
            problems.add(
                given[key].error(
                    f"dataset.{key} and search.folds cannot be combined, because each fold is the "
                    "validation images in turn; the best trials can have it: retrain: "
                    f"{{dataset.{key}: {given.value[key]}}}",
                    key=True,
                )
            )


def refitted(dataset: Spec) -> Spec:
    """Return the dataset whose validation images are trained on as well."""
    return resolve({**dataset, "refit": True})


def check_data(
    search: Search, points: Iterable[Config], last: Iterable[Config], problems: Problems
) -> None:
    """Report folds and refits that datasets cannot have, and validation images that cannot choose.

    Args:
        points: configurations of some points; last: of some best trials, to be trained again.
    """
    last = list(last)
    tried, again = ([config["dataset"] for config in configs] for configs in (points, last))
    with problems.collect(search.place("folds")):
        for dataset in tried:
            folded(dataset, search.folds)
    if search.refit:
        with problems.collect(search.place("refit")):
            for dataset in again:
                refitted(dataset)
        if any(config["training"].get("early_stopping") for config in last):
            said = "the best trials are trained on the validation images, by which "
            said += "training.early_stopping would stop them; leave out refit, or train them "
            said += "without it, retrain: {training.early_stopping: false}"
            problems.add(search.place("refit").error(said, key=True))
    instead = "search.refit: true trains the best trials on the validation images as well"
    for datasets, place in ((tried, search.entry), (again, search.place("retrain"))):
        if any(dataset.get("refit") for dataset in datasets):
            said = f"a search chooses by images that dataset.refit trains on; {instead}"
            problems.add(place.error(said, key=True))
            break
    if len({bool(dataset.get("validate_on_test")) for dataset in tried}) > 1:
        said = "it varies dataset.validate_on_test, but values on other images cannot be compared"
        problems.add(search.place("space").error(f"space: {said}", key=True))
