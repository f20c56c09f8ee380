"""Arguments that several commands share, with their shell completion."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, get_args

from cyclopts import Parameter

from assay.apps.cli.completion import (
    dataset_names,
    engine_names,
    labels,
    place_names,
    scales,
    settings,
    study_names,
)
from assay.apps.places import check_ending, data_folder, nothing_stored, store_folder

if TYPE_CHECKING:
    from collections.abc import Sequence

    from assay.execution.place import Machine
    from assay.studies.scales import StudyChanges

__all__ = [
    "Backend",
    "DatasetName",
    "Drawn",
    "Json",
    "Labels",
    "MachineOptions",
    "OutFile",
    "PlaceName",
    "Places",
    "Settings",
    "StoredScale",
    "StudyName",
    "StudyOptions",
    "TrialName",
    "figure_file",
    "is_study",
    "with_option",
]


def is_study(name: str) -> bool:
    """Whether a name is meant as a study: a built-in one, a path or a file name."""
    from assay.studies.library import is_built_in

    return is_built_in(name) or os.sep in name or name.endswith((".yaml", ".yml"))


def _no_folder(kind: object, path: Path | None) -> None:
    if path is not None and path.is_dir():
        raise ValueError("it is a folder, expected a file name")


OutFile = Annotated[Path, Parameter(validator=_no_folder)]
"""A file to write; an impossible path is refused before any work is done."""
StudyName = Annotated[str, Parameter(completer=study_names)]
Backend = Annotated[str, Parameter(completer=lambda context: ("tensorflow", "jax", "torch"))]
PlaceName = Annotated[str, Parameter(completer=place_names)]
DatasetName = Annotated[str, Parameter(completer=dataset_names)]
TrialName = Annotated[str, Parameter(completer=labels)]
Labels = Annotated[list[str], Parameter(completer=labels, negative="", show_default=False)]
Settings = Annotated[list[str], Parameter(completer=settings, negative="", show_default=False)]
StoredScale = Annotated[
    str | None,
    Parameter(
        completer=scales,
        help="Scale that is stored, as in STUDY@quick [full, or else the only one].",
    ),
]
Json = Annotated[bool, Parameter(negative="", show_default=False, help="Print JSON.")]


Drawn = Literal["svg", "pdf", "png"]
"""Kinds of files that figures are written as."""


def with_option(set: Sequence[str], option: str, setting: str, value: str) -> list[str]:
    """Return the changes of --set with an option that stands for one of them.

    Raises:
        ConfigError: that setting is set as well.
    """
    from assay.core.errors import ConfigError
    from assay.studies.scales import setting_of

    if twice := [text for text in set if setting_of(text) == setting]:
        said = f"{option} {value} sets it as well; expected one of the two"
        raise ConfigError(f"--set {twice[0]}: {said}")
    return [*set, f"{setting}={value}"]


def figure_file(out: Path | None, to: Drawn | None, usual: str) -> tuple[Path, Drawn]:
    """Return the file of a figure and its kind: `to`, or what the name of the file ends in.

    Args:
        usual: the file's name if `out` is not given; the kind of its ending is the default.

    Raises:
        ConfigError: `out` ends in something else.
    """
    path = out or Path(usual).with_suffix(f".{to}" if to else Path(usual).suffix)
    ending, kinds = path.suffix.removeprefix(".").lower(), [to] if to else get_args(Drawn)
    if ending or path.name.startswith("."):
        because = f", because of --to {to}" if to else ""
        check_ending("--out", path, [f".{kind}" for kind in kinds], because)
    return path, to or ending or Path(usual).suffix[1:]  # type: ignore[return-value]


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Places:
    """Folders of the store and of the datasets.

    Attributes:
        store: Folder of the records [ASSAY_STORE, or ./assay-store].
        data: Folder that already has the datasets [ASSAY_DATA].
    """

    store: Path | None = None
    data: Path | None = None

    @property
    def store_path(self) -> Path:
        """The store to use."""
        return store_folder(self.store)

    @property
    def nothing_stored(self) -> bool:
        """Whether the store is not there yet, or still empty."""
        return nothing_stored(self.store_path)

    @property
    def is_store(self) -> bool:
        """Whether there is an index. A folder without one becomes a store when a study trains."""
        return (self.store_path / "index.sqlite").exists()

    @property
    def data_path(self) -> Path | None:
        """The data folder to use, if any."""
        return data_folder(self.data)


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class MachineOptions:
    """Where a study trains; options that are not given are read from its machine file
    (docs/scaling.md).

    Attributes:
        on: Where to train: local (the default), ray, ray:auto, ray://HOST:PORT or slurm.
        device: auto (the default), cpu, cuda, cuda:1 or mps.
        workers: Jobs at the same time [one for each core].
        partition: SLURM only: partition to queue in.
        time: SLURM only: time limit of a task [2:00:00].
        gpus_per_node: SLURM only: GPUs of a task.
        cpus_per_task: SLURM only: cores of a task.
        mem: SLURM only: memory of a task, such as 8G.
        account: SLURM only: account that is charged.
        qos: SLURM only: quality of service.
        constraint: SLURM only: features that a node must have.
        detach: SLURM only: return once all tasks are submitted; run the same command again to
            collect the results.
    """

    on: PlaceName | None = None
    device: str | None = None
    workers: int | None = None
    partition: str | None = None
    time: str | None = None
    gpus_per_node: int | None = None
    cpus_per_task: int | None = None
    mem: str | None = None
    account: str | None = None
    qos: str | None = None
    constraint: str | None = None
    detach: Annotated[bool, Parameter(negative="", show_default=False)] = False

    def of(self, study: object) -> Machine:
        """Return these options, completed by the machine file of a study."""
        from assay.apps.api import machine_for

        names = [f.name for f in fields(self) if f.name not in _ANYWHERE]
        given = {name: getattr(self, name) for name in names}
        own = {name: v for name, v in given.items() if v is not None and v is not False}
        return machine_for(study, self.on, self.workers, self.device, own)


_ANYWHERE = ("on", "device", "workers")
"""Options of every executor; all others belong to one of them."""


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class StudyOptions:
    """Changes to a study for this command.

    Attributes:
        scale: smoke, quick, full (the study as written) or a scale that the study defines.
        seed: First seed; the repeats count up from it.
        repeats: Runs of each trial.
        precision: float32, bfloat16, float64 or auto (float32 for dense networks, for others
            bfloat16 where the hardware has it).
        engine: Library that trains: torch, numpy, keras or sklearn [the study's].
        set: Change one setting, e.g. --set training.learning_rate=0.003; may be repeated.
    """

    scale: Annotated[str, Parameter(completer=scales)] = "full"
    seed: int | None = None
    repeats: int | None = None
    precision: Literal["auto", "float32", "bfloat16", "float64"] | None = None
    engine: Annotated[str | None, Parameter(completer=engine_names)] = None
    set: Settings = field(default_factory=list)

    def and_set(self, option: str, setting: str, value: str) -> StudyOptions:
        """Return these options with one that stands for a setting; see `with_option`."""
        return replace(self, set=with_option(self.set, option, setting, value))

    def refuse(self, why: str) -> None:
        """Refuse the changes, except the scale, for what is read from a store.

        Raises:
            ConfigError: one is given.
        """
        from assay.core.errors import ConfigError

        changes = {"--seed": self.seed, "--repeats": self.repeats, "--engine": self.engine}
        changes |= {"--precision": self.precision, "--set": self.set or None}
        if given := [option for option, value in changes.items() if value is not None]:
            raise ConfigError(f"{', '.join(given)}: {why}")

    def changes(self) -> StudyChanges:
        """Return the changes as keyword arguments of `assay.studies.parse_study`."""
        return {
            "scale": self.scale,
            "seed": self.seed,
            "repeats": self.repeats,
            "precision": self.precision,
            "engine": self.engine,
            "set": tuple(self.set),
        }
