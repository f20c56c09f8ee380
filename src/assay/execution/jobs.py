"""Cutting cohorts into jobs: as large as the engine prefers, small enough to keep workers busy."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from assay.core.cores import make_span
from assay.engines.engine import Cohort, Member

__all__ = ["Part", "cut", "member_work"]

IMAGE_OVERHEAD = 50_000
"""Cost of an image besides its multiply-adds, in multiply-adds; it dominates tiny networks."""

SLACK = 1.1
"""Workers may finish this much later than if every run were a job of its own."""


@dataclass(frozen=True)
class Part:
    """Members of one cohort that train together, with their run names and expected work."""

    cohort: Cohort
    runs: tuple[str, ...]
    works: tuple[float, ...]

    @property
    def work(self) -> float:
        """Expected multiply-adds of all members."""
        return sum(self.works)

    @property
    def seed(self) -> int:
        """Seed of the first member."""
        return min(member.seed for member in self.cohort.members)

    def only(self, wanted: set[str]) -> Part:
        """Return the part with only some runs."""
        return self._take([i for i, run in enumerate(self.runs) if run in wanted])

    def pieces(self, count: int) -> Iterator[Part]:
        """Cut into `count` parts of nearly equal size."""
        edges = [len(self.runs) * i // count for i in range(count + 1)]
        for start, end in itertools.pairwise(edges):
            yield self._take(range(start, end))

    def _take(self, places: Sequence[int]) -> Part:
        members = tuple(self.cohort.members[i] for i in places)
        runs, works = (tuple(t[i] for i in places) for t in (self.runs, self.works))
        return Part(replace(self.cohort, members=members), runs, works)  # type: ignore[arg-type]


def member_work(member: Member, train_images: int) -> float:
    """Expected multiply-adds of a run over its whole budget, forward only.

    Args:
        member: the run.
        train_images: images in the training part of its dataset.
    """
    recipe = member.training
    images = recipe.last_step(train_images) * min(recipe.batch_size, train_images)
    return images * float(member.network.macs + IMAGE_OVERHEAD)


def cut(
    cohorts: Sequence[Cohort],
    train_images: Callable[[Cohort], int],
    limit: Callable[[Cohort], int],
    workers: int,
    least: float = 0.0,
) -> list[Part]:
    """Cut cohorts into parts for `workers` workers.

    The first seed's come before the second's, so that an interrupted study has every trial at the
    first seeds; within that, and where all would take much longer this way, the longest first.

    Args:
        cohorts: what to train.
        train_images: training images of a cohort's dataset.
        limit: how many members the engine likes to train together.
        workers: how many parts train at the same time.
        least: work of a part below which it is not cut for the sake of balance.
    """
    parts: list[Part] = []
    for cohort in cohorts:
        images = train_images(cohort)
        works = tuple(member_work(m, images) for m in cohort.members)
        whole = Part(cohort, tuple(m.run_id for m in cohort.members), works)
        parts += whole.pieces(-(-len(works) // max(1, limit(cohort))))
    # Splitting a part costs speed (its members share less), so only as far as balance requires.
    best = _least_span([work for part in parts for work in part.works], workers)
    for _ in range(4 * workers):
        divisible = [part for part in parts if len(part.runs) > 1 and part.work >= 2 * least]
        if not divisible or _least_span([p.work for p in parts], workers) <= SLACK * best:
            break
        largest = max(divisible, key=lambda part: part.work)
        parts.remove(largest)
        parts += largest.pieces(2)
    parts.sort(key=lambda part: -part.work)
    in_turn = sorted(parts, key=lambda part: part.seed)
    return in_turn if make_span([p.work for p in in_turn], workers) <= SLACK * best else parts


def _least_span(works: Sequence[float], workers: int) -> float:
    """Return that time with the longest job first, which is rarely more than the minimum.

    References:
        R. L. Graham, "Bounds on multiprocessing timing anomalies", 1969.
    """
    return make_span(sorted(works, reverse=True), workers)
