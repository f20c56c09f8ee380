"""`assay check-gradients`: the gradients written by hand, beside difference quotients."""

from __future__ import annotations

from typing import TYPE_CHECKING

from assay.apps.cli import console
from assay.apps.cli.options import Places, Settings, StudyName, TrialName

if TYPE_CHECKING:
    from pathlib import Path

    from assay.core.records import Config

__all__ = ["check_gradients"]

WRONG = 1


def check_gradients(
    study: StudyName,
    /,
    *,
    trial: TrialName | None = None,
    entries: int = 20,
    images: int = 5,
    seed: int = 0,
    set: Settings | None = None,
    places: Places | None = None,
) -> int:
    """Check every gradient of a study's network, as the numpy engine computes it.

    Each entry of a gradient is compared with central differences of the loss, in float64, on random
    images of the dataset's shape. Ends with status 1 where one is wrong.

    Args:
        study: A built-in study (see `assay list`) or a YAML file.
        trial: Label of the trial whose network it is; the first one otherwise.
        entries: Entries of each array to check, drawn at random; 0 checks all of them.
        images: Images in the batch.
        seed: Seed of the weights, the images and the entries.
        set: Change one setting, e.g. --set network.hidden=[5]; may be repeated.
    """
    from assay.core.errors import ConfigError
    from assay.engines.numpy_engine.gradients import LIMIT
    from assay.engines.numpy_engine.gradients import check_gradients as check
    from assay.studies.members import resolve_network

    for name, number, least in (("entries", entries, 0), ("images", images, 2), ("seed", seed, 0)):
        if number < least:
            raise ConfigError(f"--{name} {number}: expected a whole number >= {least}")
    folder = (places or Places()).data_path
    title, config = _find(study, trial, set or [], folder)
    network = resolve_network(config, folder)
    task = config["task"]
    name = task if isinstance(task, str) else str(task["name"])
    rows = check(network, task=name, images=images, seed=seed, entries=entries or None)
    worst = max(row.error for row in rows)
    console.heading(f"gradients of {title}")
    console.table(
        ("layer", "parameter", "shape", ">entries checked", ">largest relative error"),
        [
            (
                row.layer,
                row.parameter,
                "x".join(map(str, row.shape)),
                f"{row.checked:,} of {row.entries:,}",
                f"{row.error:.1e}",
            )
            for row in rows
        ],
    )
    console.say()
    right = worst < LIMIT
    said = f"largest relative error {worst:.1e}, " + ("below" if right else "NOT below")
    console.say(f"{said} {LIMIT:.0e}, in float64 on {images} random images")
    return 0 if right else WRONG


def _find(
    study: str, trial: str | None, changes: list[str], folder: Path | None
) -> tuple[str, Config]:
    """A trial's title and configuration."""
    from assay.core.errors import ConfigError, unknown_name
    from assay.studies.study import parse_study

    found = parse_study(study, set=changes, data_dir=folder)
    labels = {t.label: t for t in found.trials}
    if trial is not None and trial not in labels:
        raise ConfigError(unknown_name(f"trial of study {found.name}", trial, labels))
    chosen = labels[trial] if trial else found.trials[0]
    return f"{found.name}: {chosen.label}", chosen.config
