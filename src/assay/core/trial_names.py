"""Names of trials as tables show them, and the trial that a user means by one of its names."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from assay.core.errors import brief, unknown_name

__all__ = [
    "MARKS",
    "exact_label",
    "factor_name",
    "named_label",
    "spellings",
    "trial_name",
    "unknown_trial",
]

MARKS = ("best", "baseline")
"""What tables add to a trial's name in brackets: "relu (best, baseline)"."""

_MARKED = re.compile(rf" \((?:{'|'.join(MARKS)})(?:, (?:{'|'.join(MARKS)}))*\)$")

_SIGN = re.compile("[=:]")
"""Stands between a factor and its level."""


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


def exact_label(names: Mapping[str, str], said: str) -> str | None:
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


def named_label(names: Mapping[str, str], said: str) -> str | None:
    """As `exact_label`, or the only trial that a shorter spelling fits: "act:tanh", "tanh" and
    "network.activation=tanh" for "activation = tanh"."""
    exact = exact_label(names, said)
    meant = [exact] if exact is not None else _fitting(names, said)
    return meant[0] if len(meant) == 1 else None


def unknown_trial(study: str, names: Mapping[str, str], said: str) -> str:
    """Say that a study has no trial that `said` means, with the nearest name and all of them, or
    that it has several."""
    if len(several := _fitting(names, said)) > 1:
        listed = "; ".join(names[label] for label in several)
        return f"{brief(repr(said))} can mean {len(several)} trials of study {study}: {listed}"
    return unknown_name(f"trial of study {study}", said, names.values(), also=spellings(names))


def spellings(names: Mapping[str, str]) -> list[str]:
    """Return what may be written for trials, to suggest: labels, names in tables, and levels."""
    whole = [*names, *names.values()]
    return list(dict.fromkeys([*whole, *(level for name in whole for _, level in _parts(name))]))


def _fitting(names: Mapping[str, str], said: str) -> list[str]:
    """Return the labels of trials whose levels `said` names, in their order: each alone or after
    the start of its factor."""
    parts = _parts(said)
    return [
        label
        for label, name in names.items()
        if any(_fits(parts, known) for text in (label, name) for known in (text, _head(text)))
    ]


def _head(name: str) -> str:
    """Return a name without what follows it in brackets: "#3" for "#3 (0.059, 64)"."""
    return name.partition(" (")[0]


def _fits(said: list[tuple[str, str]], name: str) -> bool:
    known = _parts(name)
    return len(said) == len(known) and all(
        level == own and own_factor.startswith(factor)
        for (factor, level), (own_factor, own) in zip(said, known, strict=True)
    )


def _parts(name: str) -> list[tuple[str, str]]:
    """Return (factor without its section, level) for each part of a name; "" for no factor."""
    split = [_SIGN.split(part, maxsplit=1) for part in name.split(",")]
    return [("".join(before).strip().rpartition(".")[2], level.strip()) for *before, level in split]
