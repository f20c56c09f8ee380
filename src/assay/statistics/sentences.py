"""Results in sentences; a difference is only reported if its corrected test is significant."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TypedDict

import numpy as np

from assay.core.metrics import Metric
from assay.core.plans import PlanData
from assay.core.trial_names import factor_name
from assay.statistics.compare import Comparison
from assay.statistics.correction import ALPHA
from assay.statistics.effects import DIFFERENT, Effect
from assay.statistics.estimates import Estimate
from assay.statistics.metrics import metric_of, metric_title

__all__ = [
    "difference_digits",
    "effect_clause",
    "effect_sentence",
    "estimate_sentence",
    "factor_name",
    "factor_sentences",
    "family_sentences",
    "family_size",
    "p_text",
    "readable",
]


FEW = 4
"""Maximum number of single combinations in the line of a factor's pooled effect."""


def p_text(p: float) -> str:
    """Return "p = 0.012", or "p < 0.001"; "no test" for NaN."""
    if not np.isfinite(p):
        return "no test"
    if p < 0.001:
        return "p < 0.001"
    digits = 2 if p >= 0.01 else 1 - math.floor(math.log10(p))
    if abs(p - ALPHA) < 0.01:  # a decisive p is not rounded to the level itself
        digits = next((d for d in (3, 4, 5) if round(p, d) != ALPHA), 6)
    return f"p = {p:.{digits}f}"


def estimate_sentence(metric: str, found: Estimate) -> str:
    """Return "test accuracy 97.68 % (95 % CI 97.50 to 97.86, n = 5)"."""
    known, title = metric_of(metric), metric_title(metric)
    if not found.n:
        return f"no finished run has a {title}"
    text = f"{title} {known.value(found.mean)}"
    if found.n == 1:
        return f"{text} (one run, no interval)"
    return (
        f"{text} (95 % CI {known.number(found.low)} to {known.number(found.high)}, n = {found.n})"
    )


def _conditions(effect: Effect, factors: Sequence[str]) -> str:
    if effect.pooled > 1:
        return f", averaged over {effect.pooled} combinations"
    if not effect.where:
        return ""
    held = (f"{factor_name(k, factors)} = {v}" for k, v in effect.where.items())
    return f" at {', '.join(held)}"


def difference_digits(known: Metric, c: Comparison) -> int:
    """Return the decimals of a difference: one or two more than usual if an interval that excludes
    zero would seem to end there."""
    digits = known.digits((c.high - c.low) / 2)
    nearest = min(abs(c.low), abs(c.high)) if c.low * c.high > 0 else 0.0
    hidden = (d for d in (digits, digits + 1) if not known.number(nearest, d).strip("-0."))
    return digits + len(list(hidden)) if nearest else digits


def effect_sentence(effect: Effect, factors: Sequence[str] = (), *, full: bool = True) -> str:
    """Return one comparison as a sentence without a full stop.

    Args:
        factors: all factors of the study, to shorten their names.
        full: if False, leave out the conditions and the excluded runs.
    """
    c, known = effect.comparison, metric_of(effect.metric)
    level, against = effect.level, effect.against
    where = _conditions(effect, factors) if full else ""
    tail = _lost(effect) if full else ""
    if not c.n:
        return f"{level} and {against} cannot be compared{where}: {c.note}{tail}"
    digits = difference_digits(known, c)
    signed = known.signed(c.difference, digits)
    if c.test == "none":
        return f"{level} against {against}{where}: {signed}, {c.note}{tail}"
    kind = "95 % CI" if effect.family == 1 else "corrected 95 % CI"
    ends = f"{kind} {known.number(c.low, digits)} to {known.number(c.high, digits)}"
    after = p_text(effect.p_adjusted)
    if effect.family > 1:
        after += f" after Holm over {effect.family} comparisons"
    same = "" if c.test in ("paired t", "Welch") else ", the same in every run"
    basis = f"{ends}{same}, {after}, n = {c.n}{'' if c.paired else ', not paired'}"
    if effect.verdict in ("better", "worse"):
        size = known.size(c.difference, digits)
        return f"{level} is {effect.verdict} than {against} by {size}{where} ({basis}){tail}"
    said = {
        "different": f"{level} and {against} differ{where}",
        "equivalent": f"{level} and {against} are equivalent within "
        f"{known.size(effect.equivalence)}{where}",
    }.get(effect.verdict, f"{level} and {against}{where}: no significant difference")
    return f"{said} ({signed}, {basis}){tail}"


def family_size(found: Sequence[Effect]) -> int:
    """Return the number of comparisons in the correction."""
    return found[0].family if found else 0


def family_sentences(plan: PlanData, found: Sequence[Effect]) -> list[str]:
    """Return sentences about other studies that compare the same runs; often empty."""
    names = [str(other["study"]) for other, _ in plan.get("related", ())]
    if not names or not found:
        return []
    first, last = ", ".join(names[:-1]), names[-1]
    size, whose = family_size(found), "all" if first else "both"
    same = f"the comparison of {whose} counts once"
    if size > 1:
        same = f"the {size} different comparisons of {whose} are corrected as one family"
    return [
        f"{f'{first} and {last} compare' if first else f'{last} compares'} some of the same runs: "
        f"{same}, so that each study gives the same answer."
    ]


def effect_clause(effect: Effect, factors: Sequence[str] = ()) -> str:
    """Return a significant difference with its interval, for an abstract:
    "CNN is better than MLP by 1.2 points at pixels = plain (95 % CI 0.4 to 2.0)", and the runs that
    count in it as the worst or not at all."""
    c, known = effect.comparison, metric_of(effect.metric)
    digits = difference_digits(known, c)
    kind = "95 % CI" if effect.family == 1 else "corrected 95 % CI"
    ends = f"{kind} {known.number(c.low, digits)} to {known.number(c.high, digits)}"
    if effect.verdict in ("better", "worse"):
        said = f"{effect.level} is {effect.verdict} than {effect.against} by "
        said += known.size(c.difference, digits)
    else:
        said = f"{effect.level} and {effect.against} differ by {known.signed(c.difference, digits)}"
    return f"{said}{_conditions(effect, factors)} ({ends}){_lost(effect)}"


def readable(effect: Effect, factors: Sequence[str]) -> Effect:
    """Return an effect whose level has the factor's name if it says nothing by itself: a number, a
    list or a switch."""
    level = effect.level
    if level[:1].isalpha() and level not in ("true", "false", "none"):
        return effect
    return replace(effect, level=f"{factor_name(effect.factor, factors)} = {level}")


def _lost(effect: Effect) -> str:
    said = ""
    for lost, what in (
        (effect.diverged, "diverged, counted as the worst"),
        (effect.left_out, "without a value, left out"),
    ):
        for name, number in lost.items():
            said += f"; {number} {'run' if number == 1 else 'runs'} of {name} {what}"
    return said


class FactorAnswer(TypedDict):
    """What a study says of a factor, see `factor_sentences`."""

    factor: str
    name: str
    verdict: str
    sentences: list[str]
    more: list[str]
    text: str


def factor_sentences(plan: PlanData, found: Sequence[Effect]) -> list[FactorAnswer]:
    """Return one entry per factor: {"factor", "name", "verdict", "sentences", "more", "text"}.

    Factors that make a difference come first, and in each entry the differences. "verdict" is
    "matters", "depends" (on other factors), "equivalent" (all of its levels), "no significant
    difference" or "not tested". The sentences are about pooled effects if there are some, else
    about single ones; "more" has the single combinations if their verdicts differ or they are few;
    "text" is both in one line, shortened if there are many.
    """
    factors = list(plan.get("factors") or dict.fromkeys(e.factor for e in found))
    entries: list[FactorAnswer] = []
    for factor in dict.fromkeys(e.factor for e in found):
        mine = [e for e in found if e.factor == factor]
        main = sorted([e for e in mine if e.pooled > 1] or mine, key=_unclear)
        single = sorted(_differing(mine) or _few(mine), key=_unclear)
        called = any(e.verdict in DIFFERENT for e in main)
        depends = any(e.verdict in DIFFERENT for e in mine)
        tested = any(e.verdict != "not tested" for e in main)
        equal = all(e.verdict == "equivalent" for e in main)
        name = factor_name(factor, factors)
        first = sorted([*main, *single[:FEW]], key=_unclear)
        said = [effect_sentence(e, factors) for e in first]
        cut = [f"{len(single) - FEW} more in the report"] if len(single) > FEW else []
        entries.append(
            {
                "factor": factor,
                "name": name,
                "verdict": _verdict(called, depends, equal, tested),
                "sentences": [effect_sentence(e, factors) for e in main],
                "more": [effect_sentence(e, factors) for e in single],
                "text": f"{name}: {'; '.join([*said, *cut])}.",
            }
        )
    return sorted(entries, key=lambda entry: entry["verdict"] not in _SHOWN)


_SHOWN = ("matters", "depends")
"""Verdicts on factors that make a difference."""


def _unclear(effect: Effect) -> bool:
    return effect.verdict not in DIFFERENT


def _verdict(called: bool, depends: bool, equal: bool, tested: bool) -> str:
    words = (
        (called, "matters"),
        (depends, "depends"),
        (equal, "equivalent"),
        (tested, "no significant difference"),
    )
    return next((word for true, word in words if true), "not tested")


def _few(mine: Sequence[Effect]) -> list[Effect]:
    """Return the single combinations of pooled effects if they are few: their differences may have
    opposite signs, which the mean hides."""
    single = [e for e in mine if e.pooled == 1] if any(e.pooled > 1 for e in mine) else []
    return single if len(single) <= FEW else []


def _differing(mine: Sequence[Effect]) -> list[Effect]:
    """Return single combinations whose verdicts differ within a pooled effect."""
    found = []
    for pooled in (e for e in mine if e.pooled > 1):
        single = [
            e
            for e in mine
            if e.pooled == 1 and (e.level, e.against) == (pooled.level, pooled.against)
        ]
        if len({e.verdict for e in single if e.verdict != "not tested"}) > 1:
            found += single
    return found
