"""`--to torch`: the trained network of a run as a plain module's source, with safetensors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from assay.apps.exporters._own_code import own_code
from assay.apps.exporters._reference import (
    expected,
    hold,
    left_out,
    pixels,
    sample_images,
)
from assay.apps.exporters._torch_code import torch_code, torch_weights
from assay.apps.exporters.exporter import EXPORTERS, RunExporter
from assay.core.records import Record
from assay.networks.modules import OwnNetwork
from assay.networks.network import Network

__all__ = ["Torch"]


class Torch(RunExporter):
    """NAME.py, which does not need assay, and NAME.safetensors beside it."""

    suffix = ".py"
    companions = (".safetensors",)
    own = ("module",)

    def write(self, record: Record, network: Network, path: Path) -> None:
        """Write both files and compare their outputs with assay's own.

        Raises:
            EngineError: a layer cannot be written yet, or the outputs differ.
        """
        from safetensors.numpy import save_file

        note = left_out(record)
        metadata = {"run": record.run_id, "made_by": "assay", **({"images": note} if note else {})}
        if isinstance(network, OwnNetwork):
            source, weights = own_code(network, record), record.weights
        else:
            title = f"The network of assay's run {record.run_id}, as a plain PyTorch module."
            source = torch_code(network, title, "NAME", note)
            weights = torch_weights(network, record.weights, *pixels(record))
        save_file(weights, path.with_suffix(".safetensors"), metadata)
        path.write_text(source, encoding="utf-8")
        images = sample_images(network)
        hold(_run(source, path, images), expected(record, network, images), "PyTorch")


def _run(source: str, path: Path, images: Any) -> dict[str, Any]:
    """Run the module just written (assay's own code) and return its outputs by head."""
    import torch

    names: dict[str, Any] = {"__file__": str(path), "__name__": "exported"}
    exec(compile(source, str(path), "exec"), names)
    with torch.no_grad():
        outputs = names["load"](path.with_suffix(".safetensors"))(torch.from_numpy(images))
    heads = outputs if isinstance(outputs, dict) else {"": outputs}
    return {head: array.numpy() for head, array in heads.items()}


EXPORTERS.add("torch")(Torch())
