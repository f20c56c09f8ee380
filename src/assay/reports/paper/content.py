"""From studies to a manuscript: title, abstract and chapters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from assay.reports.context import when
from assay.reports.paper.blocks import (
    Author,
    Block,
    Bullets,
    Chapter,
    Manuscript,
    Sentence,
    Styled,
    said,
)
from assay.reports.paper.cited import bibliography
from assay.reports.paper.ending import limits, reproduction
from assay.reports.paper.findings import findings, headline
from assay.reports.paper.material import Material, slug, told_apart
from assay.reports.paper.method import method

__all__ = ["OWN", "chapter_called", "chapter_names", "manuscript"]

OWN = {
    "abstract": "Abstract",
    "related-work": "Related work",
    "discussion": "Discussion",
    "conclusion": "Conclusion",
    "acknowledgements": "Acknowledgements",
}
"""Chapters that only exist if the author writes them."""

_TAKEN = (*OWN, "introduction", "method", "limits", "reproduction", "own")
"""Names that no chapter of a study may have; labels of the author's pictures begin with "own"."""

MOST_WORDS = 150
"""Maximum number of words of an abstract, above which each study has one sentence."""


def manuscript(
    studies: Sequence[Material],
    title: str | None = None,
    authors: Sequence[Author] = (),
    abstract: str | None = None,
    order: Sequence[str] = (),
    prose: Mapping[str, Sequence[Block]] | None = None,
    references: str = "",
    command: str = "",
    keywords: Sequence[str] = (),
) -> Manuscript:
    """Return the complete paper, with all exhibits.

    Args:
        title: by default the question of the only study, or the names of all.
        abstract: by default what the studies found.
        order: names of chapters; the others follow in their usual order.
        prose: the author's own text by chapter, which is placed first.
        references: the author's BibTeX.
        command: the printed command that writes the paper.
        keywords: in their order.
    """
    studies = told_apart(studies, _TAKEN)
    prose = dict(prose or {})
    made = {
        chapter.name: chapter
        for chapter in (
            _introduction(studies),
            Chapter("related-work", OWN["related-work"]),
            method(studies),
            *(findings(material, len(studies) == 1) for material in studies),
            Chapter("discussion", OWN["discussion"]),
            limits(studies),
            Chapter("conclusion", OWN["conclusion"]),
            reproduction(studies, command),
            Chapter("acknowledgements", OWN["acknowledgements"]),
        )
    }
    for name, blocks in prose.items():
        if name in made:
            made[name] = replace(made[name], blocks=(*blocks, *made[name].blocks))
    names = dict.fromkeys((*order, *made))
    records = [r for m in studies for r in m.records]
    own = list(prose.get("abstract", ()))
    return Manuscript(
        title or _title(studies),
        tuple(authors),
        _abstract(studies, abstract, own),
        tuple(made[name] for name in names if made[name].blocks),
        date=str(when(records)["last"] or "")[:10],
        references="\n".join(part for part in (bibliography(), references) if part),
        keywords=tuple(keywords),
    )


def chapter_names(studies: Sequence[Material]) -> dict[str, str]:
    """Return name -> title of every chapter that an author can write or order."""
    return {c.name: c.title for c in _skeleton(studies)} | OWN


def chapter_called(text: str, chapters: Mapping[str, str]) -> str | None:
    """Return the name of the chapter that an author calls so, by name or title; None for none.

    An exact match comes first, because studies such as "my-study" and "my_study" look alike.

    Args:
        chapters: name -> title of the existing chapters.
    """
    for form in (str, slug):
        wanted = form(text)
        for called in ({n: n for n in chapters}, chapters):
            for name, shown in called.items():
                if wanted == form(shown):
                    return name
    return None


def _skeleton(studies: Sequence[Material]) -> list[Chapter]:
    alone = len(studies) == 1
    return [
        Chapter("introduction", "Question" if alone else "Introduction"),
        Chapter("method", "Method"),
        *(Chapter(m.chapter, "Results" if alone else m.title) for m in told_apart(studies, _TAKEN)),
        Chapter("limits", "Limits"),
        Chapter("reproduction", "Reproduction"),
    ]


def _title(studies: Sequence[Material]) -> str:
    if len(studies) == 1:
        return studies[0].question or studies[0].name
    *first, last = [m.name for m in studies]
    return f"{', '.join(first)} and {last}"


def _introduction(studies: Sequence[Material]) -> Chapter:
    if len(studies) == 1:
        material = studies[0]
        return Chapter("introduction", "Question", (said(material.question or material.name),))
    points: list[Sentence] = [
        (Styled(m.name, "strong"), f": {m.question or 'no question was written down.'}")
        for m in studies
    ]
    first = f"This paper reports {len(studies)} studies. Each asks one question:"
    return Chapter("introduction", "Introduction", (said(first), Bullets(tuple(points), True)))


def _abstract(
    studies: Sequence[Material], abstract: str | None, own: Sequence[Block]
) -> tuple[Sentence, ...]:
    from assay.reports.paper.blocks import Paragraph

    if abstract:
        return ((abstract,),)
    written = [s for block in own if isinstance(block, Paragraph) for s in block.sentences]
    if written:
        return tuple(written)
    if len(studies) == 1:
        return tuple(headline(studies[0]))
    found = [(Styled(m.name, "emphasis"), headline(m, alone=False)) for m in studies]
    long = sum(len(str(s).split()) for _, told in found for s in told) > MOST_WORDS
    sentences: list[Sentence] = []
    for name, told in found:
        first, *rest = told or [("no result.",)]
        sentences += [(name, ": ", *first), *([] if long else rest)]
    return tuple(sentences)
