"""airbench94, rebuilt in plain PyTorch from its description, beside the study `cifar10-fast`.

    ./scripts/bench airbench [--device cuda] [--epochs 8] [--minutes 15] [--seeds 1]

A run of the study has `--minutes`, or as many as the rebuilt recipe needed for its epochs. Both
train on the same 45,000 images and are judged on the same 5,000 validation images, so that no test
image is read; with `--all` on all 50,000 and judged on the test images, as airbench is. The
rebuilt recipe has the settings of the version with Muon (8 epochs, 94.0 % on a GPU), in bfloat16
where the hardware multiplies it fast, without compilation. It needs CIFAR-10 (ASSAY_DATA).

References:
    K. Jordan, "94% on CIFAR-10 in 3.29 Seconds on a Single GPU", 2024, and its later version.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import tempfile
import time
from collections.abc import Iterator
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import assay
from assay.core.machine import machine
from assay.data import load
from assay.data.dataset import Split
from assay.engines.optimizers.muon import orthogonalised
from assay.engines.precision import fast_bfloat16

HERE = Path(__file__).parent
MEAN, STD = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)
BATCH, SHIFT, WHITENING_BIAS_EPOCHS = 2000, 2, 3
FILTER_RATE, BIAS_RATE, HEAD_RATE, DECAY = 0.24, 0.053, 0.67, 2e-6 * BATCH


class Norm(nn.BatchNorm2d):
    """Batch norm with a short memory, whose scale is not trained."""

    def __init__(self, channels: int):
        super().__init__(channels, eps=1e-12, momentum=0.4)
        self.weight.requires_grad = False


def convolution(channels: int, filters: int) -> nn.Conv2d:
    """A convolution that starts as the identity as far as it has channels."""
    made = nn.Conv2d(channels, filters, 3, padding="same", bias=False)
    nn.init.dirac_(made.weight.data[:channels])
    return made


def block(channels: int, filters: int) -> nn.Sequential:
    """Two convolutions, the first of which halves the sides."""
    return nn.Sequential(
        convolution(channels, filters), nn.MaxPool2d(2), Norm(filters), nn.GELU(),
        convolution(filters, filters), Norm(filters), nn.GELU(),
    )  # fmt: skip


class Net(nn.Module):
    """Whitened patches, three blocks, the maximum over the image, a dense layer."""

    def __init__(self, images: Tensor):
        super().__init__()
        self.whitening = nn.Conv2d(3, 24, 2)
        self.whitening.weight.requires_grad = False
        self.whitening.weight.data[:] = whitening(images)
        self.blocks = nn.Sequential(nn.GELU(), block(24, 64), block(64, 256), block(256, 256))
        self.head = nn.Linear(256, 10, bias=False)
        self.head.weight.data /= self.head.weight.data.std()

    def forward(self, x: Tensor, train_bias: bool = True) -> Tensor:
        bias = self.whitening.bias
        assert bias is not None
        x = F.conv2d(x, self.whitening.weight, bias if train_bias else bias.detach())
        x = self.blocks(x)
        return self.head(F.max_pool2d(x, 3).flatten(1)) / 256


def whitening(images: Tensor) -> Tensor:
    """Filters (24, 3, 2, 2) that whiten patches of images (n, 3, h, w), and their negatives.

    As in airbench94, no mean is taken off the patches; `assay.engines.whitening` does that.
    """
    patches = images.unfold(2, 2, 1).unfold(3, 2, 1).transpose(1, 3).reshape(-1, 12)
    values, vectors = torch.linalg.eigh(patches.T @ patches / len(patches))
    filters = vectors.T.reshape(-1, 3, 2, 2) / (values.view(-1, 1, 1, 1) + 5e-4).sqrt()
    return torch.cat((filters, -filters))


class Part:
    """Images (n, 3, 32, 32), normalised, and classes, on a device."""

    def __init__(self, split: Split, device: torch.device):
        pixels = torch.from_numpy(np.asarray(split.images)).to(device).float() / 255
        images = (pixels - torch.tensor(MEAN, device=device)) / torch.tensor(STD, device=device)
        self.images = images.permute(0, 3, 1, 2).contiguous(memory_format=torch.channels_last)
        self.classes = torch.from_numpy(np.asarray(split.targets)).long().to(device)


class Batches:
    """Batches of an epoch: reflected shifts, and mirrored in every second epoch."""

    def __init__(self, part: Part, dtype: torch.dtype):
        x, self.classes = part.images, part.classes
        mirrored = torch.rand(len(x), device=x.device) < 0.5
        x = torch.where(mirrored.view(-1, 1, 1, 1), x.flip(-1), x)
        self.padded = F.pad(x, (SHIFT,) * 4, "reflect").to(dtype)
        self.count = len(x) // BATCH

    def epoch(self, number: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield images and classes."""
        n, device, sides = len(self.padded), self.padded.device, 2 * SHIFT + 1
        order = torch.randperm(n, device=device)
        places = torch.randint(0, sides * sides, (n,), device=device)
        for start in range(0, self.count * BATCH, BATCH):
            chosen = order[start : start + BATCH]
            x = self.padded.new_empty(BATCH, 3, 32, 32).contiguous(
                memory_format=torch.channels_last
            )
            for place in range(sides * sides):
                at, (down, right) = places[chosen] == place, divmod(place, sides)
                x[at] = self.padded[chosen[at]][:, :, down : down + 32, right : right + 32]
            yield x.flip(-1) if number % 2 else x, self.classes[chosen]


def optimizers(net: Net) -> tuple[torch.optim.SGD, list[tuple[Tensor, Tensor]]]:
    """SGD of biases and the head, and the kernels of the blocks with their momenta."""
    biases = [p for p in net.blocks.parameters() if p.dim() == 1 and p.requires_grad]
    rates = [([net.whitening.bias], BIAS_RATE), (biases, BIAS_RATE), ([net.head.weight], HEAD_RATE)]
    groups = [
        {"params": params, "lr": rate, "start": rate, "weight_decay": DECAY / rate}
        for params, rate in rates
    ]
    kernels = [p for p in net.blocks.parameters() if p.dim() == 4]
    sgd = torch.optim.SGD(groups, momentum=0.85, nesterov=True)
    return sgd, [(kernel, torch.zeros_like(kernel)) for kernel in kernels]


@torch.no_grad()
def muon(kernels: list[tuple[Tensor, Tensor]], rate: float) -> None:
    """An update of normalised kernels by orthogonalised momentum."""
    for kernel, momentum in kernels:
        gradient = kernel.grad
        assert gradient is not None
        momentum.mul_(0.6).add_(gradient)
        change = orthogonalised(gradient.add(momentum, alpha=0.6).flatten(1), 3)
        kernel.mul_(len(kernel) ** 0.5 / kernel.norm()).sub_(change.view_as(kernel) * rate)


@torch.no_grad()
def accuracy(net: Net, part: Part, cast: torch.autocast) -> float:
    """Of six views: both sides, and both shifted by a pixel towards two corners."""

    def both(x: Tensor) -> Tensor:
        return (net(x).float() + net(x.flip(-1)).float()) / 2

    net.eval()
    right = 0
    with cast:
        for x, y in zip(part.images.split(1000), part.classes.split(1000), strict=True):
            wide = F.pad(x, (1,) * 4, "reflect")
            corners = both(wide[:, :, :32, :32]) + both(wide[:, :, 2:, 2:])
            right += int((both(x) / 2 + corners / 4).argmax(1).eq(y).sum())
    return right / len(part.classes)


def rebuilt(train: Part, judge: Part, epochs: float, seed: int) -> dict[str, float]:
    """Train the rebuilt recipe once."""
    device = train.images.device
    torch.manual_seed(seed)
    dtype = torch.bfloat16 if fast_bfloat16(device.type) else torch.float32
    cast = torch.autocast(device.type, torch.bfloat16, enabled=dtype is torch.bfloat16)
    began, step = time.perf_counter(), 0
    net = Net(train.images[:5000]).to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    sgd, kernels = optimizers(net)
    batches = Batches(train, dtype)
    steps, bias_steps = ceil(epochs * batches.count), WHITENING_BIAS_EPOCHS * batches.count
    for epoch in range(ceil(epochs)):
        net.train()
        for x, y in batches.epoch(epoch):
            with cast:
                outputs = net(x, step < bias_steps)
            net.zero_grad()
            F.cross_entropy(outputs.float(), y, label_smoothing=0.2, reduction="sum").backward()
            for index, group in enumerate(sgd.param_groups):
                ends = steps if index else bias_steps
                group["lr"] = group["start"] * max(0.0, 1 - step / ends)
            sgd.step()
            muon(kernels, FILTER_RATE * (1 - step / steps))
            step += 1
            if step == steps:
                break
    found = accuracy(net, judge, cast)
    return {"accuracy": found, "seconds": time.perf_counter() - began}


def of_study(asked: argparse.Namespace, minutes: float) -> list[dict[str, float]]:
    """Train the study with the same images and judge."""
    judge = {"dataset.validate_on_test": True} if asked.all else {"dataset.test": 100}
    changes: dict[str, Any] = {"training.minutes": minutes, **judge}
    with tempfile.TemporaryDirectory() as store:
        results = assay.run(
            "cifar10-fast", store=store, set=changes, repeats=asked.seeds, device=asked.device,
            workers=1,
        )  # fmt: skip
        return [
            {
                "accuracy": run.metrics["val_accuracy"],
                "seconds": run.timing["train"] + run.timing["evaluate"],
            }
            for run in results.records()
        ]


def main() -> None:
    """Train both and write the result."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--epochs", type=float, default=8, help="of the rebuilt recipe")
    parser.add_argument("--minutes", type=float, help="of a run of the study")
    parser.add_argument("--seeds", type=int, default=1, help="runs of each")
    parser.add_argument("--all", action="store_true", help="train on all, judge on test images")
    asked = parser.parse_args()
    load_before = os.getloadavg()[0]
    data = load({"name": "cifar10", "validate_on_test": True} if asked.all else "cifar10")
    device = torch.device(asked.device)
    train, judge = (Part(s, device) for s in (data.fit_data.train, data.fit_data.validation))
    peer = [rebuilt(train, judge, asked.epochs, seed) for seed in range(asked.seeds)]
    minutes = asked.minutes or sum(r["seconds"] for r in peer) / len(peer) / 60
    rows = {"airbench94 rebuilt": peer, "cifar10-fast": of_study(asked, minutes)}
    for name, runs in rows.items():
        told = ", ".join(f"{100 * r['accuracy']:.2f} % in {r['seconds']:.0f} s" for r in runs)
        print(f"{name}: {told}", flush=True)
    found = {
        "date": datetime.date.today().isoformat(),
        "machine": machine(),
        "load": round(load_before, 2),
        **vars(asked),
        "judged_on": "test images" if asked.all else "validation images",
        "runs": rows,
    }
    out = HERE / "results" / f"airbench-{found['date']}-{asked.device}.json"
    out.write_text(json.dumps(found, indent=1) + "\n")
    print(f"wrote {out}")


if __name__ == "__main__":
    main()
