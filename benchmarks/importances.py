"""Coverage of the bootstrap interval of an importance, compared with a large search.

    python benchmarks/importances.py [--trials 20] [--searches 50] [--resamples 40]

simulates random searches over three parameters, one of which hardly matters, uses the importances
of 3,000 trials as the truth, and counts how often the percentile interval over resampled trials
contains it, for both methods; writes results/importances-DATE.json.
"""

from __future__ import annotations

import argparse
import datetime
import json
import time
from pathlib import Path
from typing import Any, cast

import numpy as np

from assay.core.machine import machine
from assay.core.plans import PlanData
from assay.statistics.estimates import estimate
from assay.statistics.importances import METHODS, importances
from assay.statistics.searches import SearchTrial, Step

NAMES = ("a", "b", "c")
SPACE = [
    {"name": n, "kind": "float", "low": 0.0, "high": 1.0, "step": None, "log": False} for n in NAMES
]
PLAN = cast("PlanData", {"search": {"higher_is_better": True, "space": SPACE}})
"""As much of a plan as importances need."""


def search(count: int, rng: np.random.Generator) -> list[SearchTrial]:
    """Trials at random places, with noise of a fifth of the spread."""
    x = rng.uniform(size=(count, 3))
    value = x[:, 0] - 2 * (x[:, 1] - 0.5) ** 2 + 0.1 * x[:, 2] + 0.07 * rng.standard_normal(count)
    return [
        SearchTrial(
            i,
            str(i),
            dict(zip(NAMES, map(float, at), strict=True)),
            {},
            0,
            None,
            (
                Step(
                    epochs=1, wave=0, estimate=estimate([v]), images=1, seconds=1.0, value=float(v)
                ),
            ),
            "complete",
        )
        for i, (at, v) in enumerate(zip(x, value, strict=True))
    ]


def measure(trials: int, searches: int, resamples: int) -> dict[str, Any]:
    """Coverage of both methods at one size of a search."""
    truth = {
        r["parameter"]: r
        for r in importances(PLAN, search(3000, np.random.default_rng(9)), resamples=0)
    }
    held: dict[str, list[bool]] = {method: [] for method in METHODS}
    width: dict[str, list[float]] = {method: [] for method in METHODS}
    start = time.process_time()
    for seed in range(searches):
        for row in importances(
            PLAN, search(trials, np.random.default_rng([trials, seed])), resamples=resamples
        ):
            for method in METHODS:
                found, true = row[method], truth[row["parameter"]][method].value
                held[method].append(found.low <= true <= found.high)
                width[method].append(found.high - found.low)
    return {
        "trials": trials,
        "coverage": {m: round(float(np.mean(h)), 3) for m, h in held.items()},
        "width": {m: round(float(np.mean(w)), 3) for m, w in width.items()},
        "seconds": round((time.process_time() - start) / searches, 2),
    }


def main() -> None:
    """Measure and write the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, nargs="+", default=[20])
    parser.add_argument("--searches", type=int, default=50)
    parser.add_argument("--resamples", type=int, default=40)
    asked = parser.parse_args()
    rows = []
    for trials in asked.trials:
        rows.append(measure(trials, asked.searches, asked.resamples))
        print(json.dumps(rows[-1]), flush=True)
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    file = Path(__file__).parent / "results" / f"importances-{today}.json"
    written = {
        "date": today,
        "command": f"python benchmarks/importances.py --trials {' '.join(map(str, asked.trials))} "
        f"--searches {asked.searches} --resamples {asked.resamples}",
        "machine": machine(),
        "resamples": asked.resamples,
        "searches": asked.searches,
        "rows": rows,
    }
    file.write_text(json.dumps(written, indent=1) + "\n", encoding="utf-8")
    print(file)


if __name__ == "__main__":
    main()
