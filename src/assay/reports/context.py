"""What stands around the results: published values, the data, the machine, the time it took."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from assay.core.records import Record
from assay.reports.views import SPENT, data_groups, data_name, flat
from assay.statistics import (
    Estimate,
    best_trial,
    by_trial,
    estimate_runs,
    metric_of,
    metric_title,
    primary_metric,
)

if TYPE_CHECKING:
    from assay.data.dataset import Dataset

__all__ = ["dataset_rows", "environment", "lacking_notes", "published_rows", "when"]


def published_rows(plan: Mapping[str, Any], records: Iterable[Record]) -> list[dict[str, Any]]:
    """Return published values beside ours.

    An entry that names a trial is set beside it; one that names a dataset (or nothing) beside the
    trial that validation chose there. "verdict" is "above" or "below" when our interval leaves the
    published value out (for a loss: "above" is still above), "same" when it holds it, and for a
    single run what its value says, with n = 1 to be seen; None when nothing finished.
    """
    records = list(records)
    runs = by_trial(records)
    rows = []
    for entry in plan.get("published") or []:
        metric = str(entry.get("metric") or f"test_{primary_metric(plan, records)}")
        label, dataset = entry.get("trial"), entry.get("dataset")
        trials = [t for t in plan["trials"] if label in (None, t["label"])]
        if dataset is not None:
            trials = [t for t in trials if dataset in (data_name(t), data_name(t).split(",")[0])]
        best = best_trial(plan, records, trials=trials)
        trial = best.trial if best else (trials[0] if trials else None)
        ours = estimate_runs(runs.get(trial["trial_id"], []) if trial else [], metric)
        value = float(entry["value"])
        rows.append(
            {
                "trial": str(trial["label"]) if trial else str(label or dataset or ""),
                "dataset": data_name(trial) if trial else dataset,
                "metric": metric,
                "published": value,
                **flat("ours", ours),
                "n": ours.n,
                "verdict": _against(value, ours),
                "better": _better(value, ours, metric),
                "source": str(entry.get("source") or ""),
            }
        )
    return rows


def _against(value: float, ours: Estimate) -> str | None:
    if not ours.n:
        return None
    low, high = (ours.low, ours.high) if ours.n > 1 else (ours.mean, ours.mean)
    return "above" if low > value else "below" if high < value else "same"


def _better(value: float, ours: Estimate, metric: str) -> bool | None:
    verdict = _against(value, ours)
    higher = metric_of(metric).higher_is_better
    if verdict in (None, "same") or higher is None:
        return None
    return (verdict == "above") == higher


_ELSEWHERE = {
    "metric_versions",
    "metrics_lacking",
    "parameters",
    "macs",
    "cohort",
    "process",
    "network",
    "dataset_fingerprint",
    "finished_at",
}


def environment(records: Iterable[Record]) -> list[dict[str, Any]]:
    """Return what the runs ran on: {"name", "values": [...], "runs"}; several where they differ.

    Nested provenance is written with dots; numbers that belong to a trial are left out.
    """
    found: dict[str, dict[str, int]] = {}
    for record in records:
        for name, value in _flatten(record.provenance):
            if name.rpartition(".")[2] not in _ELSEWHERE:
                seen = found.setdefault(name, {})
                seen[str(value)] = seen.get(str(value), 0) + 1
    return [
        {"name": name, "values": sorted(seen), "runs": sum(seen.values())}
        for name, seen in sorted(found.items())
    ]


def _flatten(value: Mapping[str, Any], prefix: str = "") -> Iterable[tuple[str, Any]]:
    for key, item in value.items():
        if isinstance(item, Mapping):
            yield from _flatten(item, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", ", ".join(map(str, item)) if isinstance(item, list) else item


def when(records: Iterable[Record]) -> dict[str, Any]:
    """Return {"first", "last", "seconds"}: UTC times of the runs' ends, and training time in all.

    "seconds" adds up each run's share of its cohort, so it is the time of one worker.
    """
    records = list(records)
    ends = sorted(
        str(r.provenance["finished_at"]) for r in records if "finished_at" in r.provenance
    )
    spent = [v for r in records for k, v in r.timing.items() if k in SPENT]
    return {
        "first": ends[0] if ends else None,
        "last": ends[-1] if ends else None,
        "seconds": float(sum(spent)),
    }


def dataset_rows(
    plan: Mapping[str, Any],
    records: Iterable[Record],
    dataset_of: Callable[[Mapping[str, Any]], Dataset | None],
) -> list[dict[str, Any]]:
    """Return for each data that the study learns from: its sizes, classes and identity.

    Sizes of parts that records do not tell are None when the dataset is not to be had.
    """
    runs = by_trial(records)
    rows = []
    for name, trials in data_groups(plan).items():
        spec = trials[0].get("config", {}).get("dataset") or {"name": name}
        dataset = dataset_of(spec)
        mine = [r for trial in trials for r in runs.get(trial["trial_id"], [])]
        prints = {str(r.provenance.get("dataset_fingerprint", "")) for r in mine} - {""}
        tested = [len(r.predictions["test_target"]) for r in mine if "test_target" in r.predictions]
        rows.append(
            {
                "data": name,
                "train": len(dataset.train) if dataset else None,
                "validation": len(dataset.validation) if dataset else None,
                "test": len(dataset.test) if dataset else (tested[0] if tested else None),
                "image": "×".join(map(str, dataset.image_shape)) if dataset else None,
                "classes": len(dataset.class_names) or None if dataset else None,
                "fingerprint": ", ".join(sorted(prints)),
                "same": None if not (dataset and prints) else prints == {dataset.fingerprint},
                "notes": list(dataset.notes) if dataset else [],
            }
        )
    return rows


def lacking_notes(records: Sequence[Record], names: Sequence[str]) -> list[str]:
    """Return a sentence for each metric that some finished runs have no value of, with the reason.

    Args:
        names: without prefix.
    """
    reasons: Counter[tuple[str, str]] = Counter()
    for record in records:
        lacking = record.provenance.get("metrics_lacking") or {}
        if record.status != "finished":
            continue
        for full in (f"{split}_{name}" for name in names for split in ("test", "val")):
            if full in lacking:
                reasons[metric_title(full), lacking[full]] += 1
    return [
        f"{title[0].upper()}{title[1:]} is unknown for {n} {'run' if n == 1 else 'runs'}: {why}."
        for (title, why), n in reasons.items()
    ]
