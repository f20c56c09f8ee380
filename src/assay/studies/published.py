"""Figures that others published, to stand beside ours in a report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from assay.core.config import Entry
from assay.core.errors import unknown_name

__all__ = ["Published", "read_published"]


@dataclass(frozen=True)
class Published:
    """One published figure.

    Attributes:
        value: in the metric's own unit (accuracies from 0 to 1).
        metric: name in a record's metrics.
        source: who published it and where.
        trial: label of the trial that it belongs to, or None for the whole study.
        dataset: name of the dataset that it belongs to, or None.
    """

    value: float
    metric: str
    source: str
    trial: str | None = None
    dataset: str | None = None


def read_published(entry: Entry, labels: Sequence[str]) -> list[Published]:
    """Read `published:`, a list of {value, source, metric, trial, dataset}."""
    found = []
    for item in entry.items():
        with item.problems.collect(item):
            given = item.keys("key of a published figure", tuple(Published.__dataclass_fields__))
            for key in ("value", "source"):
                if key not in given:
                    raise item.error(f"a published figure needs {key}:")
            trial = given["trial"].text() if "trial" in given else None
            if labels and trial is not None and trial not in labels:
                raise given["trial"].error(unknown_name("trial", trial, labels))
            found.append(
                Published(
                    value=given["value"].number(),
                    metric=given["metric"].text() if "metric" in given else "test_accuracy",
                    source=given["source"].text(),
                    trial=trial,
                    dataset=given["dataset"].text() if "dataset" in given else None,
                )
            )
    return found
