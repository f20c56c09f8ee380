"""Names of trials as tables show them, and the trial that a user means by one of its names."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from assay.core.errors import unknown_name

__all__ = ["MARKS", "factor_name", "named_label", "trial_name", "unknown_trial"]

MARKS = ("best", "baseline")
"""What tables add to a trial's name in brackets: "relu (best, baseline)"."""

_MARKED = re.compile(rf" \((?:{'|'.join(MARKS)})(?:, (?:{'|'.join(MARKS)}))*\)$")


def factor_name(factor: str, factors: Collection[str] = ()) -> str:
    """Return the last part of a dotted name if no other of `factors` ends in it."""
    short = factor.rpartition(".")[2]
    alone = sum(other.rpartition(".")[2] == short for other in factors) <= 1
    return short if alone else factor


def trial_name(
    label: str, levels: Mapping[str, object], factors: Collection[str], baseline: str | None
) -> str:
    """Return the name of a trial in tables: the level if one factor varies, else its label.

    The baseline of a study with factors is named by its levels, like the other trials:
    "glorot_uniform", or "activation = relu, dropout = 0.2". A label that the user gave is kept.
    """
    said = {f: f"{factor_name(f, factors)} = {levels[f]}" for f in factors if f in levels}
    made = label == "baseline" == baseline or label in said.values()
    if len(factors) == 1 and said and made:
        return str(levels[next(iter(factors))])
    return ", ".join(said.values()) if said and label == "baseline" and made else label


def named_label(names: Mapping[str, str], said: str) -> str | None:
    """Return the label of the trial that `said` means: its label, or its name in tables with or
    without marks; None if it means none.

    Args:
        names: {label: name in tables}.
    """
    for text in (said, _MARKED.sub("", said)):
        if text in names:
            return text
        if label := next((label for label, name in names.items() if name == text), None):
            return label
    return None


def unknown_trial(study: str, names: Mapping[str, str], said: str) -> str:
    """Say that a study has no trial that `said` means, with the nearest name and all of them."""
    return unknown_name(f"trial of study {study}", said, names.values(), also=names)
