"""Published figures, for comparison in reports."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from assay.core.config import Entry, read_options
from assay.core.errors import unknown_name
from assay.core.metrics import METRICS
from assay.core.options import REQUIRED, integer, needs, number, options_of, setting, text
from assay.data.catalog import ENTRIES
from assay.studies.judging import Judging

__all__ = ["PUBLISHED", "Published", "read_published"]


@dataclass(frozen=True, kw_only=True)
class Published:
    """One published figure.

    Attributes:
        value: in the metric's own unit (accuracies from 0 to 1).
        metric: name in a record's metrics.
        source: its source.
        trial: label of its trial, or None for the whole study.
        dataset: name of its dataset, or None.
        n: number of runs in its mean; a verdict needs at least two.
        data, epochs, split: training data, epochs, and the split on which it was measured.
    """

    value: float = setting(
        number(REQUIRED, help="The published value, in the metric's unit.", example=0.97)
    )
    metric: str = setting(text("test_accuracy", help="The metric of the value."))
    source: str = setting(
        text(REQUIRED, help="Who published it and where.", example="A. Author, 2020")
    )
    trial: str | None = setting(
        text(
            help="The trial that the value belongs to; the whole study by default.", example="tanh"
        )
    )
    dataset: str | None = setting(
        text(help="The dataset that the value belongs to; all of them by default.", example="mnist")
    )
    n: int | None = setting(
        integer(
            None,
            low=1,
            high=10**6,
            help="Number of runs that the value is the mean of; a single run, or an unknown "
            "number, gets no verdict.",
            example=5,
        )
    )
    data: str | None = setting(
        text(help="What was trained on.", example="50,000 of the training images")
    )
    epochs: float | None = setting(
        number(None, low=0, high=1e9, help="Epochs of training.", example=20)
    )
    split: str | None = setting(
        text(
            help="The split of the value: `test`, `validation`, or other images; a value of "
            "another split gets no verdict.",
            example="test",
        )
    )


PUBLISHED = options_of(Published)
"""Keys of a figure in `published:`."""


def read_published(entry: Entry, labels: Sequence[str], judging: Judging) -> list[Published]:
    """Read `published:`, a list of mappings, see PUBLISHED.

    Args:
        labels: those of the study's trials.
        judging: the study's metrics, of which some may not be registered.
    """
    found = []
    names = list(dict.fromkeys([*METRICS, *judging.formats]))
    metrics = [f"{split}_{name}" for split in ("test", "val") for name in names]
    for item in entry.items():
        with item.problems.collect(item):
            given = item.keys()
            for key, option in PUBLISHED.items():
                if option.default is REQUIRED and key not in given:
                    raise item.error(needs("a published figure", key, option))
            figure = Published(
                **read_options(item, "key of a published figure", PUBLISHED, complete=True)
            )
            with item.problems.collect(item["value"]):
                _check_value(item["value"], figure)
            if labels and figure.trial is not None and figure.trial not in labels:
                raise item["trial"].error(unknown_name("trial", figure.trial, labels))
            if figure.metric not in metrics:
                raise item["metric"].error(unknown_name("metric", figure.metric, metrics))
            # tables call permuted images "mnist, permuted"
            if figure.dataset and figure.dataset.partition(",")[0] not in ENTRIES:
                raise item["dataset"].error(unknown_name("dataset", figure.dataset, ENTRIES))
            found.append(figure)
    return found


def _check_value(entry: Entry, figure: Published) -> None:
    """Check a value against the range of its metric, for example percent for a fraction."""
    name = figure.metric.removeprefix("test_").removeprefix("val_")
    if name not in METRICS or not isinstance(figure.value, float):  # reported already
        return
    known, value = METRICS[name], figure.value
    low, high = known.bounds
    if not low <= value <= high:
        fraction = value / known.scale
        hint = f"; did you mean {fraction:g}?" if low <= fraction <= high else ""
        raise entry.error(
            f"{figure.metric} must lie between {low:g} and {high:g}, got {value:g}{hint}"
        )
