"""Where the settings of a study were written, for what is found out after it was read."""

from __future__ import annotations

from collections.abc import Iterator

from assay.core.config import Mark
from assay.studies.factors import Setting
from assay.studies.study import Study, Trial

__all__ = ["mark_of"]


def mark_of(study: Study, setting: str, trial: Trial | None = None) -> Mark | None:
    """Return where a setting was written, or the closest section around it; None for a study made
    in Python.

    Args:
        setting: its dotted name.
        trial: the trial whose levels may set it; None for a search, whose space may.
    """
    path = tuple(setting.split("."))
    levels = trial.settings if trial else _searched(study)
    for given in (*study.changed, *levels):
        if all(a == b for a, b in zip(given.path, path, strict=False)):
            return given.entry.source.mark(given.entry.path)
    return study.source.mark(path)


def _searched(study: Study) -> Iterator[Setting]:
    """Yield what a search sets, in whatever trial."""
    if (search := study.search) is None:
        return
    for parameter in search.space.parameters:
        yield Setting(tuple(parameter.name.split(".")), parameter.entry)
        yield from (setting for level in parameter.levels for setting in level.settings)
    if search.brackets:
        yield Setting(("training", "stop_after"), search.place("sampler"))
