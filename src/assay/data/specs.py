"""The `dataset:` of a study: what may be written there, and what is meant when it is not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from assay.core.errors import ConfigError, DataError, unknown_name
from assay.data.catalog import ENTRIES, Entry
from assay.data.splits import sizes
from assay.data.transforms import TRANSFORMS

__all__ = ["DEFAULTS", "HELP", "NORMALIZE", "OPTIONAL", "problems", "resolve"]

DEFAULTS: dict[str, Any] = {
    "train": None,
    "validation": None,
    "test": None,
    "permute": None,
    "split_seed": 0,
    "folds": None,
    "fold": None,
}
"""Keys that every dataset takes; None is "all of it" or "not"."""

OPTIONAL: dict[str, Any] = {"normalize": "standard", "refit": False}
"""Keys that a resolved specification holds only where they differ from this usual value, so that
runs from before such a key existed keep their identity; the keys of transforms are others."""

HELP: dict[str, tuple[str, str]] = {
    "train": ("whole number >= 1", "images to train on, a stratified subset; all that are left"),
    "validation": (
        "a number of images, or a share between 0 and 1",
        "taken from the training set; 5,000 when at least 50,000 are trained on, else 10 %",
    ),
    "test": ("whole number >= 1", "a stratified subset of the test set; all of it"),
    "permute": ("whole number >= 0", "seed of one permutation of the pixels of all images"),
    "split_seed": ("whole number >= 0", "which images are drawn"),
    "folds": ("whole number >= 2", "cross-validation over the training set"),
    "fold": ("whole number >= 0, < folds", "the part that is the validation set; 0"),
    "normalize": (
        "standard, center, unit, none",
        "what networks see of a pixel x: (x - mean) / std, x - mean, x / 255, x",
    ),
    "refit": ("true or false", "train on the validation images as well, when all is chosen"),
}
"""What the keys that every dataset takes accept and do."""

NORMALIZE = ("standard", "center", "unit", "none")
"""What networks see of a pixel x in 0..255, by channel: (x - mean) / std, x - mean, x / 255, x."""

FULL_SIZE = 50_000
"""From this many training images on, 5,000 of them make a precise enough validation set."""

_MINIMUM = {"train": 1, "test": 1, "permute": 0, "split_seed": 0, "folds": 2, "fold": 0}


def resolve(spec: str | Mapping[str, Any], folders: Sequence[Path] = ()) -> dict[str, Any]:
    """Return the whole specification as plain JSON data, defaults filled in.

    It reads no file, but for arrays of one's own: what identifies them is their content.

    Args:
        folders: where relative names of files are looked up, before the current folder.
        spec: a dataset's name, or a mapping with `name` and any of

            - `train`: images to train on (a stratified subset); all that are left by default.
            - `validation`: images (or a share between 0 and 1) taken from the training set;
              by default 5,000 when at least 50,000 are trained on, 10 % otherwise.
            - `test`: a stratified subset of the test set; all of it by default.
            - `permute`: seed of one permutation of all pixels, or None.
            - `normalize`: one of NORMALIZE, "standard" by default.
            - `refit`: train on the validation images as well, when everything is chosen; what is
              measured on them then tells nothing.
            - `split_seed`: which images are drawn, 0 by default.
            - `folds`, `fold`: cross-validation over the training set; part `fold` of `folds`
              (0 by default) is the validation set.
            - the dataset's own options, and the key of each registered transform (`restore`).

            An option that bears the name of its dataset stands for the name, too:
            `{arrays: images.npy}` is `{name: arrays, arrays: images.npy}`.

    Raises:
        ConfigError: naming every unknown key and impossible value, with the nearest valid name.
    """
    if not isinstance(spec, str | Mapping):
        raise ConfigError(f"dataset must be a name or a mapping with a name, got {spec!r}")
    given: dict[str, Any] = {"name": spec} if isinstance(spec, str) else _named(spec)
    found = problems(given, folders)
    if found:
        raise ConfigError("\n".join(found.values()))
    entry = ENTRIES[given["name"]]
    return _fill(entry, given, folders)


def _named(spec: Mapping[str, Any]) -> dict[str, Any]:
    """The specification with the name of its dataset, where one of its keys tells it."""
    if "name" in spec:
        return dict(spec)
    told = (key for key in spec if key in ENTRIES and key in ENTRIES[key].optional)
    name = next(told, None)
    return dict(spec) if name is None else {"name": name, **spec}


def problems(spec: Mapping[str, Any], folders: Sequence[Path] = ()) -> dict[str, str]:
    """Return everything that is wrong with `spec`: {key: message}; empty when it is right."""
    spec = _named(spec)
    name = spec.get("name")
    if not isinstance(name, str) or name not in ENTRIES:
        return {"name": f"dataset.name: {unknown_name('dataset', name, ENTRIES)}"}
    entry = ENTRIES[name]
    known = ["name", *DEFAULTS, *_optional(entry), *entry.options]
    found = {
        str(key): f"dataset.{key}: {unknown_name(f'setting of dataset {name}', key, known)}"
        for key in spec
        if key not in known
    }
    for key, minimum in _MINIMUM.items():
        if (message := _whole_number(key, spec.get(key, DEFAULTS[key]), minimum)) is not None:
            found[key] = message
    found |= _validation_problem(spec) | _fold_problems(spec) | _normalize_problem(spec)
    found |= _refit_problem(spec) | _transform_problems(spec)
    found |= entry.check({**entry.options, **entry.optional, **spec})
    if not found:
        try:
            _fill(entry, spec, folders)
        except (ConfigError, DataError) as error:
            key = str(error).partition(":")[0].removeprefix("dataset.")
            found[key if key in known else "train"] = str(error)
    return found


def _fill(entry: Entry, given: Mapping[str, Any], folders: Sequence[Path]) -> dict[str, Any]:
    """Add the defaults; counts become concrete where the catalog knows the totals."""
    whole: dict[str, Any] = {"name": entry.name, **DEFAULTS, **entry.options, **given}
    spec = entry.settle(whole, folders)
    for key, usual in _optional(entry).items():
        if spec.get(key, usual) == usual:
            spec.pop(key, None)
    if spec["folds"] is not None:
        spec["fold"] = spec["fold"] or 0
    elif spec["validation"] is None:
        asked = spec["train"] or entry.train or 0
        spec["validation"] = 5_000 if asked >= FULL_SIZE else 0.1
    if entry.train is not None and entry.test is not None:
        counted = sizes(spec, entry.train, entry.test)
        if spec["folds"] is None:
            spec["validation"] = counted.validation
    return spec


def _whole_number(key: str, value: Any, minimum: int) -> str | None:
    if value is None and DEFAULTS[key] is None:
        return None
    if isinstance(value, int) and not isinstance(value, bool) and value >= minimum:
        return None
    return f"dataset.{key} must be a whole number >= {minimum}, got {value!r}"


def _validation_problem(spec: Mapping[str, Any]) -> dict[str, str]:
    value = spec.get("validation")
    whole = isinstance(value, int) and not isinstance(value, bool) and value >= 0
    share = isinstance(value, float) and 0 < value < 1
    if value is None or whole or share:
        return {}
    expected = "a number of images or a share between 0 and 1"
    return {"validation": f"dataset.validation must be {expected}, got {value!r}"}


def _normalize_problem(spec: Mapping[str, Any]) -> dict[str, str]:
    value = spec.get("normalize", NORMALIZE[0])
    if value in NORMALIZE:
        return {}
    return {"normalize": f"dataset.normalize: {unknown_name('normalization', value, NORMALIZE)}"}


def _optional(entry: Entry) -> dict[str, Any]:
    """Keys that are held only where they differ from their usual value."""
    transforms = {name: TRANSFORMS[name].usual for name in TRANSFORMS}
    return {**OPTIONAL, **transforms, **entry.optional}


def _transform_problems(spec: Mapping[str, Any]) -> dict[str, str]:
    said = {name: TRANSFORMS[name].check(spec) for name in TRANSFORMS if name in spec}
    return {name: message for name, message in said.items() if message}


def _refit_problem(spec: Mapping[str, Any]) -> dict[str, str]:
    value = spec.get("refit", False)
    if not isinstance(value, bool):
        return {"refit": f"dataset.refit must be true or false, got {value!r}"}
    if value and spec.get("folds") is not None:
        return {"refit": "dataset.refit and dataset.folds exclude each other"}
    return {}


def _fold_problems(spec: Mapping[str, Any]) -> dict[str, str]:
    folds, fold = spec.get("folds"), spec.get("fold")
    if folds is None:
        return {} if fold is None else {"fold": "dataset.fold needs dataset.folds"}
    if spec.get("validation") is not None:
        return {"validation": "dataset.validation and dataset.folds exclude each other"}
    if isinstance(folds, int) and isinstance(fold, int) and fold >= folds:
        return {"fold": f"dataset.fold must be less than dataset.folds = {folds}, got {fold}"}
    return {}
