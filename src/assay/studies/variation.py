"""`vary:` of a study: what the seed of a run decides beside its training."""

from __future__ import annotations

from typing import Any

from assay.core.config import Entry, Option
from assay.core.options import choice, listed
from assay.core.records import VARIES, Config
from assay.data.catalog import ENTRIES

__all__ = ["VARIATION", "before_fresh_varied", "varied", "varying"]

_SETTINGS = {"split": "dataset.split_seed", "pictures": "dataset.seed"}

VARIATION: dict[str, Option] = {
    "vary": listed(
        choice("seed", "thing to vary", ("seed", *_SETTINGS), help="What differs between runs."),
        None,
        help="What differs between the runs of a trial. With `seed` alone, the default, intervals "
        "cover initial weights, the order of batches and dropout. `split` gives each run "
        "another choice of training and validation images, and `pictures` other rendered "
        "images; intervals then cover these as well. Runs with equal seeds share both and are "
        "compared in pairs. Images rendered anew for every epoch (`dataset.fresh`) always "
        "differ.",
        example=["seed", "split"],
    )
}
"""Keys of a study that say what its repeats repeat."""


_FRESH = "dataset.fresh_seed"
"""Varies without being asked for: pictures that are drawn for every epoch are new in every run."""


def varying(entry: Entry | None, config: Config) -> dict[str, Any]:
    """What `vary` adds to the configuration of a trial; see `assay.core.records.run_config`.

    Args:
        entry: the value of `vary`; None where the study does not have it.

    Raises:
        ConfigError: seed is left out, or the dataset draws no pictures.
    """
    names = ["seed"] if entry is None else VARIATION["vary"].read(entry)
    dataset = config["dataset"]
    if entry is not None and "seed" not in names:
        raise entry.error("vary needs seed as well, which distinguishes the runs of a trial")
    if entry is not None and "pictures" in names and "seed" not in dataset:
        said = (
            f"{dataset['name']} does not render images, only its split can vary: vary: [seed, "
            "split]"
        )
        raise entry.error(said)
    settings = [_SETTINGS[name] for name in names if name in _SETTINGS]
    if dataset.get("fresh") and _key(_FRESH) in ENTRIES[dataset["name"]].optional:
        settings.append(_FRESH)
    first = {setting: dataset.get(_key(setting), 0) for setting in sorted(settings)}
    return {VARIES: first} if first else {}


def before_fresh_varied(config: Config) -> Config:
    """A run's configuration as it was when all runs of a trial had the same fresh pictures."""
    left = {k: v for k, v in config.get(VARIES, {}).items() if k != _FRESH}
    dataset = {k: v for k, v in config["dataset"].items() if k != _key(_FRESH)}
    found = {k: v for k, v in config.items() if k != VARIES} | {"dataset": dataset}
    return {**found, VARIES: left} if left else found


def _key(setting: str) -> str:
    return setting.partition(".")[2]


def varied(config: Config) -> tuple[str, ...]:
    """What varies between the runs of a trial, by the names that a study uses."""
    there = config.get(VARIES, {})
    names = {**_SETTINGS, "fresh": _FRESH}
    return ("seed", *(name for name, setting in names.items() if setting in there))
