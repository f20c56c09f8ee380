"""Tables of the layers of each network, and of the settings of every trial."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import accumulate
from typing import TYPE_CHECKING

from assay.core.plans import PlanData
from assay.core.records import Config
from assay.core.values import flatten
from assay.reports.tables import Column, Row, Table
from assay.statistics import factor_name

if TYPE_CHECKING:
    from assay.networks.network import Network
    from assay.networks.table import LayerRow

__all__ = ["NetworkOf", "network_tables", "settings_table"]

NetworkOf = Callable[[Config], "Network | None"]
"""Function from a trial's configuration to its network; None if it cannot be built."""

MAX_NETWORKS = 6
"""Maximum number of networks to list."""

_NAMED = 4
"""Maximum number of trials, or values of a setting, to list by name."""


def network_tables(
    plan: PlanData, network_of: NetworkOf, most_rows: float = math.inf
) -> list[Table]:
    """Return a table of layers for each different structure, with the trials that train it.

    Args:
        most_rows: leave out what is beyond so many rows of all tables, but never the first.
    """
    found: dict[tuple[object, ...], tuple[list[list[LayerRow]], list[str]]] = {}
    for trial in plan["trials"]:
        network = network_of(trial.get("config") or {})
        if network is None:
            continue
        from assay.networks.table import layer_table

        shape = network.input_shape
        first: LayerRow = {
            "name": "input", "layer": "", "output_shape": shape, "parameters": 0, "macs": 0
        }  # fmt: skip
        rows = [first, *layer_table(network)]
        key = tuple((_kind(r), r["output_shape"], r["parameters"]) for r in rows)
        tables, names = found.setdefault(key, ([], []))
        tables.append(rows)
        names.append(str(trial["label"]))
    several = len(found) > 1
    total = accumulate(len(tables[0]) for tables, _ in found.values())
    fits = sum(rows <= most_rows for rows in total)
    shown = list(found.values())[: min(max(fits, 1), MAX_NETWORKS)]
    made = [_layers(plan, _joined(tables), names if several else []) for tables, names in shown]
    if len(found) > len(shown):
        shows = f"assay network show {plan['study']} --trial LABEL"
        left = len(found) - len(shown)
        more = f"{left} more network{'s' * (left > 1)}: {shows}."
        made[-1] = replace(made[-1], notes=(*made[-1].notes, more))
    return made


def _kind(row: LayerRow) -> str:
    return str(row["layer"]).partition(",")[0]


def _joined(tables: list[list[LayerRow]]) -> list[LayerRow]:
    """Return the rows of equal structures, merging what they say about each layer."""
    rows: list[LayerRow] = []
    for alike in zip(*tables, strict=True):
        parts = [str(row["layer"]).split(", ") for row in alike]
        common = [part for part in parts[0] if all(part in other for other in parts)]
        differs = any(other != common for other in parts)
        rows.append({**alike[0], "layer": ", ".join([*common, *["…"] * differs])})
    return rows


def _layers(plan: PlanData, rows: list[LayerRow], names: list[str]) -> Table:
    columns = (
        Column("place", lambda r: r["name"], "left"),
        Column("layer", lambda r: r["layer"], "left"),
        Column("output", lambda r: " × ".join(map(str, r["output_shape"])), "left"),
        Column("parameters", _count("parameters")),
        Column("MACs", _count("macs")),
    )
    notes: tuple[str, ...]
    parameters, macs = sum(r["parameters"] for r in rows), sum(r["macs"] for r in rows)
    whose = f" of {_listed(names)}" if names else " of every trial"
    notes = (
        f"{parameters:,} trainable parameters; {macs:,} multiply-adds (MACs) for "
        "one image, forward.",
    )
    if any(row["layer"].endswith("…") for row in rows):
        notes += ("…: options that differ between these trials; see the settings.",)
    command = f"assay report {plan['study']}"
    return Table(f"Network{whose}", columns, tuple(rows), command, notes)


def _count(name: str) -> Callable[[Row], str]:
    return lambda row: f"{row[name]:,}" if row[name] else ""


def _listed(names: list[str]) -> str:
    more = len(names) - _NAMED
    return "; ".join(names[:_NAMED]) + (f"; and {more} more" if more > 0 else "")


_SECTIONS = ("network", "training", "task", "engine", "precision")


def settings_table(plan: PlanData) -> Table:
    """Return every setting of network and training with its value, or its values by trial."""
    configs = [trial.get("config") or {} for trial in plan["trials"]]
    flat = [dict(flatten({k: c[k] for k in _SECTIONS if k in c})) for c in configs]
    rows = []
    for name in dict.fromkeys(name for found in flat for name in found):
        values: dict[str, int] = {}
        for found in flat:
            said = _said(found[name]) if name in found else "-"
            values[said] = values.get(said, 0) + 1
        rows.append({"setting": name, "values": list(values)})
    factors = list(plan.get("factors") or {})
    columns = (
        Column("setting", lambda r: r["setting"], "left"),
        Column("value", lambda r: _listed(r["values"]), "left"),
    )
    varied = ", ".join(factor_name(f, factors) for f in factors)
    notes = (f"Several values differ between trials. Varied: {varied}.",) if varied else ()
    title = "Settings of network and training"
    return Table(title, columns, tuple(rows), f"assay report {plan['study']}", notes)


def _said(value: object) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_said, value))}]"
    if isinstance(value, Mapping):
        return ", ".join(f"{k} {_said(v)}" for k, v in value.items())
    return "none" if value is None else str(value)
