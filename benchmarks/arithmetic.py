"""Computes medians, ratios, shares of the machine's peak, and bars from measured rates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

__all__ = ["BARS", "Bar", "bars", "entry", "flops", "ratio", "ratios", "spread"]

FLOPS_PER_MAC = 6
"""Two for each multiply-add, three times: forward, input gradient, weight gradient. The gradient
for the images, which is not needed, is not subtracted, and only products are counted."""

BEST = ", best"
WIDE = 1.25


@dataclass(frozen=True)
class Bar:
    """`ours` must train at least `at_least` times as many images a second as `theirs`."""

    text: str
    models: tuple[str, ...]
    ours: str
    theirs: str
    at_least: float


ANY = "any peer"
"""The fastest of all measured peers."""

_MLPS = ("mlp-300-100", "mlp-512-512")
BARS = (
    Bar(
        "a run within a cohort of 20 MLPs costs at most 1/6 of Keras/TensorFlow fit",
        _MLPS,
        "assay, cohort of 20",
        "Keras/TensorFlow",
        6.0,
    ),
    Bar(
        "a run within a cohort of 20 MLPs costs at most 1/2.5 of Keras/JAX fit",
        _MLPS,
        "assay, cohort of 20",
        "Keras/JAX",
        2.5,
    ),
    Bar(
        "one CNN trains at least 2 times as fast as Keras/TensorFlow fit",
        ("cnn",),
        "assay, one run",
        "Keras/TensorFlow",
        2.0,
    ),
    Bar(
        "a CNN of a cohort of 20 trains at least 2 times as fast as Keras/TensorFlow fit",
        ("cnn",),
        "assay, cohort of 20",
        "Keras/TensorFlow",
        2.0,
    ),
    *(
        Bar(f"{what} train {least:g} times as fast as any peer", (model,), ours, ANY, least)
        for model, one, twenty in (
            ("mlp-300-100", 1.2, 2.4),
            ("mlp-512-512", 1.0, 1.7),
            ("digits-64-32", 8.0, 16.0),
            ("cnn", 1.1, 1.3),
        )
        for what, ours, least in (
            ("one run", "assay, one run", one),
            ("20 runs", "assay, cohort of 20", twenty),
        )
    ),
)
BAR_BATCH = 32


def spread(values: Sequence[float]) -> dict[str, Any]:
    """Median, minimum and maximum of some measurements, and whether they vary widely."""
    low, high = min(values), max(values)
    return {
        "median": median(values),
        "min": low,
        "max": high,
        "values": list(values),
        "wide": high > WIDE * low,
    }


def flops(macs: int, images_per_second: float) -> float:
    """Floating-point operations a second of training at this rate."""
    return FLOPS_PER_MAC * macs * images_per_second


def entry(
    rates: Sequence[float], batch: int, macs: int, peak_gflops: float | None
) -> dict[str, Any]:
    """The reported results of one contestant.

    Args:
        rates: images/s of each round, summed over the runs of a cohort.
        batch: images of a step of one run.
        macs: multiply-adds of one image, forward.
        peak_gflops: peak of the cores that it used, in its number format; None if unknown.
    """
    images = spread(rates)
    work = flops(macs, images["median"]) / 1e9
    return {
        "images_per_second": images,
        "ms_per_step": spread([1000 * batch / rate for rate in rates]),
        "gflops": work,
        "share_of_peak": work / peak_gflops if peak_gflops else None,
    }


def ratio(cells: Sequence[Mapping[str, Any]], ours: str, *theirs: str) -> float | None:
    """How many times as fast `ours` is, by medians, each side at its fastest among `cells`.

    Args:
        theirs: variants of one contestant, of which the fastest counts.
    """
    fastest = []
    for names in ((ours,), theirs):
        found = [c["results"][name] for c in cells for name in names if name in c["results"]]
        if not found:
            return None
        fastest.append(max(r["images_per_second"]["median"] for r in found))
    return fastest[0] / fastest[1]


def ratios(results: Mapping[str, Any], to: str) -> dict[str, Any]:
    """By contestant: how many times as fast `to` is, round by round, then the median."""
    if to not in results:
        return {}
    own = results[to]["images_per_second"]["values"]
    return {
        name: spread([a / b for a, b in zip(own, r["images_per_second"]["values"], strict=True)])
        for name, r in results.items()
        if name != to
    }


def _names(bar: Bar, cells: Sequence[Mapping[str, Any]], best: bool) -> list[str]:
    """Variants of the contestant of a bar, with and without its best settings."""
    names = [bar.theirs, bar.theirs + BEST]
    if bar.theirs == ANY:
        names = [n for cell in cells for n in cell["results"] if not n.startswith("assay")]
    return [name for name in names if best or not name.endswith(BEST)]


def bars(cells: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Every bar on every model: in float32 on both sides, and with each side's fastest format.

    The bar is compared with the peer's fastest measured settings; the ratio to its defaults is
    given as well. Missing measurements give None.
    """
    rows = []
    for bar in BARS:
        for model in bar.models:
            here = [c for c in cells if (c["model"], c["batch"]) == (model, BAR_BATCH)]
            same = [c for c in here if c["precision"] == "float32"]
            for formats, chosen in (("float32", same), ("fastest of each", here)):
                # "best" was chosen quickly and need not be the faster one
                found = ratio(chosen, bar.ours, *_names(bar, chosen, best=True))
                usual = ratio(chosen, bar.ours, *_names(bar, chosen, best=False))
                rows.append(
                    {
                        "bar": bar.text,
                        "model": model,
                        "formats": formats,
                        "at_least": bar.at_least,
                        "ratio": found,
                        "ratio_to_default": usual,
                        "reached": None if found is None else found >= bar.at_least,
                        "reached_to_default": None if usual is None else usual >= bar.at_least,
                    }
                )
    return rows
