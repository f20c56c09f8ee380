"""Published results on reading clocks in photos, for comparison with a study of `clock-photos`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from assay.core.metrics import Metric
from assay.core.plans import PlanData
from assay.core.records import Record
from assay.reports.results import interval_text
from assay.reports.tables import Column, Row, Table
from assay.subjects.clocks.views import fault_rows

__all__ = ["BENCHMARKS", "benchmark_table"]

DATASET = "clock-photos"

BENCHMARKS: tuple[dict[str, Any], ...] = (
    {
        "reader": "people",
        "pictures": "ClockBench, 180 drawn clocks",
        "correct": 90.7,
        "comparable": "no: the pictures are private, and a reading counts with all its fields",
        "source": "clockbench.ai",
    },
    {
        "reader": "best language model (Qwen3-VL 235B)",
        "pictures": "ClockBench, 180 drawn clocks",
        "correct": 39.4,
        "comparable": "no, as above",
        "source": "clockbench.ai",
    },
    {
        "reader": "best language model at its launch (Gemini 2.5 Pro)",
        "pictures": "ClockBench, 180 drawn clocks",
        "correct": 13.3,
        "comparable": "no, as above; people had 89.1 % then",
        "source": "clockbench.ai, September 2025",
    },
    {
        "reader": "Llama 3.2 11B, fine-tuned (1.43 before)",
        "pictures": "TickTockVQA, test photos of 12,483",
        "correct": 46.22,
        "comparable": "the same photos and labels, but it must find the clock in the photo",
        "source": "Choi et al. 2026, arXiv 2603.08011",
    },
    {
        "reader": "best language model tried (GPT-5.6 Sol, highest effort)",
        "pictures": "time-wizard-bench: 200 photos with the labels of It's About Time",
        "correct": 61.5,
        "comparable": "yes, on the same 200 photos: the same boxes and margin, within a minute",
        "source": "huggingface.co/datasets/jadidbourbaki/time-wizard-bench, 2026",
    },
    {
        "reader": "LFM2.5-VL 450M, fine-tuned on 2,796 photos of the same kind",
        "pictures": "time-wizard-bench, the same 200 photos",
        "correct": 59.0,
        "comparable": "yes, as above",
        "source": "huggingface.co/jadidbourbaki/time-wizard, 2026",
    },
    {
        "reader": "ResNet-50 with a spatial transformer, trained on drawn clocks and films",
        "pictures": "It's About Time: COCO, Open Images, Clock Movies; 4,472 photos",
        "correct": None,
        "comparable": "yes, if all photos of a CSV are available: the same boxes, within a minute",
        "source": "Yang et al. 2022, arXiv 2111.09162; the paper has a figure for each set",
    },
)
"""Published figures: "correct" in %, None if only the source has it."""

_CORRECT = Metric("correct", scale=100, decimals=1)


def benchmark_table(plan: PlanData, records: Sequence[Record]) -> Table | None:
    """Return the trials of a `clock-photos` study with published results, else None."""
    used = {trial.get("config", {}).get("dataset", {}).get("name") for trial in plan["trials"]}
    if DATASET not in used:
        return None
    own: tuple[Row, ...] = tuple(
        {
            "reader": row["trial"],
            "pictures": "the test photos of this study",
            "correct": interval_text(row["within_1_minute"].interval, _CORRECT.number),
            "comparable": "within a minute",
            "source": "",
        }
        for row in fault_rows(plan, records)
    )
    columns = (
        Column("reader", lambda r: r["reader"], "left"),
        Column("pictures", lambda r: r["pictures"], "left"),
        Column("correct (%)", lambda r: str(r["correct"] or "not given here")),
        Column("comparable", lambda r: r["comparable"], "left"),
        Column("source", lambda r: r["source"], "left"),
    )  # fmt: skip
    notes = (
        "It's About Time counts a reading within a minute as correct, as this study does; "
        "ClockBench requires every field of a clock, and whether the clock is valid.",
    )
    return Table(
        "Benchmarks of reading clocks", columns, (*own, *BENCHMARKS),
        f"assay report {plan['study']}", notes,
    )  # fmt: skip
