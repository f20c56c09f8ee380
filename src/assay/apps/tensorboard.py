"""Runs as TensorBoard event files: scalars, hyperparameters, graphs, histograms, mistakes."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assay.apps.import_events import RESULT, STATUS, STUDY
from assay.core.errors import MissingExtraError, StoreError, install_extra
from assay.core.plans import PlannedTrial
from assay.core.trial_names import named_label, unknown_trial
from assay.core.values import flatten
from assay.reports.names import names_by_label

if TYPE_CHECKING:
    import numpy as np

    from assay.apps.results import Results
    from assay.core.records import Record
    from assay.networks.network import Network

__all__ = ["check_tensorboard", "choose", "folder_names", "write_events"]

CURVES_WITH_NAMES = {"seconds": "time/seconds", "epoch": "time/epoch"}
"""Curves that are not metrics."""


def check_tensorboard() -> None:
    """Raise MissingExtraError unless event files can be written and shown."""
    from importlib.util import find_spec

    missing = [name for name in ("tensorboardX", "tensorboard") if find_spec(name) is None]
    if missing:
        raise MissingExtraError(
            f"this needs {' and '.join(missing)}, which {'is' if len(missing) == 1 else 'are'} not "
            f"installed; {install_extra('tensorboard')}"
        )


def choose(results: Results, trials: Collection[str], runs: Collection[str]) -> list[Record]:
    """Return the finished and diverged runs of a study, or the requested ones.

    Args:
        trials: labels or names in tables; empty for all.
        runs: starts of runs' names; empty for all.

    Raises:
        StoreError: a label or a run is missing, or there are no runs.
    """
    names = names_by_label(results.plan)
    for said in trials:
        if named_label(names, said) is None:
            raise StoreError(unknown_trial(results.name, names, said))
    wanted = {named_label(names, said) for said in trials}
    chosen = {t["trial_id"] for t in results.plan["trials"] if str(t["label"]) in wanted}
    found = [r for r in results.records() if r.status != "failed"]
    for start in runs:
        if not any(r.run_id.startswith(start) for r in found):
            raise StoreError(f"study {results.name} has no finished run that starts with {start!r}")
    found = [
        r
        for r in found
        if (not trials or r.trial_id in chosen)
        and (not runs or any(r.run_id.startswith(start) for start in runs))
    ]
    if not found:
        raise StoreError(f"study {results.name} has no finished run yet; train it with assay run")
    return found


def folder_names(labels: Sequence[str]) -> dict[str, str]:
    """Return the folder of each trial below the log folder: its label, safe for file systems.

    Labels that differ only in other characters, or in case, get a number.
    """
    found: dict[str, str] = {}
    taken: set[str] = set()
    for label in labels:
        plain = re.sub(r"[^A-Za-z0-9.,_=-]+", "_", label).strip("_.") or "trial"
        numbered = (f"{plain}_{i}" if i > 1 else plain for i in itertools.count(1))
        found[label] = next(name for name in numbered if name.lower() not in taken)
        taken.add(found[label].lower())
    return found


def write_events(
    results: Results,
    records: Sequence[Record],
    logdir: Path,
    *,
    histograms: bool = False,
    on_run: Callable[[int], None] = lambda done: None,
) -> list[Path]:
    """Write the event files of some runs; files of an earlier call are replaced.

    Args:
        results: the study of the runs.
        logdir: created if missing; each run gets TRIAL/seed-N below it.
        histograms: write the trained weights as well.
        on_run: called with the number of runs written so far.

    Returns:
        The folders, one for each run.
    """
    from tensorboardX import SummaryWriter

    from assay.core.store import Store

    trials = {trial["trial_id"]: trial for trial in results.plan["trials"]}
    names = folder_names([str(trial["label"]) for trial in results.plan["trials"]])
    folders = []
    for done, record in enumerate(records, 1):
        trial = trials[record.trial_id]
        folder = logdir / names[str(trial["label"])] / f"seed-{record.seed}"
        for old in folder.glob("events.out.tfevents.*") if folder.exists() else ():
            old.unlink()
        with Store(results.store, create=False, read_only=True) as store:
            weights = store.weights(record.run_id)
        with SummaryWriter(str(folder)) as writer:
            _scalars(writer, record)
            ended = f"{record.status}: {record.message}" if record.message else record.status
            writer.add_text(STATUS, ended)  # `assay import` reads both again
            writer.add_text(STUDY, _in_study(results, trial))
            _hyperparameters(writer, trial, record)
            network = _network(results, record)
            if network is not None and weights:
                if _is_drawn(network):
                    _graph(writer, network, record, weights)
                if histograms:
                    for name, array in weights.items():
                        writer.add_histogram(f"weights/{name}", array, int(record.metrics["steps"]))
            _mistakes(writer, results, record)
            _film(writer, record)
        folders.append(folder)
        on_run(done)
    return folders


def _in_study(results: Results, trial: PlannedTrial) -> str:
    """Return what a trial is in its study, and what that is judged by, as JSON."""
    plan = results.plan
    better = {
        name: known["higher_is_better"]
        for name, known in plan.get("metrics", {}).items()
        if known.get("higher_is_better") is not None
    }
    return json.dumps(
        {
            "levels": trial["levels"],
            "baseline": trial["label"] == plan.get("baseline"),
            "main": str(plan.get("metric", "")).removeprefix("val_"),
            "better": better,
        }
    )


def _is_drawn(network: Network) -> bool:
    """Whether it has a graph: several networks and user-defined ones have none."""
    from assay.networks.modules import OwnNetwork

    return bool(network.heads) and not isinstance(network, OwnNetwork)


def _scalars(writer: Any, record: Record) -> None:
    steps = record.curves.get("step", ())
    for name, values in record.curves.items():
        if name == "step":
            continue
        prefix, _, rest = name.partition("_")
        split = prefix if prefix in ("val", "test") else "train"
        metric = rest if prefix in ("val", "test") else name
        tag = CURVES_WITH_NAMES.get(name, f"{metric}/{split}")
        for step, value in zip(steps, values, strict=True):
            _scalar(writer, tag, float(value), int(step))


def _scalar(writer: Any, tag: str, value: float, step: int) -> None:
    """Write a scalar as `add_scalar` does, which prints a line for each that is not finite."""
    from tensorboardX.summary import scalar

    summary = scalar(tag, 0.0)
    summary.value[0].simple_value = value
    writer.file_writer.add_summary(summary, step)


def _hyperparameters(writer: Any, trial: PlannedTrial, record: Record) -> None:
    """The hparams plugin: settings of the run with its final metrics."""
    from tensorboardX.summary import hparams

    settings: dict[str, bool | float | str] = {"trial": str(trial["label"]), "seed": record.seed}
    kept = {k: record.config[k] for k in ("dataset", "network", "training") if k in record.config}
    for name, value in flatten(kept):
        if value is not None:  # other types are no hyperparameters there
            settings[name] = value if isinstance(value, (bool, int, float, str)) else str(value)
    reached = {
        f"{RESULT}{name}": float(value)
        for name, value in record.metrics.items()
        if name.startswith(("val_", "test_"))
    }
    # hparams() returns the three summaries that TensorBoard expects in the run's own file
    for summary in hparams(settings, reached):
        writer.file_writer.add_summary(summary)
    for name, value in reached.items():
        _scalar(writer, name, value, int(record.metrics.get("steps", 0)))


def _network(results: Results, record: Record) -> Network | None:
    """Return the description of a run's network; None if its dataset can no longer be described, or
    if it was imported."""
    from assay.core.errors import AssayError
    from assay.studies.members import resolve_network

    if not record.config.get("network"):
        return None
    try:
        return resolve_network(record.config, results.data_dir)
    except AssayError:
        return None


def _graph(
    writer: Any, network: Network, record: Record, weights: Mapping[str, np.ndarray]
) -> None:
    """Return the graph of the network: Keras's for the keras engine, otherwise PyTorch's."""
    if record.config.get("engine") == "keras":
        from assay.engines.keras_engine.files import write_graph

        write_graph(network, Path(writer.logdir))
        return
    import warnings

    import torch

    from assay.engines.engine import Resources
    from assay.engines.keras_engine.backend import silence
    from assay.engines.torch_engine.device import place
    from assay.engines.torch_engine.module import NetworkModule

    class Traced(NetworkModule):
        """Wrapper that returns a tuple, because a tracer does not accept dictionaries."""

        def forward(self, x: torch.Tensor) -> Any:
            return tuple(super().forward(x).values())

    where = place(Resources(device="cpu", precision="float32"))
    module = Traced(network, dict(weights), record.seed, where).eval()
    height, width, channels = network.input_shape
    with warnings.catch_warnings(), silence():  # TensorFlow prints messages when it is imported
        warnings.simplefilter("ignore")  # tracing warns about Python numbers in shapes
        writer.add_graph(module, torch.zeros(1, channels, height, width))


def _film(writer: Any, record: Record) -> None:
    """Write the generated pictures of fixed latent points at every evaluation."""
    from assay.reports.sheets import sheet

    frames = record.predictions.get("film", ())
    for step, images in zip(record.predictions.get("film_step", ()), frames, strict=True):
        writer.add_image("made pictures", sheet(images, 4), int(step), dataformats="HWC")


def _mistakes(writer: Any, results: Results, record: Record, most: int = 8) -> None:
    """Write the most confident mistakes of each class, with the predicted class."""
    from assay.data.arrays import displayable
    from assay.reports import predictions

    found = predictions.mistakes(results.plan, [record], most)
    if found is None:
        return
    dataset = results.dataset(record.config["dataset"])
    items = [(group["class"], item) for group in found["classes"] for item in group["items"]]
    seen = predictions.pictures(results.dataset, record, [item["index"] for _, item in items])
    if seen["images"] is None or not items:
        return
    count = 1 + max(max(number, item["predicted"]) for number, item in items)
    names = predictions.class_names(record.config["dataset"], dataset, count)
    step = int(record.metrics["steps"])
    for place, ((number, item), image) in enumerate(zip(items, seen["images"], strict=True)):
        rank = sum(other == number for other, _ in items[:place]) + 1
        tag = f"mistakes/{names[number]}/{rank} taken for {names[item['predicted']]}"
        shown = displayable(image)
        writer.add_image(f"{tag} ({item['confidence']:.0%})", shown, step, dataformats="HWC")
