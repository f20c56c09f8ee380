"""The number format of `precision: auto` on this machine, resolved before planning.

The identity of a run contains the number format in which it trains, not "auto": bfloat16 and
float32 can differ by more than a point of accuracy, so a store that two machines share must
distinguish them.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from assay.core.machine import cpu_features
from assay.core.records import Config
from assay.networks.custom import only_dense

__all__ = ["fast_bfloat16", "resolve_precision"]

_GPU_DRIVERS = ("/dev/nvidiactl", "/dev/kfd")
"""Files that exist when a driver of NVIDIA or AMD is loaded."""


def resolve_precision(config: Config, device: str = "auto") -> str:
    """Return the number format in which a configuration trains.

    A precision other than "auto" is returned unchanged, and "auto" for engines of plugins. Dense
    networks train in float32 on every computer: the compiled program is faster in it than PyTorch
    in bfloat16, and the same study has the same runs everywhere.

    Args:
        config: with precision, engine and network.
        device: "auto", "cpu", "cuda", ...
    """
    precision, engine = str(config["precision"]), config["engine"]
    if precision != "auto" or engine not in ("torch", "numpy", "keras", "sklearn"):
        return precision
    gains = engine == "torch" and not only_dense(config["network"])
    return "bfloat16" if gains and fast_bfloat16(device) else "float32"


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
