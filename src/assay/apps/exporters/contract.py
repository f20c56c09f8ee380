"""What an export format is given and does."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from assay.apps.results import Results
from assay.core.registry import Registry

__all__ = ["EXPORTERS", "Exporter"]


class Exporter(Protocol):
    """One format."""

    suffix: str
    """What its files end in, with the dot."""

    def write(self, results: Results, path: Path) -> None:
        """Write the results of a study to the new file `path`."""


EXPORTERS: Registry[Exporter] = Registry("export format", "assay.apps.exporters")
