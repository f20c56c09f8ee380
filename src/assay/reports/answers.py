"""The answer of a study in sentences: the best trial, the effects of factors, and caveats."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TypedDict

import numpy as np

from assay.core.plans import PlanData
from assay.core.records import Record
from assay.reports.context import published_rows, published_source
from assay.reports.names import BASELINE, candidates_text, trial_names
from assay.reports.protocol import ahead_text, refit_note, training_command, tuned_note
from assay.reports.texts import far_runs
from assay.reports.views import counts, data_groups
from assay.statistics import (
    ALPHA,
    DIFFERENT,
    POWER,
    Effect,
    bad_runs,
    best_trial,
    by_trial,
    detectable,
    effect_clause,
    effect_sentence,
    effects,
    estimate_sentence,
    factor_sentences,
    family_sentences,
    family_size,
    metric_of,
    metric_title,
    p_text,
    primary_metric,
    readable,
)
from assay.statistics.sentences import FactorAnswer

__all__ = ["Answer", "Answers", "answers", "opening"]

UNEQUAL = 4
"""One detectable difference is named for all comparisons unless the largest is so many times the
smallest; 5 runs of equal spread hardly seem so unequal."""


class Answer(TypedDict):
    """A sentence and its verdict, empty where there is nothing to judge."""

    text: str
    verdict: str


class Answers(TypedDict):
    """The answer of a study in sentences, see `answers`."""

    best: list[Answer]
    factors: list[FactorAnswer]
    published: list[Answer]
    beware: list[Answer]


def answers(
    plan: PlanData, records: Iterable[Record], found: Sequence[Effect] | None = None
) -> Answers:
    """Return sentences: {"best": [...], "factors": [...], "published": [...], "beware": [...]}.

    Each is {"text", "verdict"}; "verdict" is empty if it does not apply. Those of factors come from
    `factor_sentences`.
    """
    records = list(records)
    if found is None:
        found = effects(plan, records, f"test_{primary_metric(plan, records)}")
    return {
        "best": [{"text": t, "verdict": ""} for t in _best(plan, records)],
        "factors": factor_sentences(plan, found),
        "published": _published(plan, records),
        "beware": [
            {"text": t, "verdict": ""}
            for t in [*_beware(plan, records), *family_sentences(plan, found), *_power(found)]
        ],
    }


def opening(
    plan: PlanData,
    records: Iterable[Record],
    found: Sequence[Effect],
    best: int = 3,
    *,
    where: str = "",
) -> list[str]:
    """Return the answer in at most `best` + 2 sentences: the best trial, the largest significant
    difference, and the number of significant comparisons.

    Args:
        found: all comparisons of the study.
        where: where the reader finds all of them, such as "below".
    """
    factors = list(plan.get("factors") or {})
    texts: list[str] = []
    for text in _best(plan, list(records)):
        if sum(t.count(". ") + 1 for t in (*texts, text)) > best:
            break
        texts.append(text)
    called = sorted(
        (e for e in found if e.verdict in DIFFERENT),
        key=lambda e: (-e.pooled, -abs(e.comparison.difference)),
    )
    if called:
        texts.append(f"{effect_clause(readable(called[0], factors), factors)}.")
    if len(found) > 1 and all(e.verdict == "not tested" for e in found):
        texts.append(f"None of {len(found)} comparisons could be tested.")
    elif len(found) > 1:
        texts.append(
            f"{len(called) or 'None'} of {len(found)} comparisons "
            f"{'are' if len(called) > 1 else 'is'} significant after Holm's correction"
            f"{f'; all of them are {where}' if where else ''}."
        )
    elif found and not called:
        texts.append(f"{effect_sentence(readable(found[0], factors), factors)}.")
    return texts


def _best(plan: PlanData, records: Sequence[Record]) -> list[str]:
    groups, names = data_groups(plan), trial_names(plan)
    texts = []
    for name, trials in groups.items():
        best = best_trial(plan, records, trials=trials)
        main = primary_metric(plan, records)
        if metric_of(main).higher_is_better is None:
            texts.append(
                f"No trial is named the best, because it is unknown whether a higher {main} is "
                "better."
            )
            break
        if best is None:
            here = {trial["trial_id"] for trial in trials}
            done = any(r.status == "finished" and r.trial_id in here for r in records)
            texts.append(
                f"No trial on {name} is named the best, because no run has a validation {main}."
                if done
                else f"No run on {name} has finished."
            )
            continue
        score = estimate_sentence(f"test_{best.metric}", best.test)
        on = f"On {name}: " if len(groups) > 1 else ""
        among = candidates_text(plan, trials, best.candidates)
        among += " of which every run finished," * bool(best.ahead)
        said = _quoted(names[best.trial["trial_id"]])
        by = metric_title(f"val_{best.metric}")
        if best.candidates == 1:
            texts.append(f"{on}{said} reaches {score}.")
        elif best.trial["trial_id"] == plan.get("selected"):
            texts.append(f"{on}{said} was the best of the search by {by}; it reaches {score}.")
        elif best.ties:
            first = [said, *(_quoted(names[t["trial_id"]]) for t in best.ties[:3])]
            more = [f"{len(best.ties) - 3} more"] if len(best.ties) > 3 else []
            *most, last = [*first, *more]
            texts.append(
                f"{on}{', '.join(most)} and {last} are tied for the best of {among} by {by} "
                f"({metric_of(best.metric).value(best.validation.mean)}). {said} comes first in "
                f"the study; it reaches {score}."
            )
        else:
            texts.append(f"{on}{said} is the best of {among} by {by}; it reaches {score}.")
        if best.ahead:
            first = [_quoted(names[t["trial_id"]]) for t in best.ahead]
            texts[-1] += f" {ahead_text(first)}."
    return texts


def _quoted(name: str) -> str:
    """Return a name of several words in quotes."""
    return f"“{name}”" if " " in name and name != BASELINE else name


def _published(plan: PlanData, records: Sequence[Record]) -> list[Answer]:
    sentences: list[Answer] = []
    for row in published_rows(plan, records):
        if not row["n"]:
            continue
        known = metric_of(row["metric"])
        ours = f"{metric_title(row['metric'])} {known.value(row['ours'].mean)}"
        ours += ", one run" if row["n"] == 1 else f", n = {row['n']}"
        how = {"above": "is above", "below": "is below", None: "; published:"}
        how |= {"same": "does not differ significantly from"}
        given = f"{known.value(row['published'])} ({published_source(row)})"
        judged = row["verdict"] is not None
        tail = "" if judged else f", {row['no_verdict']}"
        said = f" {how[row['verdict']]} the published" if judged else how[None]
        text = f"{row['trial']}: {ours}{said} {given}{tail}."
        verdict = {True: "better", False: "worse", None: ""}[row["better"]]
        sentences.append({"text": text, "verdict": verdict})
    return sentences


def _beware(plan: PlanData, records: Sequence[Record]) -> list[str]:
    found = counts(plan, records)
    labels = trial_names(plan)
    texts = []
    main = primary_metric(plan, records)
    how = {"diverged": "they are excluded from means and count as the worst in comparisons."}
    how = {} if metric_of(main).higher_is_better is None else how
    for status in ("diverged", "failed"):
        if found[status]:
            lost = Counter(r.trial_id for r in records if r.status == status)
            where = ", ".join(f"{n} of {labels.get(t, t)}" for t, n in lost.items())
            texts.append(
                f"{found[status]} of {found['planned']} runs {status} ({where}); "
                f"{how.get(status, 'they are excluded from means.')}"
            )
    if found["missing"]:
        command = training_command(plan)
        are, them = ("is", "it") if found["missing"] == 1 else ("are", "them")
        texts.append(
            f"{found['missing']} of {found['planned']} runs {are} missing, so the study is "
            f"unfinished.{f' {command} trains {them}.' if command else ''}"
        )
    bad = bad_runs(by_trial(records), f"test_{main}")
    if bad.runs:
        room = metric_of(main).size(float(bad.margin))
        texts.append(
            f"{far_runs(int(bad.runs))}. A few runs cannot show how often this happens in a trial, "
            f"so intervals and tests are widened by up to {room}; consider the medians, too."
        )
    if bad.skewness and not bad.runs:
        side = "higher" if bad.skewness > 0 else "lower"
        few = max(_repeats(records).values(), default=0) <= 3
        short = " (not enough for 95 % with so few runs)" if few else ""
        are = "are" if bad.chance < ALPHA else "may be"
        texts.append(
            f"The runs {are} skewed towards {side} values (skewness {bad.skewness:+.1f}, averaged "
            f"over trials, {p_text(float(bad.chance))}), and then means of few runs mislead. "
            f"Intervals and tests make room for it{short}; read the medians, too."
        )
    if records and max((_repeats(records).values()), default=0) < 2:
        texts.append("Every trial has only one run, so the effect of chance is unknown.")
    chosen = best_trial(plan, records) is not None
    texts += [note for note in (tuned_note(plan), refit_note(plan, chosen)) if note]
    if plan.get("scale") not in (None, "full"):
        texts.append(f"The study ran at scale {plan['scale']}, not at the study's full budget.")
    return texts


def _power(found: Sequence[Effect]) -> list[str]:
    """Describe the difference that the repeats can detect, if any; the smallest and the largest
    where comparisons vary unequally, as those on an easy and a hard dataset do, or where not all
    can detect any. What tests make room for is not detected, so it is added. Comparisons without
    any variation say nothing of it."""
    family, tested = family_size(found), [e.comparison for e in found if e.comparison.std > 0]
    each = [(c.margin + detectable(c.n, c.std, ALPHA / family), c.n) for c in tested]
    sizes = sorted(size for size, _ in each if np.isfinite(size))
    if not sizes:
        return []
    known, n = metric_of(found[0].metric), int(np.median([n for _, n in each]))
    many = f"{family} {'comparison' if family == 1 else 'comparisons'}"
    low, high = known.bounds
    sure = f"{100 * POWER:g} % power"
    size = float(np.median(sizes))
    if sizes[0] > high - low:
        said = f"even the largest possible difference would be detected with less than {sure}."
    elif sizes[-1] > UNEQUAL * sizes[0] or size > high - low:
        said = f"a difference of {known.size(sizes[0])} would be detected with {sure} where pairs "
        said += "of runs vary least; where they vary most, "
        most = known.size(sizes[-1])
        said += f"one of {most}." if sizes[-1] <= high - low else "not even the largest possible."
    else:
        said = f"a difference of {known.size(size)} would be detected with {sure}, one of half "
        said += "that size only rarely."
    return [f"With n = {n} and {many}, {said}"]


def _repeats(records: Sequence[Record]) -> dict[str, int]:
    seeds: dict[str, int] = {}
    for record in records:
        seeds[record.trial_id] = seeds.get(record.trial_id, 0) + 1
    return seeds
