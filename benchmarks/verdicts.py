"""Error rate of `assay verdict` between two trials of equal means.

    python benchmarks/verdicts.py [--studies 10000]

adds pairs like `assay verdict`, with each noise of benchmarks/intervals.py, until a test decides or
there are 30 pairs; writes results/verdicts-DATE.json.
"""

from __future__ import annotations

import argparse
import datetime
import json
from pathlib import Path

import numpy as np

from assay.core.machine import machine
from assay.statistics import ALPHA, find_bad_runs, look_levels, looks, paired_t
from intervals import NOISE

MOST = 30
"""Pairs at most, as of `assay verdict --max-repeats`."""


def wrong_verdicts(x: np.ndarray, *, corrected: bool = True) -> float:
    """Share of the studies x (studies, 2, pairs), of equal means, in which a look decides.

    Args:
        corrected: with the boundaries of so many looks; without, every look is a test at 5 %.
    """
    sizes = looks(x.shape[-1])
    wrong = np.zeros(len(x), bool)
    for n, level in zip(sizes, look_levels(sizes), strict=True):
        d = x[:, 1, :n] - x[:, 0, :n]
        if corrected:
            margin = find_bad_runs(x[:, :, :n]).among(d).margin
            wrong |= paired_t(d, margin=margin).p < level
        else:
            wrong |= paired_t(d).p < ALPHA
    return float(wrong.mean())


def main() -> None:
    """Measure and write the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=10_000)
    asked = parser.parse_args()
    wrong = {}
    for k, (noise, make) in enumerate(NOISE.items()):
        x = make(np.random.default_rng([k, MOST]), (asked.studies, 2, MOST))
        wrong[noise] = {
            "assay": round(wrong_verdicts(x), 4),
            "uncorrected": round(wrong_verdicts(x, corrected=False), 4),
        }
        print(noise, wrong[noise], flush=True)
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    written = {
        "date": today,
        "command": f"python benchmarks/verdicts.py --studies {asked.studies}",
        "machine": machine(),
        "wrong": wrong,
    }
    file = Path(__file__).parent / "results" / f"verdicts-{today}.json"
    file.write_text(json.dumps(written, indent=1) + "\n", encoding="utf-8")
    print(file)


if __name__ == "__main__":
    main()
