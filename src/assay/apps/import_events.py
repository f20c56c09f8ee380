"""Reading runs of TensorBoard event files, for `assay import`."""

from __future__ import annotations

import json
import math
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, cast

from assay.apps.imported import SPLITS, TRAINING, ImportedRun, is_loss
from assay.core.errors import MissingExtraError, install_extra
from assay.statistics import metric_of

if TYPE_CHECKING:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

__all__ = ["RESULT", "STATUS", "STUDY", "read_events"]

RESULT = "result/"
"""Start of the tags with which `assay tensorboard` writes the final metrics of a run."""

STATUS = "status"
"""The text with which `assay tensorboard` says how a run ended: "diverged: ..."."""

STUDY = "study"
"""The text with which `assay tensorboard` says what the run is in its study: JSON with "levels",
"baseline", "main" and "better" as in `ImportedRun`."""

_SPLIT_NAMES = {
    **dict.fromkeys(("train", "training"), TRAINING),
    **dict.fromkeys(("val", "valid", "validation", "eval"), "val_"),
    "test": "test_",
}
"""Words for a part of the data in the tags of event files -> prefix of a metric."""

_SEED = re.compile(
    r"^(?:(?P<trial>.*)[-_/ ])?(?:seed|run|version)[-_= ]?(?P<seed>\d+)$"
    r"|^(?:(?P<trial_of_number>.*)/)?(?P<number>\d+)$",
    re.IGNORECASE,
)
"""A name that ends in a seed. A number alone is one only as the whole name of a folder, because
resnet18 and resnet-34 are two trials."""


def read_events(path: Path) -> Iterator[ImportedRun]:
    """Read event files: a run for each folder, whose name ends in the seed: "tanh-seed1",
    "tanh_run1", "tanh/version_1" or "tanh/1".

    The metrics are the final ones if `assay tensorboard` wrote the files, else the last values of
    the curves on validation and test, else those of all curves.

    Raises:
        MissingExtraError: tensorboard is not installed.
    """
    # without it tensorboard imports TensorFlow, which takes ten seconds and writes to the screen
    sys.modules.setdefault("tensorboard.compat.notf", ModuleType("notf"))
    try:
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    except ImportError:
        raise MissingExtraError(
            f"reading event files needs tensorboard; {install_extra('tensorboard')}"
        ) from None
    folder = path if path.is_dir() else path.parent
    for place in sorted({file.parent for file in folder.rglob("*tfevents*")}):
        events = EventAccumulator(str(place), size_guidance={"scalars": 0})
        events.Reload()
        scalars = {
            tag: (
                [float(e.step) for e in events.Scalars(tag)],
                [float(e.value) for e in events.Scalars(tag)],
            )
            for tag in cast("list[str]", events.Tags()["scalars"])
        }
        curves = {
            _metric(tag).removeprefix(TRAINING): curve
            for tag, curve in scalars.items()
            if not _is_result(tag)
        }
        lost = _text(events, STATUS).startswith("diverged") or any(
            is_loss(name) and not math.isfinite(values[-1])
            for name, (_, values) in curves.items()
            if values
        )
        metrics = _metrics(scalars)
        name = place.relative_to(folder).as_posix()
        if metrics or lost:
            trial, seed = _trial(name if name != "." else folder.name)
            known: dict[str, Any] = {"levels": {"trial": trial}}
            known |= _in_study(_text(events, STUDY))
            yield ImportedRun(
                seed=seed, metrics=metrics, place=str(place), curves=curves, diverged=lost, **known
            )


def _trial(name: str) -> tuple[str, int | None]:
    """Return the trial and the seed that the name of a folder tells."""
    match = _SEED.match(name)
    if match is None:
        return name, None
    found = match.groupdict()
    trial = found["trial"] or found["trial_of_number"] or "run"
    return trial, int(found["seed"] or found["number"])


def _in_study(text: str) -> dict[str, Any]:
    """Return what `assay tensorboard` wrote of the study of a run; nothing if something else has
    written a text of that name."""
    try:
        found = json.loads(text)
        levels, better = found["levels"], found["better"]
        sound = (
            all(isinstance(level, str) for level in levels.values())
            and all(isinstance(up, bool) for up in better.values())
            and isinstance(found["main"], str)
        )
    except (ValueError, TypeError, KeyError, AttributeError):
        return {}
    if not sound:
        return {}
    known = {"main": found["main"], "baseline": found.get("baseline") is True, "better": better}
    return known | ({"levels": levels} if levels else {})


def _text(events: EventAccumulator, name: str) -> str:
    """Return a text that `assay tensorboard` wrote; "" if it did not."""
    tag = f"{name}/text_summary"
    if tag not in cast("list[str]", events.Tags()["tensors"]):
        return ""
    return b"".join(events.Tensors(tag)[-1].tensor_proto.string_val).decode(errors="replace")


def _metrics(scalars: Mapping[str, tuple[list[float], list[float]]]) -> dict[str, float]:
    """Return the metrics of a run by name, from its scalars by tag."""
    last = {tag: values[-1] for tag, (_, values) in scalars.items() if values}
    final = {tag.removeprefix(RESULT): last[tag] for tag in sorted(last) if _is_result(tag)}
    if final:
        return final
    found = {_metric(tag): value for tag, value in last.items()}
    judged = {name for name in found if name.startswith(SPLITS)} or {*found}
    return {name: found[name] for name in sorted(judged)}


def _is_result(tag: str) -> bool:
    return tag.startswith(RESULT) and tag.removeprefix(RESULT).startswith(SPLITS)


def _metric(tag: str) -> str:
    """Return a tag as the name of a metric: "val_accuracy" for val/accuracy and Accuracy/valid,
    "training_loss" for Loss/train."""
    parts = tag.split("/")
    for place in (0, -1):
        split = _SPLIT_NAMES.get(parts[place].lower())
        if split is not None and len(parts) > 1:
            del parts[place]
            name = "_".join(parts)
            known = metric_of(name.lower()).higher_is_better is not None
            return split + (name.lower() if known else name)
    return "_".join(parts)
