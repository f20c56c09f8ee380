"""The nodes of a cluster, for `assay doctor --on` and `assay run --dry-run --on`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from assay.apps.cli import console
from assay.apps.cli.options import Places
from assay.apps.cli.progress import estimated, runs_text

if TYPE_CHECKING:
    from assay.core.records import Config
    from assay.execution.executors.executor import Capacity
    from assay.execution.place import Machine

__all__ = ["show_nodes", "show_place"]


def show_nodes(on: str, places: Places, json: bool) -> None:
    """Connect to an executor and list its nodes."""
    from assay.execution.place import parse_place
    from assay.execution.sizing import survey

    place = parse_place(on)
    found = survey(place, None, places.data_path, places.store_path)
    if json:
        from dataclasses import asdict

        console.json({"on": str(place), **asdict(found)})
        return
    console.heading(f"{place}: {found.workers} workers of {found.threads} threads")
    _table(found)


def show_place(machine: Machine, places: Places, configs: Sequence[Config]) -> None:
    """Print what would run where, and for how long."""
    from assay.execution.sizing import forecast

    place, data, store = machine.place, places.data_path, places.store_path
    found = forecast(configs, place, machine.workers, data, store)
    console.heading(f"on {place}")
    _table(found.capacity)
    there = found.capacity
    unit = "GPU each" if there.device == "cuda" else f"{there.threads} threads each"
    console.say()
    console.fields(
        {
            "jobs": f"{found.jobs}, the largest of {runs_text(found.longest)}",
            "workers": f"{min(there.workers, found.jobs)} of {there.workers}, {unit}",
            "time there": f"{estimated(found.seconds)} for all runs "
            "(a rough estimate, by a core of this machine)",
        }
    )


def _table(found: Capacity) -> None:
    rows = [
        (
            n.name,
            f"{n.cpus}",
            f"{n.gpus}",
            f"{n.memory / 2**30:.1f} GiB" if n.memory else "",
            n.note,
        )
        for n in found.nodes
    ]
    console.table(("node", ">cores", ">GPUs", ">memory", "state"), rows)
