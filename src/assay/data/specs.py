"""The key `dataset:` of a study: its settings and their defaults."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from assay.core.config import Entry as Written
from assay.core.config import Option
from assay.core.errors import ConfigError, DataError, unknown_name
from assay.core.options import REQUIRED, as_option, choice, defaults_of, flag, integer, needs
from assay.core.part_classes import refused
from assay.core.records import Spec
from assay.data.catalog import ENTRIES, DatasetEntry
from assay.data.splits import sizes
from assay.data.transforms import TRANSFORMS
from assay.data.unchanged import of_files, read_once

__all__ = [
    "LATER",
    "NORMALIZE",
    "SETTINGS",
    "problems",
    "resolve",
    "settings_of",
    "shared_settings",
]

NORMALIZE = ("standard", "center", "unit", "none")
"""Normalisation of a pixel x in 0..255, by channel: (x - mean) / std, x - mean, x / 255, x."""

FULL_SIZE = 50_000
"""From this many training images on, 5,000 validation images are sufficient."""


def _read_validation(entry: Written) -> float:
    value = entry.value
    whole = isinstance(value, int) and not isinstance(value, bool) and value >= 0
    if not whole and not (isinstance(value, float) and 0 < value < 1):
        raise entry.expected("a number of images or a fraction between 0 and 1")
    return value


SETTINGS: dict[str, Option] = {
    "train": integer(
        low=1,
        example=10_000,
        help="Number of training images, a stratified subset; all by default.",
    ),
    "validation": Option(
        _read_validation,
        None,
        "Images taken from the training set for validation, or their fraction; by default 5,000 "
        f"if there are at least {FULL_SIZE:,} training images, 10 % otherwise.",
        {
            "anyOf": [
                {"type": "integer", "minimum": 0},
                {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
            ]
        },
        "a whole number >= 0, or a number in (0, 1)",
        0.2,
    ),
    "test": integer(
        low=1, example=1000, help="Number of test images, a stratified subset; all by default."
    ),
    "permute": integer(
        low=0, example=7, help="Seed of a fixed permutation of all pixels; none by default."
    ),
    "split_seed": integer(0, low=0, help="Seed that decides which images go into each split."),
    "folds": integer(
        low=2, example=5, help="Number of folds of a cross-validation over the training set."
    ),
    "fold": integer(
        low=0, example=0, help="The fold that serves as the validation set; 0 by default."
    ),
}
"""Keys of every dataset; None means "all" or "none"."""

LATER: dict[str, Option] = {
    "normalize": choice(
        NORMALIZE[0],
        "normalization",
        NORMALIZE,
        help="Normalization of a pixel x: (x - mean) / std by channel, x - mean, x / 255 or x.",
    ),
    "resize": integer(
        low=1,
        high=1024,
        example=16,
        help="Height and width to resize all images to, before anything else; none by default.",
    ),
    "refit": flag(
        help="Train on the validation images as well, once everything is chosen; metrics on "
        "them are then meaningless."
    ),
    "validate_on_test": flag(
        help="Train on all training images, and validate on the test images: the protocol of many "
        "published records, whose accuracies were read while tuning. Reports say so."
    ),
}
"""Keys that a resolved specification only contains if they differ from their default, so that runs
from before such a key existed keep their identity. The keys of transforms work in the same way."""


def settings_of(entry: DatasetEntry) -> dict[str, Option]:
    """Return every key of a dataset except its name, with its declaration."""
    own = {**entry.options, **entry.optional, **of_files(entry)}
    return {**shared_settings(), **{key: as_option(option) for key, option in own.items()}}


def shared_settings() -> dict[str, Option]:
    """Return the keys that all datasets accept, including those of transforms."""
    return {**SETTINGS, **_later()}


def _later() -> dict[str, Option]:
    usable = TRANSFORMS.usable()
    transforms = {
        name: getattr(TRANSFORMS[name], "option", as_option(TRANSFORMS[name].usual))
        if name in usable
        else refused(TRANSFORMS, name)
        for name in TRANSFORMS
    }
    return {**LATER, **transforms}


def resolve(spec: str | Mapping[str, object], folders: Sequence[Path] = ()) -> Spec:
    """Return the complete specification as plain JSON data, with defaults.

    It reads no files except the user's own arrays, which are identified by their content.

    Args:
        folders: folders to search for relative file names, before the current folder.
        spec: a dataset's name, or a mapping with `name` and any of

            - SETTINGS and LATER, the keys of every dataset.
            - the dataset's own options, and the key of each registered transform (`restore`).

            An option with the name of its dataset implies that name:
            `{arrays: images.npy}` is `{name: arrays, arrays: images.npy}`.

    Raises:
        ConfigError: keys are unknown or values invalid; the message lists all, with the nearest
            valid names.
    """
    if not isinstance(spec, str | Mapping):
        raise ConfigError(f"dataset must be a name or a mapping with a name, got {spec!r}")
    given: dict[str, Any] = {"name": spec} if isinstance(spec, str) else _named(spec)
    with read_once():
        found = problems(given, folders)
        if found:
            raise ConfigError("\n".join(found.values()))
        entry = ENTRIES[given["name"]]
        return _fill(entry, _read(entry, given)[0], folders)


def _named(spec: Spec) -> dict[str, Any]:
    """Return the specification with the name of its dataset, if one of its keys implies it."""
    if "name" in spec:
        return dict(spec)
    told = (key for key in spec if key in ENTRIES and key in ENTRIES[key].optional)
    name = next(told, None)
    return dict(spec) if name is None else {"name": name, **spec}


def problems(spec: Spec, folders: Sequence[Path] = ()) -> dict[str, str]:
    """Return all errors in `spec`: {key: message}."""
    spec = _named(spec)
    name = spec.get("name")
    if name is None:
        return {"name": f"a dataset needs a name, one of: {', '.join(ENTRIES)}"}
    if not isinstance(name, str) or name not in ENTRIES:
        return {"name": f"dataset.name: {unknown_name('dataset', name, ENTRIES)}"}
    entry = ENTRIES[name]
    known = ["name", *settings_of(entry)]
    found = {
        str(key): f"dataset.{key}: {unknown_name(f'setting of dataset {name}', key, known)}"
        for key in spec
        if key not in known
    }
    values, wrong = _read(entry, spec)
    found |= _fold_problems(values) | _split_problems(values) | _transform_problems(values) | wrong
    own = {**entry.options, **entry.optional}
    if not own.keys() & wrong.keys():  # conflicts between valid values
        found |= entry.check({**defaults_of(own), **values})
    if not found:
        try:
            _fill(entry, values, folders)
        except (ConfigError, DataError) as error:
            key = str(error).partition(":")[0].removeprefix("dataset.")
            # sizes that do not fit are a ConfigError; a DataError is of the dataset itself
            other = "train" if isinstance(error, ConfigError) else "name"
            found[key if key in known else other] = str(error)
    return found


def _read(entry: DatasetEntry, spec: Spec) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the specification, with `1e4` as a whole number, and the error of each key."""
    values, wrong = dict(spec), {}
    for key, option in settings_of(entry).items():
        value, needed = spec.get(key), option.default is REQUIRED
        if value is None and needed:
            wrong[key] = needs(f"dataset {entry.name}", key, option)
        if value is None and (needed or key not in spec or option.default is None):
            continue
        try:
            read = option.read(Written(value, ("dataset", key)))
        except ConfigError as error:
            wrong[key] = str(error)
        else:  # anything else stays as written, because it is part of the names of runs
            values[key] = read if isinstance(value, float) and isinstance(read, int) else value
    return values, wrong


def _fill(entry: DatasetEntry, given: Mapping[str, Any], folders: Sequence[Path]) -> dict[str, Any]:
    """Add the defaults, with concrete counts if the catalog has the totals."""
    usual = {"name": entry.name, **defaults_of(SETTINGS)}
    own = {**dict.fromkeys(entry.options), **defaults_of(entry.options)}  # in order
    whole: dict[str, Any] = {**usual, **own, **given}
    spec = dict(entry.settle(whole, folders))
    if entry.image_shape and {*entry.image_shape[:2]} == {spec.get("resize")}:
        spec["resize"] = None
    for key, usual in defaults_of({**_later(), **entry.optional}).items():
        if spec.get(key, usual) == usual:
            spec.pop(key, None)
    totals = entry.totals(spec)
    if spec["folds"] is not None:
        spec["fold"] = spec["fold"] or 0
    elif spec["validation"] is None and not spec.get("validate_on_test"):
        asked = spec["train"] or (totals[0] if totals else 0)
        spec["validation"] = 5_000 if asked >= FULL_SIZE else 0.1
    if totals:
        counted = sizes(spec, *totals)
        if spec["validation"] is not None:
            spec["validation"] = counted.validation
    return spec


def _transform_problems(spec: Spec) -> dict[str, str]:
    said = {name: TRANSFORMS[name].check(spec) for name in TRANSFORMS.usable() if name in spec}
    return {name: message for name, message in said.items() if message}


def _split_problems(spec: Spec) -> dict[str, str]:
    if spec.get("refit") and spec.get("folds") is not None:
        return {"refit": "dataset.refit and dataset.folds cannot be combined"}
    if not spec.get("validate_on_test"):
        return {}
    beside = [key for key in ("validation", "folds") if spec.get(key) is not None]
    beside += ["refit"] if spec.get("refit") else []
    return {
        key: f"dataset.{key} and dataset.validate_on_test cannot be combined: the validation "
        "images are the test images"
        for key in beside
    }


def _fold_problems(spec: Spec) -> dict[str, str]:
    folds, fold = spec.get("folds"), spec.get("fold")
    if folds is None:
        return {} if fold is None else {"fold": "dataset.fold needs dataset.folds"}
    if spec.get("validation") is not None:
        return {"validation": "dataset.validation and dataset.folds cannot be combined"}
    if isinstance(folds, int) and isinstance(fold, int) and fold >= folds:
        return {"fold": f"dataset.fold must be less than dataset.folds = {folds}, got {fold}"}
    return {}
