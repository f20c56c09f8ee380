"""Write the runs of `pages_store.series` as another tool keeps them.

python benchmarks/peer_pages.py optuna|tensorboard|trackio SERIES.npz FOLDER
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import numpy as np


def write_optuna(runs: dict[str, Any], folder: Path) -> None:
    """A study each, a trial a run, with its validation accuracy after every epoch."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    storage = f"sqlite:///{folder / 'optuna.db'}"
    names = sorted(set(runs["trial"]))
    any_of = optuna.distributions.CategoricalDistribution(names)
    seeds = optuna.distributions.IntDistribution(0, 9)
    column = list(runs["names"]).index("val_accuracy")
    for study in dict.fromkeys(runs["study"]):
        made = optuna.create_study(storage=storage, study_name=str(study), direction="maximize")
        trials = []
        for place in np.flatnonzero(runs["study"] == study):
            curve = runs["curves"][place, column]
            trials.append(
                optuna.trial.create_trial(
                    value=float(curve[-1]),
                    params={"trial": str(runs["trial"][place]), "seed": int(runs["seed"][place])},
                    distributions={"trial": any_of, "seed": seeds},
                    intermediate_values={i: float(v) for i, v in enumerate(curve)},
                )
            )
        made.add_trials(trials)


def write_tensorboard(runs: dict[str, Any], folder: Path) -> None:
    """A folder a run, with every curve."""
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.summary.writer.event_file_writer import EventFileWriter

    for place, (study, trial, seed) in enumerate(
        zip(runs["study"], runs["trial"], runs["seed"], strict=True)
    ):
        run = folder / str(study) / f"{trial.replace('/', '-')}, seed {seed}"
        writer = EventFileWriter(str(run), max_queue_size=1000, flush_secs=600)
        for epoch in range(runs["curves"].shape[2]):
            values = [
                Summary.Value(tag=str(name), simple_value=float(runs["curves"][place, k, epoch]))
                for k, name in enumerate(runs["names"])
            ]
            event = Event(step=epoch, wall_time=1.7e9 + epoch, summary=Summary(value=values))
            writer.add_event(event)
        writer.close()


def write_trackio(runs: dict[str, Any], folder: Path) -> None:
    """A project a study, a run each, with every curve."""
    os.environ["TRACKIO_DIR"] = str(folder)
    from trackio.sqlite_storage import SQLiteStorage

    for place, (study, trial, seed) in enumerate(
        zip(runs["study"], runs["trial"], runs["seed"], strict=True)
    ):
        curves = runs["curves"][place]
        SQLiteStorage.bulk_log(
            str(study),
            f"{trial}, seed {seed}",
            [
                {str(name): float(v) for name, v in zip(runs["names"], column, strict=True)}
                for column in curves.T
            ],
            steps=list(range(curves.shape[1])),
            config={"trial": str(trial), "seed": int(seed)},
        )


def main() -> None:
    """Write."""
    tool, file, folder = sys.argv[1], sys.argv[2], Path(sys.argv[3])
    folder.mkdir(parents=True, exist_ok=True)
    with np.load(file) as kept:
        runs = {name: kept[name] for name in kept.files}
    writers = {"optuna": write_optuna, "tensorboard": write_tensorboard, "trackio": write_trackio}
    writers[tool](runs, folder)


if __name__ == "__main__":
    main()
