"""`assay store`: looking after the folder with the records."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from assay.apps.cli import console
from assay.apps.cli.options import Places

if TYPE_CHECKING:
    from assay.core.store_check import Checked

__all__ = ["app"]

app = App(name="store", help="Look after the folder of records.", help_format="plaintext")

DAMAGED = 1
"""Exit status where something is damaged."""


@app.command
def check(
    *,
    json: Annotated[bool, Parameter(negative="", show_default=False)] = False,
    places: Places | None = None,
) -> int:
    """Read everything in the store and say what is damaged.

    Records, arrays, weights, checkpoints and plans are held to their checksums, and SQLite checks
    its index. Nothing is changed. The exit status is 0 when all is sound, 1 when something is
    damaged, 2 when the store cannot be opened.

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
        console.say("left over, which does no harm:")
        console.points(found.left_over)
        console.say()
    if found.format < VERSION:
        console.say(
            f"It has no checksums (format {found.format}): only what cannot be read was noticed. "
            "The next `assay run` on it adds them."
        )
    n = len(found.damaged)
    console.say("nothing is damaged" if not n else f"damaged: {n:,}")
