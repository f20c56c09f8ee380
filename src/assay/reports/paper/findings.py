"""The chapter of one study: its results with figures, tables and sentences."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from assay.reports.answers import answers, opening
from assay.reports.class_tables import class_tables
from assay.reports.comparisons import (
    compared_text,
    difference_text,
    effect_column,
    effect_entries,
    effects_table,
    pairs_text,
)
from assay.reports.drawing import Plot
from assay.reports.gallery import gallery
from assay.reports.names import BASELINE
from assay.reports.other_metrics import metrics_table
from assay.reports.paper.blocks import (
    Block,
    Bullets,
    Chapter,
    Exhibit,
    Mention,
    Paragraph,
    Sentence,
    Subheading,
    said,
)
from assay.reports.paper.material import Material
from assay.reports.protocol import tuned_note
from assay.reports.results import published_table, results
from assay.reports.sections import MAX_EFFECTS
from assay.reports.tables import Table
from assay.reports.views import data_groups
from assay.statistics import Effect, effect_sentence, factor_name, metric_of, readable

__all__ = ["findings", "headline"]

MOST = 4
"""Maximum number of comparisons in sentences; the table has all."""

LESSER_COLUMNS = ("std", "median", "images/s", "best epoch")
"""Columns of the table of results that papers omit."""


def findings(material: Material, alone: bool) -> Chapter:
    """Return the results of a study.

    Args:
        alone: whether it is the only study of its paper, so that its question appears earlier.
    """
    title = "Results" if alone else material.title
    blocks = [
        *([] if alone or not material.question else [said(material.question, style="question")]),
        *_answer(material),
        *_effects(material),
        *_figures(material),
        *_published(material),
        *_lost(material),
    ]
    return Chapter(material.chapter, title, tuple(blocks))


def _answer(material: Material) -> Iterator[Block]:
    found = answers(material.plan, material.records, material.effects)
    sentences: list[Sentence] = [(item["text"],) for item in found["best"]]
    sentences += _baseline(material)
    label = material.label("results")
    sentences.append((Mention(label), " lists all configurations."))
    yield Paragraph(tuple(sentences))
    table = results(material.plan, material.records)
    yield Exhibit(label, _compact(table), _caption(table), 0)
    other = metrics_table(material.plan, material.records)
    if other is not None:
        mine = material.label("metrics")
        yield said((Mention(mine), " lists the other metrics of the study."))
        yield Exhibit(mine, other, _caption(other), 5)


def _baseline(material: Material) -> Iterator[Sentence]:
    """Describe a baseline with too many levels for its name."""
    factors = list(material.plan.get("factors") or {})
    for trial in material.plan["trials"]:
        if trial["label"] == BASELINE:
            said = (f"{factor_name(f, factors)} {trial['levels'][f]}" for f in factors)
            yield (f"The baseline has {', '.join(said)}.",)


def _compact(table: Table) -> Table:
    kept = tuple(c for c in table.columns if c.header not in LESSER_COLUMNS)
    return Table(table.title, kept, table.entries, table.command, table.notes)


def _caption(table: Table) -> str:
    return " ".join((f"{table.title.rstrip('.')}.", *table.notes))


def _effects(material: Material) -> Iterator[Block]:
    if not material.effects:
        return
    plan, factors = material.plan, list(material.plan.get("factors") or {})
    called = sorted(material.called, key=lambda e: (-e.pooled, -abs(e.comparison.difference)))
    n = len(material.effects)
    figure, table = material.label("effects"), material.label("comparisons")
    first = (
        f"None of {n} comparisons could be tested."
        if n > 1 and all(e.verdict == "not tested" for e in material.effects)
        else f"{_number(len(called)).capitalize()} of {n} comparisons "
        f"{'is' if len(called) == 1 else 'are'} significantly different after Holm's correction."
        if n > 1
        else ""
    )
    sentences: list[Sentence] = [(first,)] if first else []
    sentences += [(f"{effect_sentence(readable(e, factors), factors)}.",) for e in called[:MOST]]
    if len(called) > MOST:
        sentences.append((Mention(table), f" lists the other {len(called) - MOST}."))
    shown = gallery(plan, material.records, material.lookup, material.tried, ["effects"])
    if shown:
        which = "all" if n <= MAX_EFFECTS else "the main"
        sentences.append((Mention(figure), f" shows {which} differences with their intervals."))
    yield Paragraph(tuple(sentences))
    for plot in shown:
        yield Exhibit(figure, plot, plot.caption, 1)
    yield from _unseen(material)
    made = effects_table(plan, material.records, material.metric, material.effects)
    yield Exhibit(table, made, _caption(made), 6)


def _unseen(material: Material) -> Iterator[Block]:
    """Describe comparisons without a significant difference, and what their intervals allow."""
    open_ones = [
        e for e in material.effects if e.verdict in ("no significant difference", "equivalent")
    ]
    pooled = [e for e in open_ones if e.pooled > 1]
    told = pooled or open_ones
    if not told:
        return
    which = " over all combinations" if pooled else ""
    factors = list(material.plan.get("factors") or {})
    known = metric_of(material.metric)
    ends = [abs(end) for e in told for end in (e.comparison.low, e.comparison.high)]
    widest = max(ends)
    sentences: list[Sentence] = [
        (
            f"For {_number(len(told))} {'comparison' if len(told) == 1 else 'comparisons'}{which} "
            "there is no significant difference; the intervals still allow differences of up to "
            f"{known.size(widest, known.digits(widest))}.",
        )
    ]
    yield Subheading("Comparisons without a significant difference")
    yield Paragraph(tuple(sentences))
    if len(told) <= MOST:
        yield Bullets(tuple((f"{effect_sentence(readable(e, factors), factors)}.",) for e in told))
    else:
        caption = "Corrected 95 % intervals of the comparisons without a significant difference."
        yield Exhibit(material.label("allowed"), _allowed(material, told), caption, 7)


def _allowed(material: Material, told: Sequence[Effect]) -> Table:
    unit = metric_of(material.metric).difference_unit
    kind = "95 % CI" if told[0].family == 1 else "corrected 95 % CI"
    columns = (
        effect_column("compared", compared_text, "left"),
        effect_column("n", lambda e: pairs_text(e.comparison)),
        effect_column(
            f"difference{f' ({unit})' if unit else ''}, {kind}",
            lambda e: difference_text(e.comparison, e.metric),
        ),
    )
    return Table("Comparisons without a significant difference", columns, effect_entries(told))


def _figures(material: Material) -> Iterator[Block]:
    shown = gallery(material.plan, material.records, material.lookup, material.tried)
    kept = [plot for plot in shown if plot.name not in ("effects", "samples", "architecture")]
    if not kept:
        return
    yield Paragraph(tuple(_pointer(material, plot) for plot in kept))
    for plot in kept:
        yield Exhibit(material.label(plot.name), plot, f"{plot.title}. {plot.caption}", plot.lesser)
    yield from _classes(material)


_OF_CLASSES = {"precision_macro", "recall_macro", "f1_macro", "pr_auc"}


def _classes(material: Material) -> Iterator[Block]:
    """Return the classes of the best trial, for a study with a metric averaged over classes."""
    if not _OF_CLASSES & set(material.plan.get("shown") or ()):
        return
    for table in class_tables(material.plan, material.records, material.lookup)[:1]:
        label = material.label("classes-table")
        *first, last = (c.header.removesuffix(" (%)") for c in table.columns[2:])
        yield said((Mention(label), f" has {', '.join(first)} and {last} of each class."))
        yield Exhibit(label, table, _caption(table), 2)  # the study asks for it


def _pointer(material: Material, plot: Plot) -> Sentence:
    shown = f"{plot.title[0].lower()}{plot.title[1:]}".replace(": ", " of ")
    return (Mention(material.label(plot.name)), f" shows {shown}.")


def _published(material: Material) -> Iterator[Block]:
    if not material.plan.get("published"):
        return
    said_of = answers(material.plan, material.records, material.effects)["published"]
    yield Subheading("Comparison with published results")
    label = material.label("published")
    texts: list[Sentence] = [(item["text"],) for item in said_of] if len(said_of) <= 2 else []
    yield Paragraph(((Mention(label), " compares our results with the published ones."), *texts))
    table = published_table(material.plan, material.records)
    yield Exhibit(label, table, _caption(table), 2)


def _lost(material: Material) -> Iterator[Block]:
    texts = [item["text"] for item in answers(material.plan, material.records, [])["beware"]]
    if texts:
        yield said(*texts)


def headline(material: Material, alone: bool = True) -> list[Sentence]:
    """Return the results of a study in a few sentences, for an abstract.

    Args:
        alone: whether the abstract covers only this study; otherwise it has one or two sentences.
    """
    data = len(data_groups(material.plan))
    best = 2 if alone else 1 if data == 1 or not material.called else 0
    told = opening(material.plan, material.records, material.effects, best)
    if not alone and material.called and len(material.effects) > 1:
        told = told[:-1]
    note = tuned_note(material.plan)
    return [(text,) for text in [*told, *([note] if told and note else [])]]


def _number(n: int) -> str:
    words = ("none", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
    return words[n] if n < len(words) else str(n)
