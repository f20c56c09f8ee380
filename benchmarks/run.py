"""assay and its peers on this machine: rates, ratios, share of the peak, bars, plot.

    python benchmarks/run.py            all of it, ten minutes on an idle machine
    python benchmarks/run.py --quick    two networks, two minutes

Writes results/DATE.json (or DATE-quick.json) and the plot beside it as SVG and PNG.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import arithmetic
import plot
from assay.core.machine import machine
from assay.networks.families import build_network
from peers import CONTESTANTS, HERE, PeerError, Process, environment, peers_python
from protocol import family_of, side_of

Cell = tuple[str, int, str]

SETTINGS = (
    ("mlp-300-100", 32),
    ("mlp-512-512", 32),
    ("digits-64-32", 32),
    ("cnn", 32),
    ("cnn", 256),
    ("digits-cnn", 32),
)
FULL: tuple[Cell, ...] = tuple(
    (model, batch, precision) for model, batch in SETTINGS for precision in ("float32", "bfloat16")
)
QUICK: tuple[Cell, ...] = (
    ("mlp-300-100", 32, "float32"),
    ("cnn", 32, "float32"),
    ("cnn", 32, "bfloat16"),
)
BUSY = 0.5
"""Load above which the machine is not idle, and the result says so."""

EXCLUDED = (
    "start of processes, imports, generation and loading of the images, building and compiling of "
    "models, warm-up, evaluation, saving; for Keras what fit does before its first epoch; for "
    "assay the first weights and putting the images in the compute type (once a run)"
)


def main() -> None:
    """Measure, write, print."""
    asked = _arguments()
    started, load = time.perf_counter(), os.getloadavg()[0]
    if load > BUSY:
        _say(f"the machine is busy (load {load:.1f}): the numbers will be too low and uneven")
    missing = [] if peers_python() else [c.title for c in CONTESTANTS if c.own_environment]
    if missing:
        _say(f"not measured, benchmarks/.venv-peers is missing: {', '.join(missing)}")
    cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    _say("peak of matrix products")
    chosen = [c for c in (QUICK if asked.quick else FULL) if _wanted(c, asked.only)]
    formats = sorted({precision for _, _, precision in chosen})
    seconds = 0.2 if asked.quick or asked.only else 0.5
    peak = {str(n): _peak(n, formats, seconds) for n in sorted({1, 2, cores}) if n <= cores}
    cells = [_cell(cell, peak[str(cores)], asked) for cell in chosen]
    document = {
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "quick": asked.quick,
        "only": asked.only,
        "rounds": asked.rounds,
        "seconds_of_a_measurement": asked.seconds,
        "machine": machine(),
        "commit": _commit(),
        "load_before": load,
        "idle": load <= BUSY,
        "excluded": EXCLUDED,
        "flops": f"{arithmetic.FLOPS_PER_MAC} * MACs * images; the first layer's input gradient "
        "is not subtracted",
        "peak_gflops": peak,
        "cores": cores,
        "cells": cells,
        "bars": arithmetic.bars(cells),
        "not_measured": missing,
        "total_seconds": time.perf_counter() - started,
    }
    _write(document, asked.out)
    _print(document)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--quick", action="store_true", help="fewer settings, two minutes")
    parser.add_argument(
        "--rounds", type=int, help="how often each is measured (3; quick or only: 2)"
    )
    parser.add_argument("--seconds", type=float, help="of each measurement (2; quick or only: 0.5)")
    parser.add_argument("--only", default="", help='for example "cnn" or "mlp-512-512 float32"')
    parser.add_argument("--out", type=Path, default=HERE / "results", help="folder of the results")
    asked = parser.parse_args()
    brief = asked.quick or asked.only
    asked.rounds = asked.rounds or (2 if brief else 3)
    asked.seconds = asked.seconds or (0.5 if brief else 2.0)
    return asked


def _wanted(cell: Cell, only: str) -> bool:
    return all(word in (cell[0], str(cell[1]), cell[2]) for word in only.split())


def _cell(cell: Cell, peak: dict[str, Any], asked: argparse.Namespace) -> dict[str, Any]:
    """All contestants on one network, batch size and number format."""
    model, batch, precision = cell
    _say(f"{model}, batch {batch}, {precision}")
    arguments = ["--model", model, "--batch", str(batch), "--precision", precision]
    arguments += ["--seconds", str(asked.seconds)]
    able = [c for c in CONTESTANTS if c.takes(model, precision)]
    able = [c for c in able if not c.own_environment or peers_python()]
    failed: dict[str, str] = {}
    processes = [Process(c, arguments) for c in able]
    try:
        # imports go on side by side; what is timed, compiling and trying included, does not
        told = {p: answer for p in processes if (answer := _ask(p, "prepare", failed))}
        rates = _rounds(told, asked.rounds, failed)
    finally:
        for process in processes:
            process.end()
    macs = _macs(model)
    limit = peak[precision]["gflops"] if precision in peak else None
    results = _results(told, rates, batch, macs, limit)
    return {
        "model": model,
        "batch": batch,
        "precision": precision,
        "macs": macs,
        "results": results,
        "times_as_fast": {
            own: arithmetic.ratios(results, own) for own in results if own.startswith("assay")
        },
        "failed": failed,
    }


def _rounds(
    told: dict[Process, dict[str, Any]], rounds: int, failed: dict[str, str]
) -> dict[str, list[float]]:
    """Images/s by contestant; they take turns, so that a slow minute hits all of them."""
    rates: dict[str, list[float]] = {}
    for _ in range(rounds):
        for process, said in told.items():
            for variant in said["variants"]:
                name = process.contestant.names[variant]
                if process.contestant.title in failed:
                    rates.pop(name, None)  # rounds must pair up
                elif answer := _ask(process, f"measure {variant}", failed):
                    rates.setdefault(name, []).append(answer["images_per_second"])
    return {name: found for name, found in rates.items() if len(found) == rounds}


def _ask(process: Process, line: str, failed: dict[str, str]) -> dict[str, Any] | None:
    title = process.contestant.title
    try:
        return process.ask(line)
    except PeerError as error:
        failed[title] = str(error)
        _say(f"  {title}: {error}")
        return None


def _results(
    told: dict[Process, dict[str, Any]],
    rates: dict[str, list[float]],
    batch: int,
    macs: int,
    peak: float | None,
) -> dict[str, Any]:
    """What the JSON keeps of every contestant; where a default is the best, it is both."""
    results: dict[str, Any] = {}
    for process, said in told.items():
        names = process.contestant.names
        for variant in names:
            measured = variant if variant in said["variants"] else "default"
            if names[measured] not in rates:
                continue
            numbers = arithmetic.entry(rates[names[measured]], batch, macs, peak)
            about = {key: said[key] for key in ("threads", "versions", "prepare_seconds")}
            tried = {"tried": said["tried"]} if "tried" in said else {}
            setting = said["settings"][measured]
            results[names[variant]] = {**numbers, "setting": setting, **about, **tried}
    return results


def _macs(model: str) -> int:
    side = side_of(model)
    return build_network(family_of(model), (side, side, 1), {"class": 10}).macs


def _peak(threads: int, formats: list[str], seconds: float) -> dict[str, Any]:
    """What is multiplied at most, by number format; without those that are not there."""
    command = [sys.executable, str(HERE / "peak.py"), "--threads", str(threads)]
    command += ["--seconds", str(seconds), "--formats", *formats]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment())
    return json.loads(done.stdout)


def _commit() -> str:
    try:
        command = ["git", "-C", str(HERE), "describe", "--always", "--dirty"]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


def _write(document: dict[str, Any], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    part = "-" + re.sub(r"\W+", "-", document["only"]) if document["only"] else ""
    stem = document["date"][:10] + ("-quick" if document["quick"] else "") + part
    file = folder / f"{stem}.json"
    file.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    plot.save(document, folder / stem)
    _say(f"wrote {file}, .svg and .png in {document['total_seconds']:.0f} s")


def _print(document: dict[str, Any]) -> None:
    for cell in document["cells"]:
        print(f"\n{cell['model']}, batch {cell['batch']}, {cell['precision']}")
        print(f"  {'':24}{'images/s':>10}{'least':>10}{'most':>10}{'ms/step':>9}{'of peak':>9}")
        for name, found in cell["results"].items():
            rate, share = found["images_per_second"], found["share_of_peak"]
            print(
                f"  {name:24}{rate['median']:10,.0f}{rate['min']:10,.0f}{rate['max']:10,.0f}"
                f"{found['ms_per_step']['median']:9.3f}"
                + (f"{share:9.1%}" if share else f"{'-':>9}")
                + ("  uneven" if rate["wide"] else "")
            )
    print("\nBars, against the peer's best settings (its defaults in brackets):")
    for row in document["bars"]:
        if row["ratio"] is None:
            print(f"  not measured  {row['bar']}: {row['model']}, {row['formats']}")
            continue
        word = "reached" if row["reached"] else "MISSED"
        print(
            f"  {word:8}{row['ratio']:6.2f} (default {row['ratio_to_default']:.2f}, wanted "
            f"{row['at_least']:g})  {row['bar']}: {row['model']}, {row['formats']}"
        )


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
