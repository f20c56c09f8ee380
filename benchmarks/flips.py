"""Checks that every flipped bit in a store is noticed.

    python benchmarks/flips.py --count 3000

trains a small study on handwritten digits, then flips one bit at a time: in a value of a record, a
blob of arrays, a plan, a weights file, a checkpoint of a rung or of an interrupted run, and
anywhere in the file of the index. After each flip, everything is read as by tables, reports and
further training, and the bit is restored. Writes results/flips-DATE.json: how many were

- noticed: an error that names the damaged item, or an ignored checkpoint;
- harmless: every number was right (SQLite's free space, counters in its header);
- fewer: in the index only, where runs or studies were not found any more, nothing else was wrong;
- unnoticed: a number was wrong, or anything else happened. There must be none.
"""

from __future__ import annotations

import argparse
import datetime
import json
import sqlite3
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

import assay
from assay.core.errors import StoreError
from assay.core.machine import machine
from assay.core.store import Store
from assay.core.store_format import decode_arrays
from assay.engines.checkpoints import Checkpoint

STUDY = {
    "study": "flips",
    "dataset": {"name": "digits", "train": 200, "test": 100},
    "network": {"family": "mlp", "hidden": [8]},
    "training": {"epochs": 4, "batch_size": 50, "learning_rate": 0.1},
    "engine": "numpy",
    "repeats": 2,
    "save_weights": True,
    "factors": {"network.activation": ["relu", "tanh"]},
}
COLUMNS = {
    "runs": "trial_id seed status config metrics timing provenance message updated run_id "
    "arrays_digest weights_digest digest",
    "arrays": "blob",
    "plans": "study plan updated digest",
}
Outcome = str
Flip = tuple[Callable[[], None], Callable[[], None]]
"""What damages, and what mends."""


def everything(folder: Path) -> dict[str, Any]:
    """All that tables, reports and exports read of a store, as text to compare."""
    with Store(folder, create=False, read_only=True) as store:
        found: dict[str, Any] = {}
        for row in store.studies():
            if row["problem"]:
                raise StoreError(row["problem"])
            plan = store.plan(row["study"])
            runs = store.recorded([run for trial in plan["trials"] for run in trial["runs"]])
            found[row["study"]] = repr(plan)
            for record in store.records(sorted(runs)):
                found[record.run_id] = repr(record)
                weights = store.weights(record.run_id)
                arrays = record.curves | record.predictions | weights
                found |= {f"{record.run_id}/{k}": v.tobytes() for k, v in arrays.items()}
    return found


def read_store(folder: Path, truth: dict[str, Any]) -> Outcome:
    """How reading the whole store ends."""
    try:
        found = everything(folder)
    except StoreError:
        return "noticed"
    if found == truth:
        return "harmless"
    return "fewer" if found.items() < truth.items() else "unnoticed"


def flip_file(file: Path, draw: np.random.Generator) -> Flip:
    """A bit anywhere in a file."""
    place, bit = int(draw.integers(file.stat().st_size)), 1 << int(draw.integers(8))

    def toggle() -> None:
        with file.open("r+b") as opened:
            opened.seek(place)
            (byte,) = opened.read(1)
            opened.seek(place)
            opened.write(bytes([byte ^ bit]))

    return toggle, toggle


def flip_value(index: Path, table: str, draw: np.random.Generator) -> Flip:
    """A bit of a value of a row, weighted by length; integers count as eight bytes."""
    columns = COLUMNS[table].split()
    with closing(sqlite3.connect(index)) as db:
        key = "study" if table == "plans" else "run_id"
        keys = [name for (name,) in db.execute(f"SELECT {key} FROM {table} ORDER BY 1")]
        name = keys[draw.integers(len(keys))]
        values = ", ".join(f"typeof({c}), CAST({c} AS BLOB)" for c in columns)
        row = db.execute(f"SELECT {values} FROM {table} WHERE {key} = ?", (name,)).fetchone()
    kinds, contents = row[::2], row[1::2]
    sizes = np.array(
        [len(c) if k != "integer" else 8 for k, c in zip(kinds, contents, strict=True)]
    )
    which = int(draw.choice(len(columns), p=sizes / sizes.sum()))
    column, kind, content = columns[which], kinds[which], contents[which]
    new: Any = bytearray(content)
    if kind == "integer":
        new, old, put = int(content) ^ (1 << int(draw.integers(63))), int(content), "?"
    else:
        new[draw.integers(len(new))] ^= 1 << int(draw.integers(8))
        new, old, put = bytes(new), content, "?" if kind == "blob" else "CAST(? AS TEXT)"

    def write(value: Any, where: Any) -> None:
        with closing(sqlite3.connect(index)) as db, db:
            sql = f"UPDATE {table} SET {column} = {put} WHERE CAST({key} AS BLOB) = ?"
            assert db.execute(sql, (value, where)).rowcount == 1

    own = name.encode()
    return (lambda: write(new, own)), (lambda: write(old, new if column == key else own))


def make_store(folder: Path) -> tuple[Path, Path]:
    """Train the study; return checkpoints as a rung and an interrupted run leave them."""
    assay.run(STUDY, store=folder, workers=1)
    with Store(folder) as store:
        record = store.record(store.run_ids()[0])
        state = {f"trainer/{k}": v for k, v in store.weights(record.run_id).items()}
        store._write_state(replace(record, state=state | record.curves))
        Checkpoint(store.checkpoints, record.run_id, "these data", 0.0).save(state | record.curves)
        rung = store.checkpoints / f"{record.run_id}.safetensors"
        return rung, rung.with_name(f"{record.run_id}.unfinished.safetensors")


def read_rung(file: Path) -> Outcome:
    """Whether a rung's checkpoint would be gone on from."""
    try:
        decode_arrays(file.read_bytes(), str(file), sealed=True)
    except StoreError:
        return "noticed"
    return "unnoticed"


def read_unfinished(file: Path) -> Outcome:
    """Whether an interrupted run's checkpoint would be gone on from."""
    kept = Checkpoint(file.parent, file.name.partition(".")[0], "these data", 0.0)
    return "unnoticed" if kept.load() is not None or not kept.ignored else "noticed"


def measure(count: int, seconds: float, seed: int) -> dict[str, dict[str, int]]:
    """Outcomes by kind of what was flipped."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "store"
        rung, unfinished = make_store(folder)
        truth, index = everything(folder), folder / "index.sqlite"
        weights = sorted((folder / "weights").iterdir())

        def whole() -> Outcome:
            return read_store(folder, truth)

        kinds: dict[str, tuple[Callable[[np.random.Generator], Flip], Callable[[], Outcome]]] = {
            "records": (lambda draw: flip_value(index, "runs", draw), whole),
            "arrays": (lambda draw: flip_value(index, "arrays", draw), whole),
            "plans": (lambda draw: flip_value(index, "plans", draw), whole),
            "weights": (
                lambda draw: flip_file(weights[draw.integers(len(weights))], draw),
                whole,
            ),
            "checkpoints of rungs": (lambda draw: flip_file(rung, draw), lambda: read_rung(rung)),
            "checkpoints of interrupted runs": (
                lambda draw: flip_file(unfinished, draw),
                lambda: read_unfinished(unfinished),
            ),
            "index file": (lambda draw: flip_file(index, draw), whole),
        }
        found = {}
        for kind, (flip, read) in kinds.items():
            draw, seen, end = (
                np.random.default_rng([seed, *kind.encode()]),
                Counter[str](),
                time.monotonic() + seconds,
            )
            for _ in range(count):
                damage, mend = flip(draw)
                damage()
                outcome = "unnoticed"
                with suppress(Exception):  # any other error than ours is as bad as none
                    outcome = read()
                seen[outcome] += 1
                mend()
                if time.monotonic() > end:
                    break
            assert whole() == "harmless", "a flip was not undone"
            found[kind] = {"flips": seen.total(), **seen}
            print(f"{kind}: {found[kind]}", flush=True)
    return found


def main() -> int:
    """Flip, print and write the result; 1 when a flip was not noticed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--count", type=int, default=300, help="flips of each kind")
    parser.add_argument("--seconds", type=float, default=600.0, help="at most, for each kind")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    found = measure(options.count, options.seconds, options.seed)
    date = datetime.date.today().isoformat()
    result = {"date": date, "seed": options.seed, "machine": machine(), "kinds": found}
    target = Path(__file__).parent / "results" / f"flips-{date}.json"
    target.write_text(json.dumps(result, indent=1) + "\n")
    print(f"written: {target}")
    return int(any(kind.get("unnoticed") for kind in found.values()))


if __name__ == "__main__":
    raise SystemExit(main())
