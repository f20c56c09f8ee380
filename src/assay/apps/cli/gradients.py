"""`assay check-gradients`: checks the hand-written gradients against finite differences."""

from __future__ import annotations

from typing import TYPE_CHECKING

from assay.apps.cli import console
from assay.apps.cli.options import Places, Settings, StudyName, TrialName

if TYPE_CHECKING:
    pass

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
    """Check the hand-written gradients of the numpy engine on a study's network.

    Each entry of a gradient is compared with central differences of the loss, in float64, on random
    images of the dataset's shape. The exit status is 1 if one is wrong.

    Args:
        study: A built-in study (see `assay list`) or a YAML file.
        trial: Label of the trial whose network is checked [the first one].
        entries: Entries of each array to check, drawn at random; 0 checks all of them.
        images: Images in the batch.
        seed: Seed of the weights, the images and the entries.
        set: Change one setting, e.g. --set network.hidden=[5]; may be repeated.
    """
    from assay.core.errors import ConfigError
    from assay.engines.numpy_engine import gradients
    from assay.studies.members import resolve_network
    from assay.studies.study import parse_study
    from assay.studies.trials import find_trial
    from assay.tasks.task import find_task

    for name, number, least in (("entries", entries, 0), ("images", images, 2), ("seed", seed, 0)):
        if number < least:
            raise ConfigError(f"--{name} {number}: expected a whole number >= {least}")
    folder = (places or Places()).data_path
    found = parse_study(study, set=set or [], data_dir=folder)
    chosen = find_trial(found, trial)
    network, task = resolve_network(chosen.config, folder), find_task(chosen.config["task"]).name
    given = {"images": images, "seed": seed, "entries": entries or None}
    rows = gradients.check_gradients(network, task=task, **given)
    worst = max(row.error for row in rows)
    console.heading(f"gradients of {found.name}: {chosen.label}")
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
    right = worst < gradients.LIMIT
    said = f"largest relative error {worst:.1e}, " + ("below" if right else "NOT below")
    console.say(f"\n{said} {gradients.LIMIT:.0e}, in float64 on {images} random images")
    return 0 if right else WRONG
