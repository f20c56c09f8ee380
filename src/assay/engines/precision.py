"""What `precision: auto` means on this machine, found before anything is planned.

A run's name holds the number format that it trains in, not the wish: bfloat16 and float32 can
differ by more than a point of accuracy, so a store that two machines write must tell them apart.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from assay.core.machine import cpu_features

__all__ = ["fast_bfloat16", "resolve_precision"]

_GPU_DRIVERS = ("/dev/nvidiactl", "/dev/kfd")
"""Files by which the drivers of NVIDIA and AMD show that they are loaded."""


def resolve_precision(precision: str, engine: str, device: str = "auto") -> str:
    """The number format that a configuration trains in.

    Args:
        precision: as the study says it; all but "auto" is returned as it is.
        engine: name of the engine; what "auto" means to an engine of a plugin is not known here.
        device: "auto", "cpu", "cuda", ...
    """
    if precision != "auto" or engine not in ("torch", "numpy", "keras", "sklearn"):
        return precision
    return "bfloat16" if engine == "torch" and fast_bfloat16(device) else "float32"


@cache
def fast_bfloat16(device: str = "auto") -> bool:
    """Whether the hardware multiplies bfloat16 itself: AMX, AVX512-BF16, or a GPU that says so.

    PyTorch is imported only where the driver of a GPU is loaded.
    """
    if not device.startswith("cpu") and any(Path(path).exists() for path in _GPU_DRIVERS):
        import torch

        if torch.cuda.is_available():
            return torch.cuda.is_bf16_supported(including_emulation=False)
    return bool({"amx_bf16", "avx512_bf16"} & cpu_features()) and device in ("auto", "cpu")
