"""Panels of learning curves: few lines in each, chosen to answer a question."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypedDict

import numpy as np

from assay.core.plans import PlanData
from assay.reports.names import marked
from assay.reports.views import TrialCurves, curve_names, data_groups, data_names
from assay.statistics import factor_name, metric_of

__all__ = ["LINES", "Panel", "PanelLine", "curve_panels"]

LINES = 6
"""Maximum number of distinguishable lines in one axes."""


class PanelLine(TypedDict):
    """A line of a panel: what the legend calls it, and its curves."""

    label: str
    curve: TrialCurves


class Panel(TypedDict):
    """Lines that share their axes, and how many more had no room."""

    title: str
    lines: list[PanelLine]
    left_out: int


def curve_panels(plan: PlanData, entries: Sequence[TrialCurves]) -> list[Panel]:
    """Return panels {"title", "lines": [{"label", "curve"}], "left_out"} of at most LINES lines.

    Few trials on one kind of data share a panel. In a one-at-a-time design, each factor has a panel
    with its levels, the others at their reference. In a full factorial design, there is a panel for
    each combination of the other factors, with a line for each level of the last factor that does
    not change the data. Otherwise, the panel shows the trials with the best validation value,
    and how many are omitted.
    """
    groups = data_groups(plan)
    factors = dict(plan.get("factors") or {})
    if len(entries) <= 4 and len(groups) == 1:
        return [_panel("", [(e["name"], e) for e in entries])] if entries else []
    if factors and plan.get("design") == "one_at_a_time":
        panels = _by_factor(factors, entries)
    elif factors and plan.get("design") == "full_factorial":
        panels = _by_combination(factors, entries, _of_data(plan, factors))
    else:
        names = {t["trial_id"]: name for name, trials in groups.items() for t in trials}
        by_data: dict[str, list[tuple[str, TrialCurves]]] = {}
        for e in entries:
            by_data.setdefault(names.get(e["trial_id"], ""), []).append((e["name"], e))
        panels = [_panel(name if len(by_data) > 1 else "", x) for name, x in by_data.items()]
    return [panel for panel in panels if panel["lines"]]


def _panel(title: str, lines: Sequence[tuple[str, TrialCurves]]) -> Panel:
    kept = list(lines)
    if len(kept) > LINES:
        order = sorted(range(len(kept)), key=lambda i: -_merit(kept[i][1]))
        kept = [kept[i] for i in sorted(order[:LINES])]
    return {
        "title": title,
        "lines": [{"label": label, "curve": curve} for label, curve in kept],
        "left_out": len(lines) - len(kept),
    }


def _merit(entry: TrialCurves) -> float:
    """Return the best validation value of the mean curve, higher is better."""
    names = [f"val_{name}" for name in curve_names([entry["series"]])]
    for name in names:  # the loss comes last: it is not comparable across targets
        higher = metric_of(name).higher_is_better
        if name in entry["series"] and higher is not None:
            return float(np.max((1 if higher else -1) * entry["series"][name]["mean"]))
    return -np.inf


def _by_factor(
    factors: Mapping[str, Sequence[object]], entries: Sequence[TrialCurves]
) -> list[Panel]:
    reference = {name: str(levels[0]) for name, levels in factors.items()}
    by_levels: dict[frozenset[tuple[str, str]], list[TrialCurves]] = {}
    for entry in entries:
        by_levels.setdefault(frozenset(entry["levels"].items()), []).append(entry)
    panels = []
    for factor, levels in factors.items():
        lines = []
        for level in map(str, levels):
            wanted = frozenset({**reference, factor: level}.items())
            name = marked(level, {"baseline": level == reference[factor]})
            lines += [(name, e) for e in by_levels.get(wanted, [])]
        panels.append(_panel(factor_name(factor, list(factors)), lines))
    return panels


def _of_data(plan: PlanData, factors: Mapping[str, Sequence[object]]) -> set[str]:
    """Return the factors that change the data."""
    found = set()
    for factor in factors:
        names: dict[tuple[str, ...], set[str]] = {}
        data = data_names(trial["config"] for trial in plan["trials"])
        for name, trial in zip(data, plan["trials"], strict=True):
            others = tuple(str(v) for k, v in trial["levels"].items() if k != factor)
            names.setdefault(others, set()).add(name)
        if any(len(group) > 1 for group in names.values()):
            found.add(factor)
    return found


def _by_combination(
    factors: Mapping[str, Sequence[object]], entries: Sequence[TrialCurves], of_data: set[str]
) -> list[Panel]:
    names = list(factors)
    inner = next((f for f in reversed(names) if f not in of_data), names[-1])
    others = [f for f in names if f != inner]
    cells: dict[tuple[str, ...], list[tuple[str, TrialCurves]]] = {}
    for e in entries:
        key = tuple(str(e["levels"].get(f)) for f in others)
        cells.setdefault(key, []).append((str(e["levels"].get(inner)), e))
    return [
        _panel(
            ", ".join(
                f"{factor_name(f, names)} = {level}" for f, level in zip(others, key, strict=True)
            ),
            lines,
        )
        for key, lines in cells.items()
    ]
