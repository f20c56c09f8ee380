"""Damaged files for every reader of files: each must end in a clear error, quickly.

    python benchmarks/fuzz.py [--reader idx npy ...] [--count 2000] [--seconds 60] [--keep FOLDER]
    python benchmarks/fuzz.py --reader idx --seed 17 --count 1      # that input again

Equal numbers give equal damage: the file and its damage are drawn from the number. The expected
outcome is an AssayError or a result. A finding is any other exception, an error that does not name
the file, more than two seconds of work, or more than a gigabyte of memory; the seed is printed, and
the damaged file is left in --keep. Files are read in a separate process with limited memory, which
is restarted if it dies. The exit status is 1 if there are findings.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from assay.core.errors import AssayError
from assay.core.machine import machine
from fuzz_mutators import mutated
from fuzz_readers import READERS, Files, Target

HERE = Path(__file__).parent
SLOW = 2.0
"""Seconds of work that one input may take."""
SILENT = 40.0
"""Seconds after which a reader that says nothing is ended: other programs may be at work."""
MEMORY = 1 << 30
"""Bytes beyond those of sound files."""


def damaged(name: str, files: Files, seed: int) -> tuple[str, bytes]:
    """Which file is damaged, and its content then."""
    rng = np.random.default_rng([zlib.crc32(name.encode()), seed])
    which = list(files)[int(rng.integers(len(files)))]
    content = mutated(files[which], list(files.values()), READERS[name].inside, rng)
    return which, content


def attempt(target: Target, path: Path) -> str:
    """What is wrong about how a damaged file is read; empty if nothing is."""
    began = time.process_time()
    try:
        target.read(path)
    except AssayError as error:
        if target.named and path.name not in str(error):
            return f"no name: {type(error).__name__}: {error}"
    except target.refuses:
        pass
    except Exception as error:  # that is what is looked for
        place = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{Path(place.filename).name}:{place.lineno}"
        return f"{type(error).__name__} at {where}: {str(error)[:200]}"
    spent = time.process_time() - began
    return f"slow: {spent:.1f} s" if spent > SLOW else ""


def child(name: str, first: int, count: int) -> None:
    """Read damaged files, and say before each its number and after it what was wrong."""
    import resource

    os.environ["ASSAY_CACHE"] = os.environ["ASSAY_DATA"] = "."
    warnings.simplefilter("ignore")
    target = READERS[name]
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        files = target.make(root)
        for file, content in files.items():
            _write(root / file, content)
        for file in files:
            with suppress(AssayError):  # a picture of a kind that is refused whole
                target.read(root / file)
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        limit = pages * resource.getpagesize() + MEMORY
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        for seed in range(first, first + count):
            print(json.dumps({"seed": seed}), flush=True)
            file, content = damaged(name, files, seed)
            _write(root / file, content)
            wrong = attempt(target, root / file)
            _write(root / file, files[file])
            if wrong:
                print(json.dumps({"seed": seed, "wrong": wrong}), flush=True)


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def findings(name: str, first: int, count: int, until: float) -> Iterator[tuple[int, str]]:
    """Numbers of inputs, each with what is wrong about it; empty where nothing is."""
    seed, last = first, first + count
    while seed < last and time.monotonic() < until:
        command = [sys.executable, __file__, "--reader", name, "--child"]
        command += ["--seed", str(seed), "--count", str(last - seed)]
        with (
            tempfile.TemporaryFile() as said,
            subprocess.Popen(command, stdout=subprocess.PIPE, stderr=said, cwd=HERE) as process,
        ):
            assert process.stdout is not None
            began, wrong, at = False, "", seed
            for line in _lines(process, until):
                if "wrong" in line:
                    wrong = line["wrong"]
                    continue
                if began:
                    yield at, wrong
                began, wrong, at = True, "", line["seed"]
            ended = process.poll()
            process.kill()
            if ended is None and time.monotonic() >= until:
                return
            if ended != 0:
                said.seek(0)
                words = said.read().decode(errors="replace").strip().splitlines()[-1:]
                wrong = (
                    f"no end within {SILENT:.0f} s" if ended is None else f"died: {ended} {words}"
                )
                if not began:
                    raise SystemExit(f"{name} cannot be started: {wrong}")
            yield at, wrong
            seed = at + 1


def _lines(process: subprocess.Popen[bytes], until: float) -> Iterator[dict[str, Any]]:
    """What a process says, until it ends, says nothing for too long, or time is up."""
    assert process.stdout is not None
    descriptor, rest = process.stdout.fileno(), b""
    while time.monotonic() < until:
        ready, _, _ = select.select([descriptor], [], [], SILENT)
        piece = os.read(descriptor, 1 << 16) if ready else b""
        if not piece:
            if ready:
                process.wait()
            return
        *whole, rest = (rest + piece).split(b"\n")
        yield from map(json.loads, whole)


def run(name: str, given: argparse.Namespace) -> dict[str, Any]:
    """One reader: how many inputs, and the findings, each kind of them once."""
    began, done = time.monotonic(), 0
    kinds: dict[str, dict[str, Any]] = {}
    for seed, wrong in findings(name, given.seed, given.count, began + given.seconds):
        done += 1
        if not wrong:
            continue
        kind = kinds.setdefault(wrong.split(": ")[0], {"seed": seed, "said": wrong, "times": 0})
        kind["times"] += 1
        if kind["times"] == 1:
            print(f"{name} --seed {seed}: {wrong}", flush=True)
            if given.keep:
                _keep(name, seed, given.keep)
    seconds = time.monotonic() - began
    print(f"{name}: {done:,} inputs, {len(kinds)} kinds of findings, {seconds:.0f} s", flush=True)
    return {"reader": name, "inputs": done, "first": given.seed, "seconds": round(seconds, 1),
            "findings": list(kinds.values())}  # fmt: skip


def _keep(name: str, seed: int, folder: Path) -> None:
    """Leave the damaged file, and the sound ones beside it, in a folder of its own."""
    with tempfile.TemporaryDirectory() as scratch:
        files = READERS[name].make(Path(scratch))
    file, content = damaged(name, files, seed)
    target = folder / f"{name}-{seed}"
    shutil.rmtree(target, ignore_errors=True)
    for other, sound in files.items():
        if name in ("npy", "store") or other == file:  # others are not looked at
            _write(target / other, sound)
    _write(target / file, content)


def main() -> None:
    """Run it and write what came out."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--reader", nargs="+", choices=list(READERS), default=list(READERS))
    parser.add_argument("--count", type=int, default=2000, help="inputs for each reader")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="for each reader")
    parser.add_argument("--seed", type=int, default=0, help="number of the first input")
    parser.add_argument("--keep", type=Path, help="folder for what was found")
    parser.add_argument("--out", type=Path, help="file for the numbers, as JSON")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        return child(given.reader[0], given.seed, given.count)
    rows = [run(name, given) for name in given.reader]
    if given.out:
        date = datetime.datetime.now(datetime.UTC).date().isoformat()
        result = {"date": date, "machine": machine(), "seconds_allowed": SLOW,
                  "bytes_allowed": MEMORY, "rows": rows}  # fmt: skip
        given.out.write_text(json.dumps(result, indent=1) + "\n")
    sys.exit(any(row["findings"] for row in rows))


if __name__ == "__main__":
    main()
