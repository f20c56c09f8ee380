"""Maintenance of a store: backup, merge, deletion of unused runs, repair of the index."""

from __future__ import annotations

import os
import shutil
import sqlite3
import time
from collections.abc import Callable, Collection, Iterable
from contextlib import closing, suppress
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path

from assay.core.errors import StoreError, did_you_mean, nearest
from assay.core.files import delete, written_whole
from assay.core.plans import PlanData, needed_runs
from assay.core.same_results import DIFFERENT, agreement
from assay.core.store import Store
from assay.core.store_format import VERSION
from assay.core.store_holding import holding

__all__ = [
    "Gone",
    "Joined",
    "Repaired",
    "backup",
    "collect_garbage",
    "export_studies",
    "merge",
    "repair",
]

REPAIR = "repaired.tmp"
"""The folder in a store to which a repair copies what can be read."""

ENDS = ("-wal", "-shm")
"""What the names of the files end in that SQLite writes beside an index."""

Told = Callable[[float, str], None]


def _silent(share: float, doing: str) -> None:
    """Progress callback that does nothing."""


@dataclass
class Joined:
    """The result of copying runs from one store into another.

    Attributes:
        added: copied runs; equal: runs that exist already with the same results, as far as rounding
            goes; damaged: runs that are damaged in the source and not copied.
        different: runs that exist with other results and are unchanged.
        plans: studies whose plans were copied.
    """

    added: int = 0
    equal: int = 0
    damaged: list[str] = field(default_factory=list)
    different: list[str] = field(default_factory=list)
    plans: list[str] = field(default_factory=list)


def merge(into: Path, source: Path, told: Told = _silent) -> Joined:
    """Add everything that another store holds; existing runs are unchanged.

    If a study is in both, the later plan is kept.

    Raises:
        StoreError: one of the stores cannot be opened, or `into` cannot be written.
    """
    if into.resolve() == source.resolve():
        raise StoreError(f"{source} cannot be merged into itself")
    if not (source / "index.sqlite").exists():
        beside = [found.parent for found in source.parent.glob("*/index.sqlite")]
        hint = did_you_mean(nearest(str(source), [str(folder) for folder in beside]))
        raise StoreError(f"{source} is no store: it has no index.sqlite{hint}")
    with Store(source, create=False, read_only=True) as theirs, Store(into) as ours:
        known = {row["study"]: row["updated"] for row in ours.studies()}
        later = {
            row["study"]: row["updated"]
            for row in theirs.studies()
            if not row["problem"] and row["updated"] > known.get(row["study"], "")
        }
        plans = [(theirs.plan(study), updated) for study, updated in later.items()]
        found = _copy(theirs, ours, theirs.run_ids(), plans, told)
        _copy_files(theirs.checkpoints, ours.checkpoints)
    return found


def export_studies(
    source: Path, target: Path, studies: Collection[str], told: Told = _silent
) -> Joined:
    """Write a store with some studies only, to share them, and the runs that they begin with.

    Raises:
        StoreError: there is no such study, or `target` exists.
    """
    _must_be_new(target)
    with Store(source, create=False, read_only=True) as theirs:
        plans = [theirs.plan(study) for study in studies]
        runs = dict.fromkeys(run for plan in plans for run in needed_runs(plan))
        there = theirs.recorded(runs, failed=True)
        stored = {row["study"]: row["updated"] for row in theirs.studies()}
        dated = [(plan, stored[str(plan["study"])]) for plan in plans]
        with Store(target) as ours:
            return _copy(theirs, ours, [run for run in runs if run in there], dated, told)


def _copy(
    theirs: Store,
    ours: Store,
    runs: Collection[str],
    plans: Iterable[tuple[PlanData, str]],
    told: Told,
) -> Joined:
    """Copy plans with their times, and runs; the plans first, so that their runs are never without
    one."""
    found = Joined()
    damaged = {run for run, _, parts in theirs.everything() if parts}
    with holding(ours, runs):
        for plan, updated in plans:
            ours.save_plan(plan, updated)
            found.plans.append(str(plan["study"]))
        for count, run in enumerate(runs, start=1):
            told(count / len(runs), "copying runs")
            if run in damaged:
                found.damaged.append(run)
            else:
                _copy_run(theirs, ours, run, found)
    return found


def _copy_run(theirs: Store, ours: Store, run: str, found: Joined) -> None:
    record = theirs.record(run)
    if ours.present([run]):
        differ = agreement(ours.record(run), record)[0] == DIFFERENT
        found.equal += not differ
        found.different += [run] if differ else []
    else:
        weights = theirs.weights(run) if record.status != "failed" else {}
        found.added += ours.add(replace(record, weights=weights))


def backup(source: Path, target: Path) -> int:
    """Copy a store that may be in use, by SQLite's own backup of its index.

    Returns:
        The number of runs in the copy.

    Raises:
        StoreError: there is no store, or `target` exists or cannot be written.
    """
    _must_be_new(target)
    with Store(source, create=False, read_only=True):
        pass
    try:
        address = f"{(source / 'index.sqlite').absolute().as_uri()}?mode=ro"
        with written_whole(target / "index.sqlite") as part:
            with (
                closing(sqlite3.connect(address, uri=True)) as old,
                closing(sqlite3.connect(part)) as new,
            ):
                old.backup(new)
            # weights are written before their record, so that every run above has its own
            for folder in ("weights", "checkpoints"):
                _copy_files(source / folder, target / folder)
    except (OSError, sqlite3.Error) as error:
        raise StoreError(f"cannot copy {source} to {target}: {error}") from error
    with Store(target, create=False, read_only=True) as copy:
        return len(copy.run_ids())


def _must_be_new(target: Path) -> None:
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise StoreError(f"{target} exists; name a folder that does not")


def _copy_files(source: Path, target: Path) -> None:
    for file in sorted(source.glob("*.safetensors")):
        final = target / file.name
        if not final.exists():
            with suppress(FileNotFoundError), written_whole(final) as part:  # its run has ended
                shutil.copyfile(file, part)


@dataclass
class Gone:
    """What no plan refers to.

    Attributes:
        runs: runs that no plan names.
        files: weights and checkpoints without a run, and unfinished files.
        size: bytes of these files.
    """

    runs: list[str] = field(default_factory=list)
    files: list[Path] = field(default_factory=list)
    size: int = 0


def collect_garbage(path: Path, remove: bool = True) -> Gone:
    """Delete runs that no plan needs, with their files, and files without a run.

    A plan needs its own runs, and those of other studies that they begin with.

    Args:
        remove: if False, only report what would be deleted.

    Raises:
        StoreError: a plan is damaged, so that its runs are unknown; or runs are being trained or
            copied, as by a repair.
    """
    with Store(path, create=False, read_only=not remove) as store:
        for study, problem in store.plan_problems():
            if problem:
                raise StoreError(f"nothing was deleted: {problem} (study {study!r})")
        there = store.run_ids()  # before the claims: what is stored from now on is not dropped
        if store.claimed() or _in_repair(path):
            raise StoreError(
                "nothing was deleted, because runs of this store are being trained or copied"
            )
        named = {run for plan in store.plans() for run in needed_runs(plan)}
        runs = [run for run in there if run not in named]
        keep = named & set(there)
        found = Gone(runs)
        for file in (path / "weights").glob("*.safetensors"):
            found.files += [file] * (file.stem not in keep)
        for file in (path / "checkpoints").glob("*.safetensors"):
            found.files += [file] * (file.name.partition(".")[0] not in named)
        found.files += store.unfinished()
        sizes = {file: _size(file) for file in found.files}
        if remove:
            store.drop(runs)
            found.files = [file for file in found.files if _deleted(file)]
        found.size = sum(sizes[file] for file in found.files)
    return found


def _size(file: Path) -> int:
    with suppress(OSError):
        return sum(part.stat().st_size for part in (file, *file.glob("*")) if part.is_file())
    return 0


def _deleted(file: Path) -> bool:
    """Delete a file; one that cannot be deleted, perhaps because it is in use, is left for the next
    time."""
    with suppress(OSError):
        delete(file)
        return True
    return False


@dataclass
class Repaired:
    """The result of a repair.

    Attributes:
        runs, plans: their number in the index, damaged plans included.
        kept: the path of the damaged index; None if nothing was changed.
        lost: runs that could not be copied; unread: studies whose plans could not be.
    """

    runs: int
    plans: int
    kept: Path | None = None
    lost: list[str] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)


def repair(path: Path) -> Repaired:
    """Rebuild a damaged index from what can still be read; the damaged one is kept.

    Damaged records are left out; the next `assay run` of their study trains these runs. A damaged
    plan stays, so that nothing takes its runs for unused, until its study is run again.

    Raises:
        StoreError: nothing in it can be read; another command repairs it; or runs are being trained
            or copied, whose records would go to the damaged index.
    """
    index = path / "index.sqlite"
    if not index.is_file():
        raise StoreError(f"no store at {path}; there is nothing to repair")
    claimed: list[str] = []  # stays empty if the damage hides them: nothing else can be done
    old = False
    with suppress(StoreError), Store(path, create=False, read_only=True) as store:
        old = store.format < VERSION
        claimed = store.claimed()
        if not store.integrity() and not any(p for _, _, p in store.everything()):
            return Repaired(len(store.run_ids()), len(store.study_names()))
    if _in_repair(path):
        raise StoreError(
            f"nothing was repaired, because another command repairs the store {path}; wait for it"
        )
    if claimed:
        are = "1 run is" if len(claimed) == 1 else f"{len(claimed)} runs are"
        raise StoreError(
            f"nothing was repaired, because {are} being trained or copied into the store {path}; "
            "wait for the end, or press Ctrl-C there, and repair it then"
        )
    if old:  # only rows with checksums are copied
        with Store(path) as store:
            store.upgrade()
    fresh = path / REPAIR
    shutil.rmtree(fresh, ignore_errors=True)
    with Store(fresh) as new, holding(new, [REPAIR]):  # so that others see that it is in use
        found = new.salvage(index, likely := _likely_runs(path))
        planned = {run for plan in new.plans() for run in needed_runs(plan)}
    if not found.runs and not found.plans:
        shutil.rmtree(fresh, ignore_errors=True)
        raise StoreError(f"{index} cannot be read at all; restore it from a backup")
    now = time.strftime("%Y%m%d-%H%M%S")
    names = (path / f"index-damaged-{now}{-n or ''}.sqlite" for n in count())
    kept = next(name for name in names if not name.exists())
    # whenever it is killed, there is an index: without one, a command would begin an empty store
    for end in ("", *ENDS):
        _name_too(index.with_name(index.name + end), kept.with_name(kept.name + end))
    for end in ENDS:
        index.with_name(index.name + end).unlink(missing_ok=True)
    (fresh / "index.sqlite").replace(index)
    shutil.rmtree(fresh, ignore_errors=True)
    # other weights may be of a run that was deleted
    tried = [*found.lost, *(run for run in likely if run in planned)]
    lost = [run for run in dict.fromkeys(tried) if run not in found.runs]
    return Repaired(len(found.runs), len(found.plans), kept, lost, found.unread)


def _in_repair(path: Path) -> bool:
    """Whether a command repairs a store; what a killed one has left is not in use."""
    with suppress(StoreError), Store(path / REPAIR, create=False, read_only=True) as fresh:
        return bool(fresh.claimed())
    return False


def _name_too(file: Path, name: Path) -> None:
    """Give a file, if there is one, a second name."""
    try:
        os.link(file, name)
    except FileNotFoundError:
        return
    except OSError:  # a file system without links
        shutil.copyfile(file, name)


def _likely_runs(path: Path) -> list[str]:
    """Return names of runs by their weights files, for an index that cannot be scanned."""
    return [file.stem for file in sorted((path / "weights").glob("*.safetensors"))]
