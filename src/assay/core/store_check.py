"""Reads everything in a store to find damage."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from assay.core.digests import check_seal
from assay.core.errors import StoreError
from assay.core.store import Store
from assay.core.store_format import decode_arrays

__all__ = ["KINDS", "Checked", "Finding", "check_store"]

KINDS = ("index", "plan", "record", "arrays", "weights", "checkpoint")

ADVICE = {
    "index": "copy the folder, then restore index.sqlite from a backup",
    "plan": "`assay run` of the study writes it again",
    "checkpoint": "nothing: it is ignored, and the run creates a new one",
}
TRAIN_AGAIN = "`assay run` of its study trains the run again"


@dataclass(frozen=True)
class Finding:
    """One damaged item.

    Attributes:
        kind: one of KINDS.
        name: the run, study or file.
        problem: description of the damage.
        advice: what to do.
    """

    kind: str
    name: str
    problem: str
    advice: str


@dataclass
class Checked:
    """The result of a check.

    Attributes:
        store: the folder.
        format: of its index; format 1 has no checksums, so that little damage can be detected.
        checked: number of items of each of KINDS.
        damaged: the damaged items.
        left_over: harmless files and rows without a run.
    """

    store: Path
    format: int
    checked: dict[str, int] = field(default_factory=lambda: dict.fromkeys(KINDS, 0))
    damaged: list[Finding] = field(default_factory=list)
    left_over: list[str] = field(default_factory=list)

    @property
    def sound(self) -> bool:
        """Whether nothing is damaged."""
        return not self.damaged

    def add(self, kind: str, name: str, problem: str = "") -> None:
        """Count one item, and add its damage, if any."""
        self.checked[kind] += 1
        if problem:
            advice = ADVICE.get(kind, TRAIN_AGAIN)
            self.damaged.append(Finding(kind, name, problem, advice))


def check_store(
    path: str | Path, on_progress: Callable[[float, str], None] | None = None
) -> Checked:
    """Verify every record, array, weights file, checkpoint and plan, and SQLite's structures.

    Nothing is written. The store may be in use.

    Args:
        on_progress: called with the fraction done, 0 to 1, and the current step.

    Raises:
        StoreError: there is no store, or its index cannot even be opened.
    """
    told = on_progress or (lambda share, doing: None)
    with Store(path, create=False, read_only=True) as store:
        found = Checked(store.path, store.format)
        for problem in store.integrity():
            found.add("index", "index.sqlite", problem)
        found.checked["index"] = 1
        try:
            for name, problem in store.plan_problems():
                found.add("plan", name, problem)
            runs = _check_runs(store, found, told)
            for kept in sorted(store.checkpoints.glob("*.safetensors")):
                _check_checkpoint(kept, found)
            found.left_over += _left_over(store, runs)
        except StoreError as error:  # SQLite cannot continue after a damaged page
            found.damaged.append(Finding("index", "index.sqlite", str(error), ADVICE["index"]))
    return found


def _check_runs(store: Store, found: Checked, told: Callable[[float, str], None]) -> set[str]:
    total, runs = len(store.run_ids()), set()
    for run, has_weights, parts in store.everything():
        problems = dict(parts)
        for kind in ("record", "arrays", "weights")[: 3 if has_weights else 2]:
            found.add(kind, run, problems.get(kind, ""))
        runs.add(run)
        told(min(len(runs) / total, 1.0), "reading records, arrays and weights")
    return runs


def _check_checkpoint(file: Path, found: Checked) -> None:
    try:
        content = file.read_bytes()
    except FileNotFoundError:
        return  # its run has ended meanwhile
    except OSError as error:
        found.add("checkpoint", file.name, f"cannot read {file}: {error.strerror or error}")
        return
    problem = ""
    try:
        decode_arrays(content, str(file))
        check_seal(content)
    except (StoreError, ValueError) as error:
        said = str(error)
        problem = said if isinstance(error, StoreError) else f"{file} is damaged: {said}"
    found.add("checkpoint", file.name, problem)


def _left_over(store: Store, runs: set[str]) -> Iterator[str]:
    for file in sorted((store.path / "weights").glob("*.safetensors")):
        if file.stem not in runs:
            yield f"{file}: weights of a run that is not in the index"
    for file in sorted(store.unfinished()):
        yield f"{file}: half-written, or being written"
    for run in store.arrays_alone():
        yield f"arrays of run {run}, which has no record"
