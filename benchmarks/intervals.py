"""False positives between equal trials, and coverage of intervals, in simulations.

    python benchmarks/intervals.py [--studies 20000]

simulates studies whose trials all have the same mean, with several kinds of noise and two designs,
and tests them by several methods; writes results/intervals-DATE.json. "assay" is the method of
`assay.statistics`: the paired t-test, with a margin for bad runs in each trial once the study has
seen some. Tests check its error rates (tests/statistics/test_simulations.py). Also: how often bad
runs are found where there are none but spreads are unequal, and where there is one.
"""

from __future__ import annotations

import argparse
import datetime
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

from assay.core.machine import machine
from assay.statistics import (
    ALPHA,
    BadRuns,
    find_bad_runs,
    holm,
    mean_interval,
    paired_t,
    t_interval,
)

SIZES = (3, 5, 10)
TRIALS = 6
"""A baseline and five levels, or a factor of two levels times one of three."""

SPREADS = (0.2,) * 5 + (1.0,) * 5
"""Standard deviations of the trials on an easy and a hard dataset."""

ALIKE = {
    "equal spreads": ((1.0,) * 10, ("one",) * 10),
    "two datasets": (SPREADS, ("easy",) * 5 + ("hard",) * 5),
    "one dataset": (SPREADS, ("one",) * 10),
}
"""Spreads and datasets of ten trials in which bad runs are looked for."""

Test = Callable[[np.ndarray, BadRuns], np.ndarray]


def _lognormal(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return (np.exp(rng.standard_normal(shape)) - np.exp(0.5)) / np.sqrt((np.e - 1) * np.e)


def _bad(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """One run in ten lies ten standard deviations below the others; the mean is 0."""
    return rng.standard_normal(shape) + 1 - 10 * (rng.random(shape) < 0.1)


def _steady(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The same with a baseline of a fifth of the spread, as a well tuned one has."""
    x[:, 0] = 0.2 * rng.standard_normal(x[:, 0].shape)
    return x


NOISE: dict[str, Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]] = {
    "normal": lambda rng, shape: rng.standard_normal(shape),
    "lognormal": _lognormal,
    "lognormal, worse": lambda rng, shape: -_lognormal(rng, shape),
    "bad runs": _bad,
    "bad runs, steady baseline": lambda rng, shape: _steady(_bad(rng, shape), rng),
    "unequal spreads": lambda rng, shape: (
        rng.standard_normal(shape) * np.array([0.2, 1, 3] * 2)[: shape[1], None]
    ),
    "lognormal, steady baseline": lambda rng, shape: _steady(-_lognormal(rng, shape), rng),
}
"""Noise of mean 0 for (studies, trials, n)."""


def differences(x: np.ndarray, design: str) -> np.ndarray:
    """Return what a design compares, (studies, comparisons, n); a factorial one also over all
    combinations."""
    if design == "one at a time":
        return x[:, 1:] - x[:, :1]
    a = x.reshape(len(x), 2, 3, -1)
    rows, columns = a[:, 1] - a[:, 0], a[:, :, 1:] - a[:, :, :1]
    pooled = [rows.mean(1, keepdims=True), columns.mean(1)]
    return np.concatenate([rows, columns.reshape(len(x), 4, -1), *pooled], 1)


def sign_flips(d: np.ndarray, _: BadRuns) -> np.ndarray:
    """Two-sided p of all flips of the signs."""
    n = d.shape[-1]
    signs = 1 - 2 * ((np.arange(2**n)[:, None] >> np.arange(n)) & 1)
    means = np.abs(d @ signs.T.astype(float))
    return np.mean(means >= np.abs(d.sum(-1))[..., None] - 1e-9, -1)


def johnson(d: np.ndarray, _: BadRuns) -> np.ndarray:
    """The t-test with Johnson's correction for skewness (JASA 73, 1978)."""
    n, s = d.shape[-1], d.std(-1, ddof=1)
    skew = ((d - d.mean(-1, keepdims=True)) ** 3).mean(-1) * n**2 / ((n - 1) * (n - 2))
    t = (d.mean(-1) + skew / (6 * s**2 * n)) / (s / np.sqrt(n))
    return 2 * stats.t.sf(np.abs(t), n - 1)


def trimmed(d: np.ndarray, _: BadRuns) -> np.ndarray:
    """The paired t-test on trimmed means (Yuen), a fifth off each end; nothing of three."""
    n = d.shape[-1]
    g = n // 5
    x = np.sort(d, -1)
    kept = x[..., g : n - g]
    clipped = np.clip(x, kept[..., :1], kept[..., -1:])
    h = n - 2 * g
    error = np.sqrt((n - 1) * clipped.var(-1, ddof=1) / (h * (h - 1)))
    return 2 * stats.t.sf(np.abs(kept.mean(-1) / error), h - 1)


METHODS: dict[str, Test] = {
    "paired t": lambda d, bad: paired_t(d).p,
    "sign flips": sign_flips,
    "Johnson": johnson,
    "trimmed": trimmed,
    "assay": lambda d, bad: paired_t(d, margin=bad.among(d).margin).p,
}


def look(x: np.ndarray) -> BadRuns:
    """What `assay.statistics` makes of the bad runs of each study."""
    found = find_bad_runs(x)
    return BadRuns(*(np.asarray(part)[:, None] for part in found))


def family_wise_error(x: np.ndarray, design: str, method: str = "assay") -> float:
    """Share of the studies x (studies, trials, n) in which some equality is called a difference."""
    d = differences(x, design)
    p = METHODS[method](d, look(x))
    return float(np.mean((holm(p) < ALPHA).any(-1)))


def coverage(x: np.ndarray, allow: bool = True) -> float:
    """Share of the studies in which the interval of the last trial's mean holds 0."""
    last = x[:, -1]
    bad = look(x)
    bad = BadRuns(*(np.asarray(part)[:, 0] for part in bad))
    _, low, high = mean_interval(last, bad=bad) if allow else t_interval(last)
    return float(np.mean((low <= 0) & (high >= 0)))


def power(x: np.ndarray, method: str) -> float:
    """Share of the levels, three standard deviations above the baseline, that are called better."""
    d = differences(x, "one at a time")
    return float(np.mean(holm(METHODS[method](d + 3, look(x))) < ALPHA))


def found(spreads: str, n: int, studies: int) -> dict[str, float]:
    """Share of studies in which a bad run is found: without any, and with one that lies ten
    standard deviations of its trial below the others, in the first trial or in the last."""
    deviations, datasets = ALIKE[spreads]
    x = np.random.default_rng([9, n]).normal(size=(studies, len(deviations), n))
    x *= np.array(deviations)[:, None]
    shares = {"without": float(np.mean(find_bad_runs(x, datasets).runs > 0))}
    for name, trial in (("in the first", 0), ("in the last", -1)):
        y = x.copy()
        y[:, trial, 0] -= 10 * deviations[trial]
        shares[name] = float(np.mean(find_bad_runs(y, datasets).runs > 0))
    return shares


def measure(studies: int) -> list[dict[str, Any]]:
    """All noises, designs and numbers of runs."""
    rows = []
    for k, (noise, make) in enumerate(NOISE.items()):
        for n in SIZES:
            x = make(np.random.default_rng([k, n]), (studies, TRIALS, n))
            row: dict[str, Any] = {"noise": noise, "n": n}
            row["error"] = {
                design: {m: round(family_wise_error(x, design, m), 4) for m in METHODS}
                for design in ("one at a time", "factorial")
            }
            row["power"] = {m: round(power(x, m), 3) for m in METHODS}
            row["coverage"] = {"t": round(coverage(x, False), 4), "assay": round(coverage(x), 4)}
            print(json.dumps(row), flush=True)
            rows.append(row)
    return rows


def main() -> None:
    """Measure and write the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=20_000)
    asked = parser.parse_args()
    rows = measure(asked.studies)
    bad_runs = [
        {"spreads": name, "n": n, **found(name, n, asked.studies)} for name in ALIKE for n in SIZES
    ]
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    file = Path(__file__).parent / "results" / f"intervals-{today}.json"
    written = {
        "date": today,
        "command": f"python benchmarks/intervals.py --studies {asked.studies}",
        "machine": machine(),
        "rows": rows,
        "bad_runs": bad_runs,
    }
    file.write_text(json.dumps(written, indent=1) + "\n", encoding="utf-8")
    print(file)


if __name__ == "__main__":
    main()
