"""`assay tensorboard`: a study's runs in TensorBoard."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from assay.apps.cli import console
from assay.apps.cli.completion import labels, stored_names, stored_runs
from assay.apps.cli.options import Places, StoredScale
from assay.apps.cli.progress import runs_text
from assay.apps.cli.results import stored_results

__all__ = ["tensorboard"]


def tensorboard(
    study: Annotated[str, Parameter(completer=stored_names)],
    /,
    *,
    trial: Annotated[list[str] | None, Parameter(completer=labels, negative="")] = None,
    run: Annotated[list[str] | None, Parameter(completer=stored_runs, negative="")] = None,
    logdir: Path | None = None,
    histograms: Annotated[bool, Parameter(negative="")] = False,
    open: bool = True,
    port: int = 6006,
    scale: StoredScale = None,
    places: Places | None = None,
) -> int:
    """Write a study's runs as TensorBoard event files, then open TensorBoard on them.

    Scalars and hyperparameters of every run, the graph of its network, and its most confident
    mistakes.

    Args:
        study: A study that the store holds, or its YAML file.
        trial: Only this trial (its label); may be repeated.
        run: Only this run (the start of its name); may be repeated.
        logdir: Where to write [STORE/tensorboard/STUDY].
        histograms: Write histograms of the trained weights as well.
        open: Start TensorBoard, on this machine only, until Ctrl-C.
        port: Where TensorBoard listens.
    """
    from assay.apps.tensorboard import check_tensorboard, choose, write_events
    from assay.core.errors import ConfigError

    if not 0 <= port <= 65535:
        raise ConfigError(f"--port {port}: expected a number from 0 to 65535")
    check_tensorboard()
    places = places or Places()
    results = stored_results(study, places, scale)
    records = choose(results, trial or (), run or ())
    folder = logdir or results.store / "tensorboard" / results.name

    def told(done: int) -> None:
        if done % 10 == 0 and done < len(records):
            console.say(f"{done} of {len(records)} runs written")

    try:
        write_events(results, records, folder, histograms=histograms, on_run=told)
    except OSError as error:
        raise ConfigError(f"cannot write {folder}: {error.strerror or error}") from error
    console.say(f"written: {runs_text(len(records))} in {folder}")
    if not open:
        return 0
    command = [sys.executable, "-m", "tensorboard.main", "--logdir", str(folder)]
    try:
        return subprocess.call([*command, "--host", "localhost", "--port", str(port)])
    except KeyboardInterrupt:
        return 0
