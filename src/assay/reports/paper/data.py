"""The subsection on data of the chapter on methods."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from assay.core.plans import PlannedTrial
from assay.reports.context import DatasetRow
from assay.reports.paper.blocks import (
    Block,
    Exhibit,
    Inline,
    Mention,
    Paragraph,
    Sentence,
    Styled,
    Subheading,
)
from assay.reports.paper.cited import cite, of_data
from assay.reports.paper.material import Material
from assay.reports.picture_figures import sample_plot
from assay.reports.protocol import dataset_setting, when_tested
from assay.reports.tables import Column, Table

__all__ = ["data"]


def data(studies: Sequence[Material]) -> Iterator[Block]:
    """Return what the studies' images are, how they are split and what is done to them."""
    yield Subheading("Data")
    rows: dict[tuple[object, ...], DatasetRow] = {}
    for material in studies:
        for row in material.data:
            rows.setdefault(tuple(row[k] for k in ("data", "train", "validation", "test")), row)
    names = list(dict.fromkeys(row["data"].split(",")[0] for row in rows.values()))
    parts: list[Inline] = ["The data are "]
    for i, name in enumerate(names):
        parts += [
            ", " if 0 < i < len(names) - 1 else " and " if i else "",
            Styled(name, "emphasis"),
        ]
        if key := of_data(name):
            parts += [" ", cite(key)]
    yield Paragraph(
        (
            (*parts, "."),
            (Mention("data/sizes"), " gives the sizes of their splits."),
            *_validation(studies),
            *_pixels(studies),
            *(
                ((Mention("data/samples"), " shows training images as the networks see them."),)
                if any(m.data and _has_images(m) for m in studies)
                else ()
            ),
        )
    )
    caption = "Datasets and number of images in each split."
    if differ := list(dict.fromkeys(name for row in rows.values() for name in row["differ"])):
        caption += f" Where configurations differ in {', '.join(differ)}, those of the first one."
    yield Exhibit("data/sizes", _size_table(list(rows.values())), caption, 2)
    plot = sample_plot(_by_data(studies))
    if plot is not None:
        yield Exhibit("data/samples", plot, plot.caption, 4)


def _validation(studies: Sequence[Material]) -> Iterator[Sentence]:
    """Say which images are for validation, and when the test images are read."""
    configs = [config for material in studies for config in material.configs]
    usual = [c for c in configs if not dataset_setting(c, "validate_on_test")]
    if usual:
        rows = [row for material in studies for row in material.data]
        classes = all(row["classes"] for row in rows if row["train"] is not None)
        yield (
            f"Validation images are taken from the training images"
            f"{', stratified by class' if classes else ''}; {when_tested(usual)}.",
        )
    if refit := [c for c in usual if dataset_setting(c, "refit")]:
        where = "" if len(refit) == len(usual) else " in some configurations"
        yield (f"The validation images are trained on as well{where}.",)
    if len(usual) < len(configs):
        whose = "" if not usual else "Of the data that are validated on the test images, "
        yield (
            f"{whose}{'all' if whose else 'All'} training images are trained on, and the test "
            "images are also the validation images: results on them were read while tuning.",
        )


_NORMALIZED = {
    "standard": "normalized by mean and standard deviation of the training images",
    "center": "centered by the mean of the training images",
    "unit": "divided by 255",
    "none": "left as they are",
}
"""What `dataset.normalize` does to pixels."""


def _done(material: Material, trial: PlannedTrial) -> str:
    """Return what a trial does to pixels; tasks that make pictures scale them themselves."""
    mine = (r for r in material.records if r.trial_id == trial["trial_id"])
    used = next((r.provenance["pixels"] for r in mine if "pixels" in r.provenance), {})
    if {value for values in used.values() for value in values} == {_HALF}:
        return "scaled to the range from -1 to 1"
    kind = dataset_setting(trial.get("config") or {}, "normalize")
    return _NORMALIZED[str(kind or "standard")]


_HALF = 127.5
"""Half of the range of pixels."""


def _pixels(studies: Sequence[Material]) -> Iterator[Sentence]:
    """Say what is done to pixels before a network sees them."""
    configs = [config for material in studies for config in material.configs]
    trials = [(m, trial) for m in studies for trial in m.plan["trials"]]
    known = [(m, trial) for m, trial in trials if "imported" not in (trial.get("config") or {})]
    done = list(dict.fromkeys(_done(m, trial) for m, trial in known))
    if not done:
        return
    listed = " or ".join(done)
    yield (f"Pixels are {listed}{', according to the configuration' if len(done) > 1 else ''}.",)
    white = [c for c in configs if dataset_setting(c, "zca_whitening")]
    if white:
        whose = "All images" if len(white) == len(configs) else "The images of some configurations"
        yield (f"{whose} are whitened first (ZCA) ", cite("bell1997"), ".")


def _has_images(material: Material) -> bool:
    return any(row["train"] is not None for row in material.data)


def _by_data(studies: Sequence[Material]) -> dict[str, Any]:
    """Return name of data -> dataset, each once."""
    from assay.reports.views import data_groups

    found: dict[str, Any] = {}
    for material in studies:
        for name, trials in data_groups(material.plan).items():
            if name not in found:
                spec = trials[0].get("config", {}).get("dataset") or {"name": name}
                dataset = material.lookup(spec)
                if dataset is not None:
                    found[name] = dataset
    return found


def _count(name: str) -> Callable[[Mapping[str, Any]], str]:
    return lambda row: "-" if row[name] is None else f"{row[name]:,}"


def _size_table(rows: list[DatasetRow]) -> Table:
    columns = (
        Column("data", lambda r: r["data"], "left"),
        Column("training", _count("train")),
        Column("validation", _count("validation")),
        Column("test", _count("test")),
        Column("image", lambda r: r["image"] or "-", "left"),
        Column("classes", lambda r: "-" if r["classes"] is None else str(r["classes"])),
    )
    return Table("Datasets and splits", columns, tuple(rows))
