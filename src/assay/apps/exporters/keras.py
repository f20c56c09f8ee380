"""`--to keras`: the trained network of a run as a `.keras` file."""

from __future__ import annotations

from pathlib import Path

from assay.apps.exporters._reference import pixels
from assay.apps.exporters.exporter import EXPORTERS, RunExporter
from assay.core.records import Record
from assay.networks.network import Network

__all__ = ["Keras"]


class Keras(RunExporter):
    """A plain Keras model, which loads on any backend and does not need assay."""

    suffix = ".keras"
    own = ("keras",)

    def write(self, record: Record, network: Network, path: Path) -> None:
        """Write the file."""
        from assay.engines.keras_engine.files import write_keras

        write_keras(network, record.weights, path, pixels(record))


EXPORTERS.add("keras")(Keras())
