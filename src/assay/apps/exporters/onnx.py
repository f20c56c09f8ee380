"""`--to onnx`: the trained network of a run for ONNX runtimes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from assay.apps.exporters._onnx_graph import OnnxGraph
from assay.apps.exporters._reference import (
    expected,
    hold,
    left_out,
    pixels,
    sample_images,
)
from assay.apps.exporters.exporter import EXPORTERS, RunExporter
from assay.core.errors import MissingExtraError, install_extra
from assay.core.records import Record
from assay.networks.network import Network

__all__ = ["Onnx"]


class Onnx(RunExporter):
    """One input, "images" (B, height, width, channels) in 0..255; an output for each head."""

    suffix = ".onnx"

    def write(self, record: Record, network: Network, path: Path) -> None:
        """Write the file and compare its outputs in ONNX Runtime with assay's own.

        Raises:
            MissingExtraError: onnx or onnxruntime is not installed.
            EngineError: a layer cannot be written as ONNX yet, or the outputs differ.
        """
        onnx, runtime = _libraries()
        model = OnnxGraph(network, record.weights, *pixels(record)).model()
        model.doc_string = left_out(record)
        onnx.save(model, path)
        images = sample_images(network)
        session = runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        heads = [output.name for output in session.get_outputs()]
        found = dict(zip(heads, session.run(heads, {"images": images}), strict=True))
        hold(found, expected(record, network, images), "ONNX")


def _libraries() -> tuple[Any, Any]:
    try:
        import onnx
        import onnxruntime
    except ImportError as error:
        raise MissingExtraError(
            f"--to onnx needs {error.name}, which is not installed; {install_extra('onnx')}"
        ) from None
    return onnx, onnxruntime


EXPORTERS.add("onnx")(Onnx())
