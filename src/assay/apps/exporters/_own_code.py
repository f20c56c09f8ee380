"""The source of a file that loads a trained network of the user's own."""

from __future__ import annotations

from textwrap import fill

from assay.apps.exporters._reference import left_out, pixels
from assay.core.records import Record
from assay.networks.modules import OwnNetwork

__all__ = ["own_code"]

_SOURCE = '''"""The network of assay's run {run}: `{source}`, with its trained weights.

    from NAME import load
    model = load("NAME.safetensors")
    logits = model(images)  # (n, {shape}), pixels in 0..255

It needs the file that defines the network: {files}.
{note}"""

import torch
from safetensors.torch import load_file
from torch import nn

from {module} import {name}

MEAN = {mean}
STD = {std}


class Network(nn.Module):
    """The network, with what was done to pixels before it."""

    def __init__(self):
        super().__init__()
        self.network = {attribute}({arguments})

    def forward(self, images):
        """Images (n, height, width, channels), pixels in 0..255, to logits."""
        images = (images - images.new_tensor(MEAN)) / images.new_tensor(STD)
        return self.network(images.permute(0, 3, 1, 2).clone(memory_format=torch.contiguous_format))


def load(path):
    """The trained network, for evaluation; the file holds its `state_dict`."""
    model = Network()
    model.network.load_state_dict(load_file(path))
    return model.eval()
'''


def own_code(network: OwnNetwork, record: Record) -> str:
    """Return the source of a module that imports the user's file and loads the weights."""
    module, _, attribute = network.source.partition(":")
    mean, std = (array.tolist() for array in pixels(record))
    note = left_out(record)
    return _SOURCE.format(
        run=record.run_id,
        source=network.source,
        shape=", ".join(map(str, network.input_shape)),
        files=", ".join(name for name, _ in network.files),
        module=module,
        name=attribute.partition(".")[0],
        attribute=attribute,
        arguments=", ".join(f"{name}={value!r}" for name, value in network.arguments().items()),
        mean=mean,
        std=std,
        note=note and f"\n{fill(note, 88)}\n",
    )
