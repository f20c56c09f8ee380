"""Splits into training, validation and test images: stratified and seeded.

All splits are based on a *stratified order*: a random order of the images in which every contiguous
part contains the classes in nearly the same proportions as the whole (`stratified_order` says how
nearly, and for which classes it cannot). Validation is its beginning, a
training subset follows it, and a fold is a contiguous part. Of two training subsets with equal
`validation`, the smaller one is part of the larger one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from assay.core.errors import ConfigError
from assay.core.records import Spec
from assay.core.seeds import stream

__all__ = ["Sizes", "fifth", "hold_out", "parts", "sizes", "stratified_order"]

TEST_SHARE = 0.2
"""Share of the images of a set without a test part that is held out for testing."""


@dataclass(frozen=True)
class Sizes:
    """Number of images in each part."""

    train: int
    validation: int
    test: int


def stratified_order(strata: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return a random order of the positions of `strata` whose contiguous parts are stratified.

    The j-th of a class's n images (in random order) gets the position (j + 1/2) / n between 0 and
    1; ties between classes are broken at random. With K classes, the first m images then contain
    m * n / N images of each class within (1 + K * n / N) / 2, which is one for classes of equal
    size. If there are many classes of a few images beside large ones, their images have the same
    few places, so that a part may hold none of them and more of the large ones instead.

    Args:
        strata: integers (N,), the class of each image.
        rng: the random stream.

    Returns:
        int64 (N,), a permutation of 0..N-1.
    """
    shuffled = rng.permutation(len(strata))
    place = np.empty(len(strata))
    for stratum in np.unique(strata):
        where = np.flatnonzero(strata[shuffled] == stratum)
        place[where] = (np.arange(len(where)) + 0.5) / len(where)
    return shuffled[np.argsort(place, kind="stable")]


def fifth(images: int) -> int:
    """Return how many images of a set without a test part are held out: a fifth, at least one."""
    return max(1, round(TEST_SHARE * images))


def hold_out(
    strata: np.ndarray, count: int, *names: str, kept_in: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Split a set that has no official test set: return (train, test) positions, ascending.

    The test set does not depend on any setting of a study, so that no study trains on it.

    Args:
        kept_in: bool (n,), images that are only used for testing if there are not enough others.
    """
    order = stratified_order(strata, stream(0, "hold_out", *names))
    if kept_in is not None:
        order = order[np.argsort(kept_in[order], kind="stable")]
    return np.sort(order[count:]), np.sort(order[:count])


def _fold_bounds(images: int, folds: int, fold: int) -> tuple[int, int]:
    return images * fold // folds, images * (fold + 1) // folds


def sizes(spec: Spec, train: int, test: int) -> Sizes:
    """Count the parts of a resolved specification.

    Args:
        spec: resolved keys `train`, `validation`, `test`, `folds`, `fold`, `refit`,
            `validate_on_test`.
        train: images available for training and validation together.
        test: images in the test set.

    Raises:
        ConfigError: more images are requested than available, or none would be left for training.
    """
    asked = train if spec["train"] is None else spec["train"]
    if asked > train:
        raise ConfigError(
            f"dataset.train: {asked} images requested, but the training set has {train}"
        )
    if spec.get("validate_on_test"):
        found = Sizes(asked, spec["test"] or test, spec["test"] or test)
    elif spec["folds"] is not None:
        _at_most(spec["folds"], asked, f"dataset.folds: {spec['folds']}")
        start, stop = _fold_bounds(asked, spec["folds"], spec["fold"])
        found = Sizes(asked - (stop - start), stop - start, spec["test"] or test)
    else:
        share = spec["validation"]
        validation = share if isinstance(share, int) else max(1, round(share * asked))
        left = train - validation if spec["train"] is None else asked
        needs = f"dataset.train: {left} and dataset.validation: {validation} together"
        _at_most(left + validation, train, needs)
        found = Sizes(left, validation, spec["test"] or test)
    if spec.get("refit"):
        found = Sizes(found.train + found.validation, found.validation, found.test)
    if found.train < 1:
        raise ConfigError(
            f"dataset: no image is left for training: of {train + test:,}, {test:,} are for "
            f"testing and {min(found.validation, train):,} for validation"
        )
    if found.test > test:
        raise ConfigError(
            f"dataset.test: {found.test} images requested, but the test set has {test}"
        )
    return found


def _at_most(wanted: int, available: int, what: str) -> None:
    if wanted > available:
        raise ConfigError(f"{what} need {wanted} images, the training set has {available}")


def parts(
    spec: Spec, train: np.ndarray, test: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Choose the images of each part.

    Args:
        spec: a resolved specification; `split_seed` determines the split, not the run's seed.
        train, test: strata (n,) of the official training and test set.

    Returns:
        Ascending positions (train, validation, test): the first two in the training set, unless
        the specification has `validate_on_test`, with which the last two are the same.
    """
    counts = sizes(spec, len(train), len(test))
    order = stratified_order(train, stream(spec["split_seed"], "split"))
    kept = np.sort(stratified_order(test, stream(spec["split_seed"], "test"))[: counts.test])
    if spec.get("validate_on_test"):
        return np.sort(order[: counts.train]), kept, kept
    if spec["folds"] is not None:
        asked = counts.train + counts.validation
        start, stop = _fold_bounds(asked, spec["folds"], spec["fold"])
        validation = order[start:stop]
        chosen = np.concatenate([order[:start], order[stop:asked]])
    else:
        validation = order[: counts.validation]
        first = 0 if spec.get("refit") else counts.validation
        chosen = order[first : first + counts.train]
    return np.sort(chosen), np.sort(validation), kept
