"""Ablation of the best trial: each of its changes is undone in turn."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from assay.core.errors import ConfigError
from assay.studies.parts import PLUGINS, VERSIONS, identify

if TYPE_CHECKING:
    from assay.studies.plan import Plan
    from assay.studies.study import Study

__all__ = ["ablation_plan", "changes_between"]

_WHOLE = {"network": ("family",), "dataset": ("name", "fingerprint")}
"""Sections that count as one change if such a key differs, because their other keys depend on it.
"""


def changes_between(
    base: Mapping[str, object], best: Mapping[str, object]
) -> Iterator[tuple[str, ...]]:
    """Yield the paths, such as ("training", "learning_rate"), in which two configurations differ:
    one key of a section, or the whole section if its kind differs.

    The precision of another kind of network is no change of its own: `auto` chooses it by kind. Nor
    are the versions of parts and the digests of their plugins, which follow from the parts.
    """
    follows = {VERSIONS, PLUGINS, *(("precision",) if _other_kind("network", base, best) else ())}
    for section in sorted({*base, *best} - {"seed"} - follows):
        a, b = base.get(section), best.get(section)
        if a == b:
            continue
        if _other_kind(section, base, best):
            yield (section,)
        else:
            assert isinstance(a, Mapping)
            assert isinstance(b, Mapping)
            yield from ((section, k) for k in sorted({*a, *b}) if a.get(k) != b.get(k))


def _other_kind(section: str, base: Mapping[str, object], best: Mapping[str, object]) -> bool:
    """Whether a section is to be undone as a whole, if at all."""
    a, b = base.get(section), best.get(section)
    if not isinstance(a, Mapping) or not isinstance(b, Mapping):
        return True
    return any(a.get(key) != b.get(key) for key in _WHOLE.get(section, ()))


def _undone(
    base: Mapping[str, Any], best: Mapping[str, Any], path: tuple[str, ...]
) -> dict[str, Any]:
    """Return the best configuration with the baseline's value at one path."""
    follows = (VERSIONS, PLUGINS)
    found = {k: v for k, v in _with_base(base, best, path).items() if k not in follows}
    identify(found)
    return found


def _with_base(
    base: Mapping[str, Any], best: Mapping[str, Any], path: tuple[str, ...]
) -> dict[str, Any]:
    section, *key = path
    if path == ("network",) and "precision" in base:
        best = {**best, "precision": base["precision"]}
    if not key:
        kept = {k: v for k, v in best.items() if k != section}
        return {**kept, section: base[section]} if section in base else kept
    inner = {k: v for k, v in best[section].items() if k != key[0]}
    if key[0] in base[section]:
        inner[key[0]] = base[section][key[0]]
    return {**best, section: inner}


def ablation_plan(study: Study, base: Mapping[str, object], best: Mapping[str, object]) -> Plan:
    """Return the plan of the study "ablate-NAME": the best trial, with and without each change.

    Its trials are "without CHANGE", "no change" (the baseline) and "all changes" (the best trial).
    The seeds differ from those that selected the best trial. A change that others depend on cannot
    be undone alone: it is left out, and the question names it.

    Args:
        base, best: configurations of the baseline and of the best trial.

    Raises:
        ConfigError: the configurations are equal, or no change can be undone alone.
    """
    from assay.apps.verdicts import paired_plan
    from assay.core.errors import AssayError
    from assay.studies.members import resolve_member

    trials: dict[str, dict[str, Any]] = {}
    needed = []
    paths = list(changes_between(base, best))
    for path in paths:
        name = ".".join(path)
        try:
            config = _undone(base, best, path)
            resolve_member({**config, "seed": 0})
        except AssayError:
            needed.append(name)
            continue
        trials[f"without {name}"] = config
    if not paths:
        raise ConfigError(
            f"the best trial of {study.name} is its baseline, so there is no change to undo"
        )
    if not trials:
        raise ConfigError(f"no change can be undone by itself: {', '.join(needed)}")
    if len(paths) > 1:  # undoing the only change is no change
        trials["no change"] = dict(base)
    trials["all changes"] = dict(best)
    where = study.name if study.scale == "full" else f"{study.name}@{study.scale}"
    question = f"Which changes of the best trial of {where} matter?"
    if needed:
        question += f" (Needed by others: {', '.join(needed)}.)"
    first = max(study.seeds) + 1
    seeds = range(first, first + len(study.seeds))
    return paired_plan(study, f"ablate-{study.name}", question, trials, seeds)
