"""The material of a paper: a study's plan and records, and values derived from them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import count

from assay.core.plans import PlanData
from assay.core.records import Config, Record
from assay.reports.context import DatasetRow, dataset_rows
from assay.reports.predictions import DatasetOf
from assay.reports.settings import NetworkOf
from assay.reports.views import counts
from assay.statistics import DIFFERENT, Effect, effects, primary_metric

__all__ = ["Material", "slug", "told_apart"]


def slug(text: str) -> str:
    """Return a name for labels and files: letters, digits and hyphens."""
    kept = "".join(c if c.isascii() and c.isalnum() else "-" for c in text.lower())
    return "-".join(part for part in kept.split("-") if part) or "study"


@dataclass(frozen=True)
class Material:
    """One study of a paper.

    Attributes:
        plan: its plan, with trials named by their levels (`assay.reports.names.named`).
        records: its runs.
        tried: runs of its search.
        lookup: function from a configuration's "dataset" to its images, or None.
        network_of: function from a configuration to its network, or None.
        apart: its name and that of its chapter, if `told_apart` chose them.
    """

    plan: PlanData
    records: Sequence[Record]
    tried: Sequence[Record]
    lookup: DatasetOf
    network_of: NetworkOf
    apart: tuple[str, str] | None = None

    @property
    def study(self) -> str:
        """Its name in the store, with the scale: "tour@quick"."""
        return str(self.plan["study"])

    @property
    def name(self) -> str:
        """Its name without the scale, or with it if the paper has the study at several."""
        return self.apart[0] if self.apart else self.study.partition("@")[0]

    @property
    def chapter(self) -> str:
        """The name of its chapter, with which its labels begin."""
        return self.apart[1] if self.apart else slug(self.name)

    @property
    def title(self) -> str:
        """The heading of its chapter in a paper of several studies: "tour, quick"."""
        return self.study.replace("@", ", ")

    @property
    def question(self) -> str:
        """Its question."""
        return str(self.plan.get("question") or "")

    @cached_property
    def metric(self) -> str:
        """Its main metric, on the test split."""
        return f"test_{primary_metric(self.plan, self.records)}"

    @cached_property
    def effects(self) -> list[Effect]:
        """Its comparisons, corrected over all of them."""
        return effects(self.plan, self.records, self.metric)

    @cached_property
    def called(self) -> list[Effect]:
        """Its significant comparisons."""
        return [e for e in self.effects if e.verdict in DIFFERENT]

    @cached_property
    def counts(self) -> dict[str, int]:
        """Runs planned, finished, diverged, failed, missing."""
        return counts(self.plan, self.records)

    @cached_property
    def data(self) -> list[DatasetRow]:
        """Its datasets: sizes and fingerprints."""
        return dataset_rows(self.plan, self.records, self.lookup)

    @property
    def configs(self) -> list[Config]:
        """The configurations of its trials; imported results have none."""
        configs = [trial.get("config") or {} for trial in self.plan["trials"]]
        return [config for config in configs if "imported" not in config]

    def label(self, name: str) -> str:
        """The label of one of its figures or tables."""
        return f"{self.chapter}/{name}"


def told_apart(studies: Sequence[Material], taken: Iterable[str]) -> list[Material]:
    """Return the studies with names and chapters that differ.

    A study keeps its scale if another has the same name. A chapter whose name is taken is numbered:
    "my-study-2".

    Args:
        taken: names that no chapter of a study may have.
    """
    bare = [m.study.partition("@")[0] for m in studies]
    often, used = Counter(bare), set(taken)
    names = [m.study if often[b] > 1 else b for m, b in zip(studies, bare, strict=True)]
    chapters: dict[int, str] = {}
    # a name that can be a chapter's as it is comes first, so that no other study takes it
    changed = [name != slug(name) or name in used for name in names]
    for i in sorted(range(len(names)), key=lambda i: changed[i]):
        usual = slug(names[i])
        numbered = (f"{usual}-{n}" if n > 1 else usual for n in count(1))
        chapters[i] = next(chapter for chapter in numbered if chapter not in used)
        used.add(chapters[i])
    return [replace(m, apart=(names[i], chapters[i])) for i, m in enumerate(studies)]
