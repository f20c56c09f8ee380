"""One study with every executor: equality of the records, speed, and overhead of a job.

    ./scripts/bench executors [--jobs 1 10 60]

The executors are this process, worker processes, two nodes of Ray on this machine, and a SLURM
cluster of one node, if there is one (env SLURM_CONF; `tests/execution/clusters/slurm-node start
FOLDER`). Nothing else should run meanwhile; the load of the machine before each row is in the
results.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ENVIRONMENT = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0", "RAY_USAGE_STATS_ENABLED": "0"}
os.environ.update(ENVIRONMENT)  # a cluster on 127.0.0.1, and no word to anybody

RESULTS = Path(__file__).parent / "results"
STUDY = ("mlp-optimizers", {"scale": "quick", "precision": "float32"})


@contextmanager
def places() -> Iterator[list[str]]:
    """Where to train."""
    from ray.cluster_utils import Cluster

    node = {"num_cpus": 1, "node_ip_address": "127.0.0.1", "object_store_memory": 200_000_000}
    head = {**node, "include_dashboard": False}
    cluster = Cluster(initialize_head=True, connect=False, head_node_args=head)
    cluster.add_node(**node)
    found = ["inline", "processes", f"ray:{cluster.address}"]
    yield found + ["slurm"] * ("SLURM_CONF" in os.environ)
    cluster.shutdown()


def plain(arrays: dict[str, Any]) -> dict[str, str]:
    """The bytes of arrays as text."""
    return {name: array.tobytes().hex() for name, array in arrays.items()}


def content(folder: Path) -> dict[str, str]:
    """What a store holds of each run that does not depend on when and where: bytes as text."""
    from assay.core.store import Store

    with Store(folder, read_only=True) as store:
        return {
            record.run_id: json.dumps(
                {
                    "metrics": record.metrics,
                    "curves": {
                        n: c.tobytes().hex() for n, c in record.curves.items() if n != "seconds"
                    },
                    "predictions": {n: p.tobytes().hex() for n, p in record.predictions.items()},
                }
            )
            for record in store.records(store.run_ids())
        }


def equal_records(on: list[str], folder: Path, changes: dict[str, Any]) -> list[dict[str, Any]]:
    """The study at each place, compared with the first."""
    import assay

    name, options = STUDY
    rows, first = [], None
    assay.run(name, on="inline", store=folder / "warm", **{**options, "scale": "smoke"})
    for place in on:
        load = round(os.getloadavg()[0], 1)
        store, began, images = folder / place.partition(":")[0], time.perf_counter(), [0]

        def count(event: Any, images: list[int] = images) -> None:
            images[0] += event.progress.images if event.progress else 0

        told: dict[str, Any] = {
            **options,
            **changes,
            "store": store,
            "workers": 1 if place == "inline" else 2,
            "on_event": count,
        }
        assay.run(name, on=place, **told)
        seconds = time.perf_counter() - began
        found = content(store)
        first = first or found
        rows.append(
            {
                "place": place.partition(":")[0],
                "load_before": load,
                "runs": len(found),
                "seconds": round(seconds, 1),
                "images_per_second": round(images[0] / seconds),
                "equal_to_inline": found == first,
            }
        )
        print(rows[-1], flush=True)
    return rows


def overhead(on: list[str], folder: Path, lengths: list[float]) -> list[dict[str, Any]]:
    """Two jobs of so many seconds on two workers: what they take beyond that."""
    import assay

    rows = []
    for length in lengths:
        for place in on:
            steps = max(1, int(length * SPEED[0]))
            study = {
                "study": f"job{length:g}",
                "dataset": "digits",
                "network": {"family": "cnn", "filters": [[8]], "dense": [16]},
                "training": {"steps": steps, "batch_size": 32, "evaluate_every": 10**6},
                "precision": "float32",
                "repeats": 2,
            }
            load = round(os.getloadavg()[0], 1)
            began, store = time.perf_counter(), folder / f"{place.partition(':')[0]}-{length:g}"
            done = assay.run(study, on=place, store=store, workers=2, progress=False)
            seconds = time.perf_counter() - began
            trained = [r.timing["train"] for r in done.records(arrays=False)]
            rows.append(
                {
                    "place": place.partition(":")[0],
                    "load_before": load,
                    "job_seconds": round(sum(trained) / len(trained), 2),
                    "seconds": round(seconds, 2),
                    "beyond_training": round(seconds - max(trained), 2),
                }
            )
            print(rows[-1], flush=True)
    return rows


SPEED = [400.0]
"""Updates a second of the job's network; measured first."""


def calibrate(folder: Path) -> None:
    """Measure SPEED."""
    import assay

    study = {
        "study": "speed",
        "dataset": "digits",
        "network": {"family": "cnn", "filters": [[8]], "dense": [16]},
        "training": {"steps": 400, "batch_size": 32, "evaluate_every": 10**6},
        "precision": "float32",
        "repeats": 2,
    }
    done = assay.run(study, on="processes", store=folder / "speed", workers=2, progress=False)
    times = [r.timing["train"] for r in done.records(arrays=False)]
    SPEED[0] = 400 / (sum(times) / len(times))


def main() -> None:
    """Measure and write benchmarks/results/executors-DATE.json."""
    from assay.core.machine import machine

    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--jobs", type=float, nargs="*", default=[1, 10, 60])
    parser.add_argument("--train", type=int, default=2000)
    parser.add_argument("--repeats", type=int, default=1)
    chosen = parser.parse_args()
    changes = {"repeats": chosen.repeats, "set": {"dataset.train": chosen.train}}
    with tempfile.TemporaryDirectory() as name, places() as on:
        folder = Path(name)
        found: dict[str, Any] = {
            "date": time.strftime("%Y-%m-%d"),
            "machine": machine(),
            "study": [STUDY[0], STUDY[1] | changes],
            "records": equal_records(on, folder, changes),
        }
        calibrate(folder)
        found["jobs"] = overhead([p for p in on if p != "inline"], folder, chosen.jobs)
    file = RESULTS / f"executors-{found['date']}.json"
    file.write_text(json.dumps(found, indent=1) + "\n")
    print(file)


if __name__ == "__main__":
    main()
