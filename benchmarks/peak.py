"""The machine's peak speed of matrix products: the best of PyTorch and oneDNN.

    python benchmarks/peak.py --threads 1

prints GFLOP/s (two per multiply-add) by number format, for matrix products and convolutions large
enough to run at full speed, as one JSON line. No training can be faster than this.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable

import torch
import torch.nn.functional as F

SIZES = (1024, 2048)
FORMATS = {"float32": torch.float32, "bfloat16": torch.bfloat16}


def candidates(dtype: torch.dtype) -> dict[str, tuple[Callable[[], object], float]]:
    """Name -> (what to call, floating-point operations of one call)."""
    found: dict[str, tuple[Callable[[], object], float]] = {}
    for n in SIZES:
        a, b = torch.randn(n, n).to(dtype), torch.randn(n, n).to(dtype)
        out = torch.empty(n, n, dtype=dtype)
        found[f"mm {n}"] = (lambda a=a, b=b, out=out: torch.mm(a, b, out=out), 2.0 * n**3)
        if hasattr(torch.ops.mkldnn, "_linear_pointwise"):
            linear = torch.ops.mkldnn._linear_pointwise
            found[f"oneDNN linear {n}"] = (
                lambda a=a, b=b, f=linear: f(a, b, None, "none", [], ""),
                2.0 * n**3,
            )
    x = torch.randn(32, 256, 14, 14).to(dtype, memory_format=torch.channels_last)
    w = torch.randn(256, 256, 3, 3).to(dtype, memory_format=torch.channels_last)
    found["oneDNN convolution"] = (
        lambda: F.conv2d(x, w, padding=1),
        2.0 * 32 * 14 * 14 * 256 * 256 * 9,
    )
    return found


def fastest(call: Callable[[], object], seconds: float) -> float:
    """Seconds of the fastest of the calls that fit into `seconds`."""
    call()
    best, end = float("inf"), time.perf_counter() + seconds
    while time.perf_counter() < end:
        started = time.perf_counter()
        call()
        best = min(best, time.perf_counter() - started)
    return best


def measured(dtype: torch.dtype, seconds: float) -> dict[str, float]:
    """GFLOP/s of each candidate that is there.

    What takes longer than half a second a call is emulated, and is measured no further.
    """
    found = {}
    for what, (call, flops) in candidates(dtype).items():
        try:
            started = time.perf_counter()
            call()
        except (RuntimeError, NotImplementedError) as error:
            print(f"{what} is not there: {error}".splitlines()[0], file=sys.stderr)
            continue
        took = time.perf_counter() - started
        found[what] = flops / (took if took > 0.5 else fastest(call, seconds)) / 1e9
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=0.5, help="for each candidate")
    parser.add_argument("--formats", nargs="+", choices=list(FORMATS), default=list(FORMATS))
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    answer = {}
    with torch.no_grad():
        for name in asked.formats:
            speeds = measured(FORMATS[name], asked.seconds)
            if speeds:
                best = max(speeds, key=lambda what: speeds[what])
                answer[name] = {"gflops": speeds[best], "by": best, "all": speeds}
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
