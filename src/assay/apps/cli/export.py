"""`assay export`: results and trained networks in the formats of other tools."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from assay.apps.cli import console
from assay.apps.cli.completion import stored
from assay.apps.cli.options import OutFile, Places, StoredScale
from assay.apps.cli.results import stored_results
from assay.apps.places import check_ending
from assay.core.errors import ConfigError, StoreError
from assay.core.files import part_of, written_whole

if TYPE_CHECKING:
    from assay.apps.exporters.exporter import RunExporter
    from assay.apps.results import Results
    from assay.core.records import Record
    from assay.networks.network import Network

__all__ = ["export", "stored_run"]


def format_names(context: object = None) -> Iterable[str]:
    """Formats, for the shell."""
    from assay.apps.exporters.exporter import EXPORTERS

    yield from EXPORTERS


def export(
    what: Annotated[str, Parameter(completer=stored)],
    /,
    out: OutFile | None = None,
    *,
    to: Annotated[str, Parameter(completer=format_names)] = "json",
    scale: StoredScale = None,
    places: Places | None = None,
) -> None:
    """Write the results of a study, or the trained network of a run, for other tools.

    Args:
        what: A study that the store holds, or its YAML file; a run, or the start of its name.
        to: The format. For a study: json (configuration, command, machine and the numbers of every
            run) or optuna (a search with all its trials, for Optuna's dashboard). For a run, a
            model that takes pixels in 0..255 and returns logits: keras, onnx, or torch (an
            nn.Module in a file of its own, with safetensors). Where the run's images were changed
            first (permute, resize, zca_whitening), the model takes changed ones; the views of
            `task.test_time` it does not make.
        out: The file to write [./NAME with the format's ending].
    """
    from assay.apps.exporters._reference import left_out
    from assay.apps.exporters.exporter import EXPORTERS, RunExporter, StudyExporter

    exporter, places = EXPORTERS[to], places or Places()
    if out is not None:
        check_ending("--out", out, [exporter.suffix], f", the ending of --to {to}")
    write: Callable[[Path], None]
    note = ""
    if isinstance(exporter, RunExporter):
        if scale is not None:
            raise ConfigError(f"--scale {scale}: --to {to} takes one run, which has no scale")
        record, network = stored_run(what, f"--to {to}", places)
        _check_own(exporter, network, record, to)
        name, note = record.run_id, left_out(record)

        def write(path: Path) -> None:
            exporter.write(record, network, path)
    else:
        assert isinstance(exporter, StudyExporter)
        found = _stored_study(what, to, places, scale)
        name = found.name

        def write(path: Path) -> None:
            exporter.write(found, path)

    path = out or Path(name + exporter.suffix)
    companions = getattr(exporter, "companions", ())
    _write(write, path, exporter.suffix, companions)
    for written in [path, *(path.with_suffix(ending) for ending in companions)]:
        console.say(f"written: {written}")
    if note:
        console.remark(f"note: {note}")


def _stored_study(what: str, to: str, places: Places, scale: str | None) -> Results:
    """The results of a study; where `what` is a run, the error names the formats of runs."""
    from assay.apps.exporters.exporter import EXPORTERS, RunExporter
    from assay.core.store import Store

    try:
        return stored_results(what, places, scale)
    except StoreError:
        if places.nothing_stored:
            raise
        with Store(places.store_path, create=False, read_only=True) as store:
            if not any(run.startswith(what) for run in store.run_ids()):
                raise
        *most, last = sorted(n for n in EXPORTERS if isinstance(EXPORTERS[n], RunExporter))
        raise StoreError(
            f"--to {to} takes a study, got run {what}; a run needs --to {', '.join(most)} or {last}"
        ) from None


def _check_own(exporter: RunExporter, network: Network, record: Record, to: str) -> None:
    """Refuse a network of the user's own if the format can only be written from a description."""
    from assay.networks.modules import OwnNetwork

    if isinstance(network, OwnNetwork) and network.family not in exporter.own:
        if network.family == "estimator":
            raise StoreError(
                f"run {record.run_id} is of {network.source}: the store does not keep fitted "
                "scikit-learn estimators, because that would need pickle"
            )
        use = {"module": "torch", "keras": "keras"}[network.family]
        raise StoreError(
            f"--to {to} writes networks that assay describes, but run {record.run_id} has a custom "
            f"one, {network.source}; use --to {use}"
        )


def _write(
    write: Callable[[Path], None], path: Path, suffix: str, companions: Sequence[str]
) -> None:
    """Write to a temporary name first, so that the file at `path` is always complete."""
    others = {part_of(path, ending): path.with_suffix(ending) for ending in companions}
    try:
        with written_whole(path, suffix) as part:
            write(part)
            for other, final in others.items():
                other.replace(final)
    except OSError as error:
        raise StoreError(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        for left in others:
            with suppress(OSError):
                left.unlink()


def stored_run(what: str, asked: str, places: Places) -> tuple[Record, Network]:
    """The one run whose name starts with `what`, with its weights, and its network.

    Args:
        asked: the option that needs a run, such as "--to keras".
    """
    from dataclasses import replace

    from assay.apps.finding import find_stored
    from assay.core.store import Store
    from assay.studies.members import resolve_network

    with Store(places.store_path, create=False, read_only=True) as store:
        meant = find_stored(store, what)
        if not meant.run:
            there = store.recorded(meant.runs)
            some = next((run for run in meant.runs if run in there), None)
            hint = f", e.g. {some}, the first of study {what}" if some else ""
            raise StoreError(f"{asked} takes one run, got study {what!r}; expected a run{hint}")
        run = meant.run
        record, weights = store.record(run), store.weights(run)
    if not weights:
        raise StoreError(record.without_weights)
    provenance = record.provenance
    if "pixels" not in provenance:  # a record written before this was kept
        from assay.data import load

        dataset = load(record.config["dataset"], places.data_path)
        seen = {"mean": dataset.mean.tolist(), "std": dataset.std.tolist()}
        provenance = {**provenance, "pixels": seen}
    network = resolve_network(record.config, places.data_path)
    if not network.heads:
        raise StoreError(
            f"{asked} takes a network that reads images, got run {run}, whose task generates them; "
            f"assay sample {run} does so"
        )
    return replace(record, weights=weights, provenance=provenance), network
