"""The number format of `precision: auto` on this machine, resolved before planning.

The identity of a run contains the number format in which it trains, not "auto": bfloat16 and
float32 can differ by more than a point of accuracy, so a store that two machines share must
distinguish them.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from assay.core.machine import cpu_features

__all__ = ["fast_bfloat16", "resolve_precision"]

_GPU_DRIVERS = ("/dev/nvidiactl", "/dev/kfd")
"""Files that exist when a driver of NVIDIA or AMD is loaded."""


def resolve_precision(precision: str, engine: str, device: str = "auto") -> str:
    """Return the number format in which a configuration trains.

    Args:
        precision: the study's setting; all except "auto" is returned unchanged.
        engine: name of the engine; "auto" is unchanged for engines of plugins.
        device: "auto", "cpu", "cuda", ...
    """
    if precision != "auto" or engine not in ("torch", "numpy", "keras", "sklearn"):
        return precision
    return "bfloat16" if engine == "torch" and fast_bfloat16(device) else "float32"


@cache
def fast_bfloat16(device: str = "auto") -> bool:
    """Whether the hardware supports bfloat16 products: AMX, AVX512-BF16, or a GPU.

    PyTorch is only imported if the driver of a GPU is loaded.
    """
    if not device.startswith("cpu") and any(Path(path).exists() for path in _GPU_DRIVERS):
        import torch

        if torch.cuda.is_available():
            return torch.cuda.is_bf16_supported(including_emulation=False)
    return bool({"amx_bf16", "avx512_bf16"} & cpu_features()) and device in ("auto", "cpu")
