"""The contract of an export format."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from assay.core.records import Record
from assay.core.registry import Registry

if TYPE_CHECKING:
    from assay.apps.results import Results
    from assay.networks.network import Network

__all__ = ["EXPORTERS", "Exporter", "RunExporter", "StudyExporter"]


class Exporter(Protocol):
    """One format: a `StudyExporter` or a `RunExporter`."""

    suffix: str
    """Ending of its files, with the dot."""


class StudyExporter:
    """A format for the results of a whole study."""

    suffix = ""

    def write(self, results: Results, path: Path) -> None:
        """Write the results of a study to the new file `path`."""
        raise NotImplementedError


class RunExporter:
    """A format for the trained network of one run.

    Attributes:
        companions: endings of further files, written beside `path` under the same name.
        own: families of user-defined networks that it can write ("module", "keras").
    """

    suffix = ""
    companions: tuple[str, ...] = ()
    own: tuple[str, ...] = ()

    def write(self, record: Record, network: Network, path: Path) -> None:
        """Write a trained network to the new file `path`, which ends in `suffix`.

        Args:
            record: of a finished run, with its weights.
            network: its description. Written models take pixels in 0..255, subtract and divide as
                the record's provenance says ("pixels"), and give the raw outputs of the heads
                (logits). What changed images before that (`permute`, a transform) and further
                views of an image (`task.test_time`) they leave out; `assay export` and, where the
                format has a place for it, the file say so.
        """
        raise NotImplementedError


EXPORTERS: Registry[Exporter] = Registry("export format", "assay.apps.exporters")
