"""`assay store`: check, copy and clean the folder with the records."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from assay.apps.cli import console
from assay.apps.cli.options import Places
from assay.apps.cli.progress import runs_text

if TYPE_CHECKING:
    from assay.core.store import Store
    from assay.core.store_care import Joined
    from assay.core.store_check import Checked

__all__ = ["app"]

app = App(name="store", help="Check, copy and clean the store, the folder of records.")

DAMAGED = 1
"""Exit status where something is damaged."""


@app.command
def check(
    *,
    json: Annotated[bool, Parameter(negative="", show_default=False)] = False,
    places: Places | None = None,
) -> int:
    """Read everything in the store and say what is damaged.

    Records, arrays, weights, checkpoints and plans are verified against their checksums, and SQLite
    checks its index. Nothing is changed. The exit status is 0 when all is sound, 1 when something
    is damaged, 2 when the store cannot be opened.

    Args:
        json: Print JSON.
    """
    from assay.core.store_check import check_store

    found = check_store((places or Places()).store_path, console.progress())
    if json:
        _print_json(found)
    else:
        _show(found)
    return 0 if found.sound else DAMAGED


@app.command
def backup(target: Path, /, *, places: Places | None = None) -> None:
    """Copy the store into a new folder, even while it is in use.

    Args:
        target: Folder to make.
    """
    from assay.core.store_care import backup as copy

    source = (places or Places()).store_path
    console.say(f"copied {runs_text(copy(source, target))} of {source} to {target}")


@app.command
def merge(source: Path, /, *, places: Places | None = None) -> int:
    """Add the runs and studies of another store to this one.

    Existing runs are kept. The exit status is 1 when a run is in both with different results, or
    is damaged.

    Args:
        source: The other store.
    """
    from assay.core.store_care import merge as join

    into = (places or Places()).store_path
    found = join(into, source, console.progress())
    return _joined(found, f"from {source} to {into}")


@app.command
def export(target: Path, /, *studies: str, places: Places | None = None) -> int:
    """Copy some studies into a new store, to share them.

    Args:
        target: Folder to make.
        studies: Names of studies [all].
    """
    from assay.core.store import Store
    from assay.core.store_care import export_studies

    source = (places or Places()).store_path
    if not studies:
        with Store(source, create=False, read_only=True) as store:
            studies = tuple(sorted(store.study_names()))
    found = export_studies(source, target, studies, console.progress())
    return _joined(found, f"from {source} to {target}")


@app.command
def gc(
    *,
    dry_run: Annotated[bool, Parameter(negative="", show_default=False)] = False,
    places: Places | None = None,
) -> None:
    """Delete runs that no study refers to, and files without a run.

    Args:
        dry_run: Only show what would be deleted.
    """
    from assay.core.store_care import collect_garbage

    found = collect_garbage((places or Places()).store_path, remove=not dry_run)
    console.points([f"run {run}" for run in found.runs])
    said = f"{runs_text(len(found.runs))} and {len(found.files)} files of {found.size:,} bytes"
    console.say(f"{'would drop' if dry_run else 'dropped'} {said}")


@app.command
def repair(*, places: Places | None = None) -> int:
    """Rebuild a damaged index from what can still be read; the damaged one is kept.

    It says what could not be kept, and how to get it back: `assay run` of a study trains the runs
    that are missing. The exit status is 1 when the plan of a study is damaged or lost, which only
    `assay run` of that study can write again.
    """
    from assay.core.store import Store
    from assay.core.store_care import repair as mend

    path = (places or Places()).store_path
    found = mend(path)
    with Store(path, create=False, read_only=True) as store:
        damaged = [problem for _, problem in store.plan_problems() if problem]
        lost = list(_lost(store, found.lost))
    damaged += [
        f"the plan of study {study!r} could not be read; `assay run` of the study writes it again, "
        f"and until then `assay store gc` would delete its runs ({path})"
        for study in found.unread
    ]
    if found.kept is not None:
        kept = f"kept {runs_text(found.runs)} and {found.plans} plan{'s' * (found.plans != 1)}"
        console.say(f"{kept}; the damaged index is now {found.kept}")
        console.points([*lost, *damaged])
    elif damaged:
        console.say("the index needs no repair, but:")
        console.points(damaged)
    else:
        console.say(f"nothing is damaged in {path}")
    return DAMAGED if damaged else 0


def _lost(store: Store, runs: list[str]) -> Iterator[str]:
    """Say of which studies these runs are, and how to get them back."""
    from assay.core.plans import is_imported, needed_runs
    from assay.execution.stop import with_store

    rest = set(runs)
    for plan in store.plans():
        if own := [run for run in needed_runs(plan) if run in rest]:
            rest.difference_update(own)
            command = with_store(plan.get("command") or f"assay run {plan['study']}", store)
            again = f"`{command}` trains {'it' if len(own) == 1 else 'them'} again"
            again = "import the study again" if is_imported(plan) else again
            yield f"lost of study {plan['study']!r}: {_named(own)}; {again}"
    if rest:
        yield f"lost, of no study whose plan can be read: {_named(sorted(rest))}"


def _named(runs: Sequence[str]) -> str:
    return f"{runs_text(len(runs))} ({', '.join(runs[:5])}{', ...' * (len(runs) > 5)})"


def _joined(found: Joined, way: str) -> int:
    existed = found.equal + len(found.different)
    console.say(f"{runs_text(found.added)} copied {way}, {existed} already existed")
    if found.plans:
        console.say(f"plans copied: {', '.join(found.plans)}")
    for runs, what in (
        (found.damaged, "damaged in the source and left out"),
        (found.different, "here already with other results, which are kept"),
    ):
        if runs:
            are = f"{runs_text(len(runs))} {'is' if len(runs) == 1 else 'are'}"
            shown = ", ".join(runs[:5]) + ", ..." * (len(runs) > 5)
            console.remark(f"{are} {what}: {shown}")
    return DAMAGED if found.damaged or found.different else 0


def _print_json(found: Checked) -> None:
    import json
    from dataclasses import asdict

    said = asdict(found) | {"store": str(found.store), "sound": found.sound}
    print(json.dumps(said, indent=2))


def _show(found: Checked) -> None:
    from assay.core.store_format import VERSION

    wrong = [finding.kind for finding in found.damaged]
    rows = [(kind, f"{n:,}", f"{wrong.count(kind):,}") for kind, n in found.checked.items()]
    console.heading(f"store {found.store}, format {found.format}")
    console.table(("what", ">checked", ">damaged"), rows)
    for finding in found.damaged:
        console.say()
        console.say(f"{finding.kind} {finding.name}: {finding.problem}")
        console.say(f"  what to do: {finding.advice}")
    console.say()
    if found.left_over:
        console.say("left over (harmless):")
        console.points(found.left_over)
        console.say()
    if found.format < VERSION:
        console.say(
            f"It has no checksums (format {found.format}): only what cannot be read was detected. "
            "The next `assay run` on it adds them."
        )
    n = len(found.damaged)
    console.say("nothing is damaged" if not n else f"damaged: {n:,}")
