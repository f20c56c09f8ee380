"""Device, number format and number of threads of a program."""

from __future__ import annotations

import ctypes
import functools
import platform
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from threadpoolctl import ThreadpoolController

from assay.core.errors import EngineError, unknown_name
from assay.engines.engine import Resources
from assay.engines.precision import fast_bfloat16

__all__ = [
    "DevicePlace",
    "describe",
    "no_denormals",
    "one_numpy_thread",
    "place",
    "threads_as_before",
]

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # of glibc's malloc.h

PRECISIONS = {
    "float64": torch.float64,
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
}


@dataclass(frozen=True)
class DevicePlace:
    """A device, and the dtype of matrix products on it; weights are float32 or wider everywhere."""

    device: torch.device
    compute: torch.dtype

    @property
    def master(self) -> torch.dtype:
        """The dtype of weights, losses and optimizer state."""
        return torch.float64 if self.compute is torch.float64 else torch.float32

    @property
    def precision(self) -> str:
        """The name of `compute`."""
        return str(self.compute).removeprefix("torch.")


def place(resources: Resources, precision: str = "auto") -> DevicePlace:
    """Choose the device and precision; raise EngineError if one is not available."""
    device = _device(resources.device)
    wish = precision if resources.precision == "auto" else resources.precision
    if wish == "auto":
        wish = "bfloat16" if fast_bfloat16(device.type) else "float32"
    if wish not in PRECISIONS:
        raise EngineError(unknown_name("precision", wish, ["auto", *PRECISIONS]), "precision")
    if device.type == "cpu":
        torch.set_num_threads(resources.threads or torch.get_num_threads())
        _keep_memory()
    return DevicePlace(device, PRECISIONS[wish])


@functools.cache
def _keep_memory() -> None:
    """Make glibc keep freed memory: new pages for every batch of feature maps cost more than their
    computation (a fifth of a CNN's step). Other C libraries are unaffected."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):
        return
    mallopt(_M_MMAP_THRESHOLD, 32 << 20)  # the largest that glibc accepts
    mallopt(_M_TRIM_THRESHOLD, 1 << 30)


@contextmanager
def no_denormals() -> Iterator[None]:
    """Context in which denormal numbers are zero, on this thread and those that it starts.

    Weights that a penalty drives to zero become denormal, for which the processor takes a hundred
    times longer: an MLP with dead units and l2 was nine times slower.
    """
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)


@contextmanager
def threads_as_before() -> Iterator[None]:
    """PyTorch's number of threads is at the end what it was at the beginning."""
    before = torch.get_num_threads()
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def one_numpy_thread() -> Iterator[None]:
    """Context in which NumPy multiplies matrices on one thread.

    OpenBLAS's other threads spin while they wait for work, on the cores that PyTorch uses: because
    of one small product per step, in a task's `correct`, a clock network trained on two cores at
    380 images a second instead of 1,080.
    """
    with ThreadpoolController().select(internal_api="openblas").limit(limits=1):
        yield


def _device(wish: str) -> torch.device:
    if wish == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    written = re.fullmatch(r"(cpu|mps)(?::0)?|(cuda)(?::(0|[1-9][0-9]*))?", wish)
    if not written:
        known = ["auto", "cpu", "cuda", "cuda:0", "mps"]
        raise EngineError(unknown_name("device", wish, known), "device")
    kind, number = written[1] or written[2], written[3]
    there = {
        "cpu": True,
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
    }
    if not there[kind]:
        said = f"device {wish!r} is not available on this machine; use 'cpu'"
        raise EngineError(said, "device")
    if number and int(number) >= (count := torch.cuda.device_count()):
        said = f"device {wish!r}: the last GPU of this machine is cuda:{count - 1}"
        raise EngineError(said, "device")
    return torch.device(f"{kind}:{number}" if number else kind)


def accelerators(wish: str) -> dict[str, int]:
    """Return the GPUs that a device setting allows, with their memory in bytes."""
    if wish not in ("auto", "cuda") or not torch.cuda.is_available():
        return {}
    count = torch.cuda.device_count()
    return {f"cuda:{i}": torch.cuda.get_device_properties(i).total_memory for i in range(count)}


def describe(resources: Resources) -> dict[str, object]:
    """Return device, precision and versions, for provenance and `assay doctor`."""
    where = place(resources)
    able = torch.cpu.get_capabilities()
    features = [k for k in ("amx_bf16", "avx512_bf16", "avx512_f", "avx2") if able.get(k)]
    return {
        "engine": "torch",
        "torch": torch.__version__,
        "device": str(where.device),
        "device_name": torch.cuda.get_device_name(where.device)
        if where.device.type == "cuda"
        else able.get("cpu_name") or platform.processor() or platform.machine(),
        "precision": where.precision,
        "threads": torch.get_num_threads(),
        "cpu_features": features,
    }
