"""Training a reader of clocks and reading photos with it, from Python."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from importlib.resources import as_file, files
from pathlib import Path
from typing import TYPE_CHECKING

from assay.apps.api import plan_of, train
from assay.apps.places import data_folder, store_folder
from assay.core.errors import (
    ConfigError,
    DataError,
    NetworkError,
    did_you_mean,
    nearest,
    unknown_name,
)
from assay.core.store import Store
from assay.data.pictures import printable

if TYPE_CHECKING:
    from assay.core.records import Config
    from assay.execution.events import Event
    from assay.studies.plan import Plan
    from assay.subjects.clocks.reading.ensemble import Ensemble
    from assay.subjects.clocks.reading.reader import Reader, Sight

__all__ = [
    "STYLES", "check_reader", "find_reader", "find_readers", "first_reader", "read_photo",
    "reader_study", "shipped_reader", "train_reader",
]  # fmt: skip

STYLES = ("any", "course")
"""Styles of clocks on which a reader can be trained, the more general one first."""

EPOCH = 3200
"""Number of fresh pictures at a time, a compromise between speed and memory."""

MOST_STEPS = 10_000_000
"""More updates than any training makes, because time ends it."""

RATES = (2e-3, 7e-4)
"""Learning rates: from random weights, and from those of a reader, which a large one would undo."""

EVALUATE_EVERY = 200
"""Updates between two evaluations: half a minute on a slow core."""

LONGEST_TRAINING = 100_000
"""Default training time in minutes."""

BATCH = 32

PHOTO_LIKE = 0.5
"""Fraction of training pictures that are transformed like photos."""


def reader_study(
    style: str, minutes: float, seed: int = 0, start: str | None = None, **dataset: object
) -> dict[str, object]:
    """Return the study of one run that trains a reader.

    Args:
        style: "course" or "any".
        minutes: training time; the learning rate decreases with the remaining fraction.
        seed: of the run and of its clocks.
        start: the reader whose weights it starts from; see `pretraining.ReaderPretraining`.
        dataset: other settings of the dataset.
    """
    return {
        "study": f"clock-reader-{style}",
        "question": f"How well can clocks of style {style} be read?",
        "dataset": {
            "name": "clocks-rendered",
            "style": style,
            "fresh": True,
            "train": EPOCH,
            "validation": 720,
            "seed": seed,
            "photo_like": PHOTO_LIKE,
            **dataset,
        },
        "network": "clock-net",
        "task": {"name": "tell_time", "labels": "relational"},
        "training": {
            "steps": MOST_STEPS,
            "minutes": minutes,
            "batch_size": BATCH,
            "optimizer": "adam",
            "learning_rate": RATES[start is not None],
            "schedule": {"name": "cosine", "warmup": 0.03},
            "ema": 0.998,
            "evaluate_every": EVALUATE_EVERY,
            **({"pretrain": {"name": "reader", "reader": start}} if start else {}),
        },
        "repeats": 1,
        "seed": seed,
    }


def train_reader(
    style: str = "any",
    minutes: float = 20,
    *,
    store: str | Path | None = None,
    data_dir: str | Path | None = None,
    device: str = "auto",
    seed: int = 0,
    start: str | None = None,
    out: str | Path | None = None,
    on_event: Callable[[Event], None] | None = None,
) -> Path:
    """Train a reader for so many minutes, store its run, and write its file.

    Args:
        style: "course" or "any".
        minutes: training time on any machine, without packing.
        start: the reader whose weights it starts from: a file, or the style of a built-in one.
        out: the file; by default STORE/readers/STYLE.safetensors.

    Returns:
        The file.

    Raises:
        ConfigError, DataError: an argument is invalid, or the reader to start from is no reader;
            nothing was trained.
    """
    if style not in STYLES:
        raise ConfigError(unknown_name("style of clocks", style, STYLES))
    if not 0 < minutes <= LONGEST_TRAINING:
        said = f"in (0, {LONGEST_TRAINING:,}], which is ten weeks"
        raise ConfigError(f"--minutes {minutes}: minutes must be {said}")
    if start is not None:
        check_reader(start, "--start")
    folder, data = store_folder(store), data_folder(data_dir)
    plan = plan_of(reader_study(style, minutes, seed, start), data_dir=data)
    if start is not None:
        _check_start(start, plan, data)
    from assay.execution.place import Machine

    here = Machine(workers=1, device=device)
    train(plan, folder, data_dir=data, machine=here, on_event=on_event)
    target = Path(out) if out else folder / "readers" / f"{style}.safetensors"
    _pack(plan, folder, data, style, target)
    return target


def _check_start(start: str, plan: Plan, data: Path | None) -> None:
    """Raise DataError unless the weights of a reader fit the network of the only run."""
    from assay.networks.checks import check_weights
    from assay.studies.members import resolve_network

    (config,) = plan.runs().values()
    try:
        check_weights(resolve_network(config, data), first_reader(start).weights)
    except NetworkError as error:
        raise DataError(f"--start {printable(start)}: another network: {error}") from None


def _pack(plan: Plan, folder: Path, data: Path | None, style: str, target: Path) -> None:
    from assay.data import load
    from assay.subjects.clocks.reading.pack import pack

    (run,) = plan.runs()
    with Store(folder, create=False, read_only=True) as opened:
        record = opened.record(run)
        if record.status != "finished":
            advice = "; try another --seed" if record.status == "diverged" else ""
            raise DataError(f"run {run} {record.status}: {record.message}{advice}")
        weights = opened.weights(run)
    config: Config = record.config
    reader = pack(record, weights, load(config["dataset"], data), style)
    target.parent.mkdir(parents=True, exist_ok=True)
    reader.save(target)


def check_reader(given: str, option: str) -> None:
    """Raise ConfigError unless a reader is a style or a file; the message names its option."""
    if given not in STYLES and not Path(given).is_file():
        hint = did_you_mean(nearest(given, STYLES))
        named = f"{', '.join(STYLES)}, or a file"
        raise ConfigError(f"{option} {printable(given)}: no such reader{hint} ({named})")


def first_reader(given: str) -> Reader:
    """Return the reader whose weights a training starts from: a built-in one, or that of a file.

    Raises:
        DataError: the file is missing, damaged or of another kind.
    """
    from assay.subjects.clocks.reading.reader import Reader

    shipped = shipped_reader(given) if given in STYLES else None
    return shipped or Reader.load(given)


def find_reader(given: str | Path | None = None, store: str | Path | None = None) -> Reader:
    """Return the reader to use: the given one, or the store's, or the built-in one.

    Args:
        given: a file, or a style of the store's own readers.

    Raises:
        DataError: there is none; the message says how to train one.
    """
    from assay.subjects.clocks.reading.reader import Reader

    own = {s: store_folder(store) / "readers" / f"{s}.safetensors" for s in STYLES}
    if given is not None and str(given) not in own:
        return Reader.load(given)
    styles = (str(given),) if given is not None else STYLES
    for style in styles:
        if own[style].is_file():
            return Reader.load(own[style])
    for style in styles:
        if shipped := shipped_reader(style):
            return shipped
    what = f"of style {given} " if given is not None else ""
    raise DataError(
        f"there is no trained reader {what}in {store_folder(store) / 'readers'} and none in assay "
        f"itself; train one: assay clocks train --style {styles[0]} --minutes 20"
    )


def shipped_reader(style: str) -> Reader | None:
    """Return the built-in reader of a style, or None."""
    from assay.subjects.clocks.reading.reader import Reader

    with as_file(files("assay.subjects.clocks") / "readers" / f"{style}.safetensors") as path:
        return Reader.load(path) if path.is_file() else None


def find_readers(
    given: str | Path | None = None, store: str | Path | None = None
) -> Reader | Ensemble:
    """Return the reader of photos: the given one, the store's, or all built-in ones together.

    Raises:
        DataError: see `find_reader`.
    """
    from assay.subjects.clocks.reading.ensemble import Ensemble

    folder = store_folder(store) / "readers"
    own = any((folder / f"{style}.safetensors").is_file() for style in STYLES)
    with as_file(files("assay.subjects.clocks") / "readers" / "ensemble.json") as path:
        if given is not None or own or not path.is_file():
            return find_reader(given, store)
        return Ensemble.load([find_reader(style, store) for style in STYLES], path)


def read_photo(path: str | Path, reader: Reader | Ensemble) -> Sight:
    """Read the clock in a photo; raises DataError, naming the file, if it cannot be read."""
    from assay.data.pictures import open_photo
    from assay.subjects.clocks.reading.reader import ENOUGH

    picture, times = open_photo(Path(path), ENOUGH)
    try:
        sight = reader.read(picture)
    except DataError as error:
        raise DataError(f"{printable(path)}: {error}") from None
    square = sight.square
    whole = replace(square, **{k: times * v for k, v in vars(square).items()})
    return replace(sight, square=whole)
