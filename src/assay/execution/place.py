"""Where a study trains, from `--on` and machine files: an executor, its address, its settings.

A machine file is beside the study: `STUDY.machine.yaml`, or `machine.yaml` for all studies of the
folder. It is not part of a study, because where a run trains is not part of its identity.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from assay.core.config import Entry, Mark, Option, read_options
from assay.core.errors import ConfigError, unknown_name
from assay.core.options import deferred, integer, text
from assay.core.values import plain_data
from assay.core.yaml import read_yaml_file
from assay.execution.executors.executor import EXECUTORS

__all__ = ["LOCAL", "Machine", "Place", "machine_of", "options_of_executor", "parse_place"]

LOCAL = "local"
"""This machine, with workers on its cores or GPUs."""

EXECUTORS.reserve([LOCAL])


@dataclass(frozen=True)
class Place:
    """Where jobs train.

    Attributes:
        executor: a registered name; None lets the hardware of this machine decide.
        address: address of the executor; "" for its default.
        options: settings of the executor, sorted by name.
    """

    executor: str | None = None
    address: str = ""
    options: tuple[tuple[str, Any], ...] = ()

    @property
    def remote(self) -> bool:
        """Whether the executor reports its own capacity instead of using this machine's cores."""
        return self.executor is not None and hasattr(EXECUTORS[self.executor], "capacity")

    def workers(self, wanted: int | None) -> int | None:
        """Return the number of workers to ask for, or None for the executor's choice.

        Raises:
            ConfigError: the executor has fewer.
        """
        most = getattr(EXECUTORS[self.executor], "WORKERS", None) if self.executor else None
        if most and wanted and wanted > most:
            raise ConfigError(f"--on {self}: workers must be at most {most}, got {wanted}")
        return wanted or most

    def __str__(self) -> str:
        name = self.executor or LOCAL
        if self.address.startswith(f"{name}://"):
            return self.address
        return f"{name}:{self.address}" if self.address else name

    def device(self, wanted: str) -> str:
        """Return the device to ask workers for: other machines determine theirs themselves."""
        return "auto" if self.remote and wanted != "cpu" else wanted

    def with_options(self, options: Mapping[str, object]) -> Place:
        """Return the place with some settings of its executor, checked."""
        if not options:
            return self
        known = options_of_executor(self.executor)
        for name in (name for name in options if name not in known):
            if others := [other for other in EXECUTORS if name in options_of_executor(other)]:
                raise ConfigError(
                    f"{name} is a setting of --on {' and '.join(others)}, got --on {self}"
                )
        entry = Entry(plain_data(dict(options), f"settings of {self}"), (self.executor or LOCAL,))
        read = read_options(entry, f"setting of --on {self.executor or LOCAL}", known)
        entry.problems.raise_if_any()
        return replace(self, options=tuple(sorted({**dict(self.options), **read}.items())))


def options_of_executor(name: str | None) -> Mapping[str, Option]:
    """Return the settings of an executor."""
    return getattr(EXECUTORS[name], "OPTIONS", {}) if name else {}


def parse_place(written: str | Place | None) -> Place:
    """Parse `--on`: `local`, `ray`, `ray:auto`, `ray://HOST:PORT`, `slurm`, or the name of another
    executor, followed by a colon and an address if it has one.

    Raises:
        ConfigError: there is no such executor.
    """
    if isinstance(written, Place):
        return written
    if written is None or written in (LOCAL, f"{LOCAL}:"):
        return Place()
    if not isinstance(written, str):
        raise ConfigError(f"on must be a string such as 'local' or 'ray:auto', got {written!r}")
    name, _, rest = written.partition(":")
    if rest and (name == LOCAL or (name in EXECUTORS and not _has_address(name))):
        raise ConfigError(
            f"the place to train (--on) is {written!r}, but {name} has no address; expected {name}"
        )
    if name not in EXECUTORS:
        raise ConfigError(unknown_name("place to train (--on)", name, [LOCAL, *EXECUTORS]))
    if rest.startswith("//") and not rest[2:].partition(":")[0]:
        raise ConfigError(f"the place to train (--on) is {written!r}, expected {name}://HOST:PORT")
    return Place(name, written if rest.startswith("//") else rest)


def _has_address(executor: str) -> bool:
    return getattr(EXECUTORS[executor], "ADDRESS", True)


@dataclass(frozen=True)
class Machine:
    """The content of a machine file, which a command's options override.

    Attributes:
        file: the machine file, if there is one; device_mark: where the device was written.
    """

    place: Place = Place()
    workers: int | None = None
    device: str | None = None
    file: Path | None = None
    device_mark: Mark | None = None


_SETTINGS = {
    "on": text(help="Where runs train: local, ray, ray:auto, ray://HOST:PORT or slurm."),
    "workers": integer(low=1, help="Number of jobs that run at the same time."),
    "device": text(help="auto, cpu, cuda, cuda:1 or mps."),
}


def machine_of(study: object) -> Machine:
    """Read the machine file of a study; without one, this machine.

    Args:
        study: the study's file; anything else uses the machine file of the current folder.

    Raises:
        ConfigError: the file has errors; the message lists all with their places.
    """
    beside = Path(study) if isinstance(study, (str, Path)) else Path()
    named = beside.suffix in (".yaml", ".yml")
    folder = beside.parent if named else Path()
    names = [f"{beside.stem}.machine.yaml"] * named + ["machine.yaml"]
    file = next((folder / name for name in names if (folder / name).is_file()), None)
    if file is None:
        return Machine()
    executors = {
        name: deferred(help=f"Settings of --on {name}.", schema={"type": "object"})
        for name in EXECUTORS
        if options_of_executor(name)
    }
    source = read_yaml_file(file, str(file))
    entry = Entry(source.data or {}, (), source)
    found = read_options(entry, "setting of a machine file", {**_SETTINGS, **executors})
    settings = {
        name: read_options(entry[name], f"setting of --on {name}", options_of_executor(name))
        for name in executors
        if name in found
    }
    place = Place()
    if "on" in found:
        with entry.problems.collect(entry["on"]):
            place = parse_place(found["on"])
    if "workers" in found:
        with entry.problems.collect(entry["workers"]):
            place.workers(found["workers"])
    entry.problems.raise_if_any()
    own = settings.get(place.executor or "", {})
    place = replace(place, options=tuple(sorted(own.items())))
    mark = source.mark(("device",))
    return Machine(place, found.get("workers"), found.get("device"), file, mark)
