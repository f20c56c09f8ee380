"""The plans in a store, and the progress of each study."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TypedDict

from assay.core.digests import digest
from assay.core.errors import ConfigError, StoreError, did_you_mean, nearest
from assay.core.families import questions, related
from assay.core.plans import PlanData, decode_plan, is_imported, planned_runs
from assay.core.store_format import DAMAGED, StoredRow, encode_json
from assay.core.store_index import Index
from assay.core.store_soundness import UNREADABLE, WRONG, Soundness

__all__ = ["Plans", "RunCounts", "StoredStudy"]


class RunCounts(TypedDict):
    """How far the runs of a plan are, see `Plans.studies`."""

    runs: int
    present: int
    diverged: int
    failed: int
    damaged: int


class StoredStudy(RunCounts):
    """How far a study is, see `Plans.studies`."""

    study: str
    question: str
    scale: str
    command: str
    trials: int
    updated: str
    problem: str


class Plans:
    """The part of a store that keeps plans by study."""

    path: Path
    _index: Index
    _sound: Soundness

    def save_plan(self, plan: PlanData, updated: str = "") -> None:
        """Store the plan of a study, replacing an earlier one.

        Args:
            updated: when a copy was stored first, as in `studies`; "" for a new plan, stored now.

        Raises:
            StoreError: it cannot be written.
        """
        text = encode_json(plan, f"the plan of study {plan['study']!r}")
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        row = (str(plan["study"]), text, updated or now)
        with self._index.writing() as db:
            db.execute(
                "REPLACE INTO plans (study, plan, updated, digest) VALUES (?, ?, ?, ?)",
                (*row, digest(*row)),
            )

    def plan(self, study: str) -> PlanData:
        """Return the latest plan of a study.

        Args:
            study: a name, or NAME@SCALE for another scale than full; a plain name also finds the
                only stored scale.
        """
        rows = {str(row[0]): row for row in self._plan_rows()}
        scales = [name for name in rows if name.partition("@")[0] == study]
        if study not in rows and len(scales) == 1:
            study = scales[0]
        if study in rows:
            return self._decoded(rows[study])
        if scales:
            raise StoreError(
                f"study {study!r} is in the store {self.path} at several scales; name one: "
                f"{', '.join(scales)}"
            )
        hint = did_you_mean(nearest(study, rows))
        known = f" (there: {', '.join(rows)})" if rows else "; it contains no study yet"
        raise StoreError(f"no study {study!r} in the store {self.path}{hint}{known}")

    def plan_before(self, name: str) -> PlanData | None:
        """Return the plan stored under exactly this name; None if it is missing or damaged."""
        row = next((row for row in self._plan_rows() if str(row[0]) == name), None)
        with suppress(StoreError):
            return None if row is None else self._decoded(row)
        return None

    def refuse_imported(self, study: str) -> None:
        """Raise ConfigError if training a study, at any scale, would replace an imported one."""
        name = study.partition("@")[0]
        plan = self.plan_before(name)
        if plan and is_imported(plan):
            count = len(planned_runs(plan))
            raise ConfigError(
                f"study {name!r} was imported ({count} run{'s' * (count != 1)} in the store "
                f"{self.path}), and training would take its place; choose another name, for "
                f"example `study: {name}-trained`"
            )

    def study_names(self) -> set[str]:
        """Return the studies whose plans are stored, including damaged ones."""
        return {str(row[0]) for row in self._plan_rows()}

    def plan_stamps(self) -> dict[str, str]:
        """Return study -> a value that changes whenever its plan is written; no plan is read."""
        own = "digest" if self._index.version > 1 else "''"
        sql = f"SELECT study, updated || ' ' || {own} FROM plans"
        return {str(study): str(stamp) for study, stamp in self._index.each(sql)}

    def plans(self) -> Iterator[PlanData]:
        """Yield every plan that is not damaged."""
        for row in self._plan_rows():
            try:
                yield self._decoded(row)
            except StoreError:
                continue

    def related(self, plan: PlanData) -> list[PlanData]:
        """Return the plans of other studies that compare some of the same runs, by name."""
        others = {str(other["study"]): other for other in self.plans()}
        return [others[name] for name in related(questions(plan), map(questions, others.values()))]

    def plan_problems(self) -> Iterator[tuple[str, str]]:
        """Yield every study with the damage of its plan, "" for none."""
        for row in self._plan_rows():
            try:
                self._decoded(row)
                yield str(row[0]), ""
            except StoreError as error:
                yield str(row[0]), str(error)

    def studies(self) -> list[StoredStudy]:
        """Return one row per study: "study", "question", "scale", "command", "trials", "runs"
        planned, "present", "diverged" (among the present), "failed", "damaged" (in none of these
        counts), "updated" (UTC), and "problem": "", or the damage of its plan, in which case the
        rest is unknown."""
        return [self._summary(row) for row in self._plan_rows()]

    def _summary(self, row: StoredRow) -> StoredStudy:
        plan: PlanData = {}
        problem = ""
        try:
            plan = self._decoded(row)
        except StoreError as error:
            problem = str(error)
        return {
            "study": str(row[0]),
            "question": plan.get("question", ""),
            "scale": plan.get("scale", ""),
            "command": plan.get("command", ""),
            "trials": len((plan.get("search") or plan).get("trials", ())),
            **self.progress(plan),
            "updated": str(row[2]),
            "problem": problem,
        }

    def progress(self, plan: PlanData) -> RunCounts:
        """Return how many runs of a plan, which need not be stored, are in the store."""
        runs = planned_runs(plan)
        status = list(self._sound.states(runs).values())
        damaged, failed = status.count(DAMAGED), status.count("failed")
        return {
            "runs": len(runs),
            "present": len(status) - failed - damaged,
            "diverged": status.count("diverged"),
            "failed": failed,
            "damaged": damaged,
        }

    def _plan_rows(self) -> list[StoredRow]:
        """Rows of study, text, time and digest (NULL in format 1), by the studies' names."""
        own = "digest" if self._index.version > 1 else "NULL"
        sql = f"SELECT study, plan, updated, {own} FROM plans ORDER BY study"
        return list(self._index.each(sql))

    def _decoded(self, row: StoredRow) -> PlanData:
        *content, own = row
        again = f"`assay run` of the study writes it again ({self.path})"
        if own is not None and own != digest(*content):
            reason = UNREADABLE if own == DAMAGED else WRONG
            raise StoreError(f"the plan of study {str(row[0])!r} is damaged: {reason}; {again}")
        try:
            return decode_plan(row[1], row[0])
        except StoreError as error:
            raise StoreError(f"{error}; {again}") from error
