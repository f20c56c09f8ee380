"""`vary:` of a study: what the seed of a run determines in addition to its training."""

from __future__ import annotations

from assay.core.config import Entry, Option
from assay.core.options import choice, listed
from assay.core.records import VARIES, Config, Spec

__all__ = ["VARIATION", "varied", "varying"]

_SETTINGS = {"split": "dataset.split_seed", "pictures": "dataset.seed"}

VARIATION: dict[str, Option] = {
    "vary": listed(
        choice("seed", "entry of vary", ("seed", *_SETTINGS), help="What differs between runs."),
        None,
        help="What differs between the runs of a trial. With `seed` alone, the default, intervals "
        "cover initial weights, the order of batches and dropout. `split` gives each run "
        "another choice of training and validation images, and of test images where `dataset.test` "
        "asks for a part of them; `pictures` gives it other rendered images. Intervals then cover "
        "these as well. Runs with equal seeds share both and are compared in pairs.",
        unique=True,
        example=["seed", "split"],
    )
}
"""Keys of a study that define its repeats."""


def varying(entry: Entry, config: Config) -> Spec:
    """Return what `vary` adds to the configuration of a trial; see `assay.core.records.run_config`.

    Raises:
        ConfigError: seed is missing, or the dataset does not draw pictures.
    """
    names = VARIATION["vary"].read(entry)
    if "seed" not in names:
        raise entry.error("vary needs seed as well, which distinguishes the runs of a trial")
    dataset = config["dataset"]
    if "pictures" in names and "seed" not in dataset:
        said = (
            f"{dataset['name']} does not render images, only its split can vary; use vary: [seed, "
            "split]"
        )
        raise entry.error(said)
    settings = {_SETTINGS[name]: name for name in names if name in _SETTINGS}
    return {VARIES: {s: dataset[s.partition(".")[2]] for s in sorted(settings)}} if settings else {}


def varied(config: Config) -> tuple[str, ...]:
    """Return what varies between the runs of a trial, by the names of `vary:`."""
    there = config.get(VARIES, {})
    return ("seed", *(name for name, setting in _SETTINGS.items() if setting in there))
