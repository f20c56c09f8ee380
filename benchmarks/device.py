"""Stacks of dense networks on a GPU: assay beside a plain loop, torch.compile and torch.func.vmap.

    ./scripts/bench --device cuda [--networks 1 20 200 2000] [--optimizer momentum] [--seconds 4]

MLP 784-300-100-10, batches of 32 for each network, float32; assay also with 20 seeds, whose
networks share batches. All have the images on the device and gather batches there. It prints images
a second over all networks, and the fraction of the limit by memory bandwidth: an update reads and
writes the weights and the optimizer state, and reads the weights twice more, forward and backward.
It takes at most ten minutes; `--device cpu` tests the script.
"""

from __future__ import annotations

import argparse
import datetime
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from assay.core.machine import machine
from assay.data.batches import batch_order
from assay.data.dataset import Dataset
from assay.engines.engine import Member
from assay.engines.optimizers.optimizer import Optimizer
from assay.engines.torch_engine.device import DevicePlace
from assay.engines.torch_engine.graphs import UPDATES, GraphedTrainer, graphs_pay
from assay.engines.torch_engine.program import StackedProgram
from assay.engines.torch_engine.trainer import DeviceDataset, TorchTrainer
from assay.engines.training import Training
from assay.networks.families import build_network
from assay.networks.network import initial_weights
from assay.tasks.task import TASKS
from peer_assay import dataset
from protocol import CLASSES, family_of

MODEL, SIDE, BATCH, RATE = "mlp-300-100", 28, 32, 0.01
MOMENTA = {"sgd": 0.0, "momentum": 0.9}
PASSES = {"sgd": 4, "momentum": 6}
"""How often an update reads or writes a number of the size of the weights: forwards, backwards, and
reading and writing the weights; with momentum the velocity as well."""

Step = Callable[[], object]
Row = dict[str, Any]


@dataclass(frozen=True)
class Bench:
    """What is measured, and where."""

    data: Dataset
    optimizer: str
    where: DevicePlace
    seconds: float

    @property
    def device(self) -> torch.device:
        """The device."""
        return self.where.device


SEEDS = 20
"""Different seeds where networks share batches: as in a study of 20 repeats."""


def assay_steps(bench: Bench, networks: int, seeds: int = 0) -> tuple[Step, int]:
    """What makes several updates of a stack, and how many; each network has its own batches, or
    those of one of `seeds` seeds, which neighbours share."""
    data, where = bench.data, bench.where
    rule = Optimizer.parse({"name": "sgd", "momentum": MOMENTA[bench.optimizer]})
    recipe = Training(epochs=1, batch_size=BATCH, optimizer=rule, learning_rate=RATE)
    network = build_network(family_of(MODEL), (SIDE, SIDE, 1), {"class": CLASSES})
    own = [k * seeds // networks if seeds else k for k in range(networks)]
    members = [Member({"seed": seed}, network, recipe, seed) for seed in own]
    task = TASKS["classify"]
    on_device = DeviceDataset(data.fit_data, data.read_test, task, where)
    weights = [initial_weights(network, 0)] * networks
    program = StackedProgram(members, weights, where, task)
    trainer = TorchTrainer(program, on_device, task, None, 1000, 1)
    if graphs_pay(where, on_device, recipe):
        trainer = GraphedTrainer(program, on_device, task, 1000, 1)
    orders = [batch_order(seed, 0, len(data.train)) for seed in own]
    trainer.start_epoch(np.stack(orders), 0)

    def several() -> None:
        if isinstance(trainer, GraphedTrainer):
            trainer.steps(0, UPDATES * BATCH, [1.0] * UPDATES)
            return
        for i in range(UPDATES):
            trainer.step(i * BATCH, (i + 1) * BATCH, 1.0)

    return several, UPDATES


def _module() -> nn.Sequential:
    return nn.Sequential(
        nn.Flatten(), nn.Linear(784, 300), nn.ReLU(), nn.Linear(300, 100), nn.ReLU(),
        nn.Linear(100, CLASSES),
    )  # fmt: skip


def _batches(bench: Bench, networks: int = 0) -> Iterator[tuple[Tensor, Tensor]]:
    """Batches (B, 1, 28, 28), or (S, B, 1, 28, 28), in random order."""
    device, train = bench.device, bench.data.train
    x = torch.from_numpy(train.images).permute(0, 3, 1, 2).to(device).float().div_(255)
    y = torch.from_numpy(train.targets).to(device)
    shape = (networks, BATCH) if networks else (BATCH,)
    while True:
        index = torch.randint(len(x), shape, device=device)
        yield x[index], y[index]


def loop_step(bench: Bench, compiled: bool) -> tuple[Step, int]:
    """The plain loop of one network, its step compiled or not."""
    model = _module().to(bench.device)
    rule = torch.optim.SGD(model.parameters(), lr=RATE, momentum=MOMENTA[bench.optimizer])
    loss, batches = nn.CrossEntropyLoss(), _batches(bench)

    def update(x: Tensor, y: Tensor) -> None:
        rule.zero_grad()
        loss(model(x), y).backward()
        rule.step()

    run = torch.compile(update, mode="max-autotune-no-cudagraphs") if compiled else update
    return lambda: run(*next(batches)), 1


def vmap_step(bench: Bench, networks: int) -> tuple[Step, int]:
    """All networks by torch.func, with SGD written out."""
    models = [_module() for _ in range(networks)]
    params, _ = torch.func.stack_module_state(models)
    params = {name: p.detach().to(bench.device) for name, p in params.items()}
    velocity = {name: torch.zeros_like(p) for name, p in params.items()}
    base, momentum = _module(), MOMENTA[bench.optimizer]

    def loss(own: dict[str, Tensor], x: Tensor, y: Tensor) -> Tensor:
        return nn.functional.cross_entropy(torch.func.functional_call(base, own, (x,)), y)

    gradients = torch.func.vmap(torch.func.grad(loss))
    batches = _batches(bench, networks)

    def update() -> None:
        found = gradients(params, *next(batches))
        for name, p in params.items():
            if momentum:
                p.add_(velocity[name].mul_(momentum).sub_(found[name], alpha=RATE))
            else:
                p.sub_(found[name], alpha=RATE)

    return update, 1


def rate(step: Step, updates: int, networks: int, device: torch.device, seconds: float) -> float:
    """Images a second over all networks, after a warm-up."""

    def wait() -> None:
        if device.type == "cuda":
            torch.cuda.synchronize(device)

    for _ in range(3):
        step()
    wait()
    began, calls = time.perf_counter(), 0
    while time.perf_counter() - began < seconds or calls < 2:
        for _ in range(max(1, 32 // updates)):  # or a fast host queues up work without an end
            step()
            calls += 1
        wait()
    return calls * updates * networks * BATCH / (time.perf_counter() - began)


def bandwidth(device: torch.device) -> float:
    """Bytes a second that are read and written when memory is copied."""
    size = (1 << 28) if device.type == "cuda" else 1 << 24
    a = torch.zeros(size, device=device)
    b = torch.empty_like(a)
    per_second = rate(lambda: b.copy_(a), 1, 1, device, 0.5) / BATCH
    return per_second * 2 * a.numel() * a.element_size()


def bound(bytes_per_second: float, parameters: int, optimizer: str) -> float:
    """Images a second that memory of this speed allows, in float32."""
    return BATCH * bytes_per_second / (4 * PASSES[optimizer] * parameters)


def measured(bench: Bench, by: str, networks: int, make: Callable[[], tuple[Step, int]]) -> Row:
    """A row of the result."""
    row: Row = {"by": by, "networks": networks}
    try:
        with torch.enable_grad() if by.startswith("loop") else torch.no_grad():
            step, updates = make()
            found = rate(step, updates, networks, bench.device, bench.seconds)
            row["images_per_second"] = found
    except RuntimeError as error:  # no compiler, or too little memory
        row["failed"] = str(error).splitlines()[0][:200]
    if bench.device.type == "cuda":
        torch.cuda.empty_cache()
    print(json.dumps(row), flush=True)
    return row


def all_measured(bench: Bench, networks: Sequence[int]) -> list[Row]:
    """Everybody, for every number of networks."""
    rows = [
        measured(bench, by, 1, partial(loop_step, bench, compiled))
        for by, compiled in (("loop", False), ("loop, compiled", True))
    ]
    for n in networks:
        rows.append(measured(bench, "assay", n, partial(assay_steps, bench, n)))
        if n > SEEDS:
            make = partial(assay_steps, bench, n, SEEDS)
            rows.append(measured(bench, f"assay, {SEEDS} seeds", n, make))
        rows.append(measured(bench, "vmap", n, partial(vmap_step, bench, n)))
    return rows


def main() -> int:
    """Measure, print a line for each, write a dated record."""
    parser = argparse.ArgumentParser(description="Stacks of dense networks on a GPU.")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--networks", type=int, nargs="+", default=[1, 20, 200, 2000])
    parser.add_argument("--optimizer", choices=list(MOMENTA), default="momentum")
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--images", type=int, default=55_000)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    given = parser.parse_args()
    device = torch.device(given.device)
    if device.type == "cuda" and not torch.cuda.is_available():
        print("there is no CUDA device here", file=sys.stderr)
        return 2
    where = DevicePlace(device, torch.float32)
    bench = Bench(dataset(SIDE, given.images), given.optimizer, where, given.seconds)
    parameters = build_network(family_of(MODEL), (SIDE, SIDE, 1), {"class": CLASSES}).parameters
    speed = bandwidth(device)
    most = bound(speed, parameters, given.optimizer)
    rows = all_measured(bench, given.networks)
    for row in rows:
        if "images_per_second" in row:
            row["share_of_bound"] = row["images_per_second"] / most
    record = {
        "date": datetime.date.today().isoformat(),
        "machine": machine(),
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
        "torch": torch.__version__,
        "model": MODEL,
        "batch": BATCH,
        "optimizer": given.optimizer,
        "parameters": parameters,
        "bytes_per_second": speed,
        "bound_images_per_second": most,
        "rows": rows,
    }
    file = given.out / f"device-{record['date']}-{device.type}.json"
    file.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    print(file)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
