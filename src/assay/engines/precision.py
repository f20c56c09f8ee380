"""The number format of `precision: auto` on this machine, resolved before planning.

The identity of a run contains the number format in which it trains, not "auto": bfloat16 and
float32 can differ by more than a point of accuracy, so a store that two machines share must
distinguish them.
"""

from __future__ import annotations

import re
import sys
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from assay.core.machine import cpu_features
from assay.core.records import Config
from assay.networks.custom import only_dense

__all__ = ["fast_bfloat16", "gpu_possible", "resolve_precision"]

_GPU_DRIVERS = ("/dev/nvidiactl", "/dev/nvidia0", "/dev/kfd", "/dev/dxg", "/usr/lib/wsl")
"""Files one of which exists on Linux when a driver of NVIDIA, AMD or WSL is loaded."""


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
def gpu_possible() -> bool:
    """Whether PyTorch may find a GPU; False only if this is certain without loading it."""
    found = find_spec("torch")
    if found is None or not found.submodule_search_locations:
        return False
    try:
        told = Path(found.submodule_search_locations[0], "version.py").read_text(encoding="utf-8")
    except OSError:
        return True
    built = [re.search(rf"^{kind}\b.*= *(.*)$", told, re.MULTILINE) for kind in ("cuda", "hip")]
    if all(line and line[1].strip() == "None" for line in built):
        return False
    return sys.platform != "linux" or any(Path(path).exists() for path in _GPU_DRIVERS)


@cache
def fast_bfloat16(device: str = "auto") -> bool:
    """Whether the hardware supports bfloat16 products: AMX, AVX512-BF16, or a GPU.

    PyTorch is only imported if it may find a GPU.

    Args:
        device: "auto", "cpu", "cuda", ...; of a torch.device its `type`.
    """
    if not device.startswith("cpu") and gpu_possible():
        import torch

        if torch.cuda.is_available():
            return torch.cuda.is_bf16_supported(including_emulation=False)
    return bool({"amx_bf16", "avx512_bf16"} & cpu_features()) and device in ("auto", "cpu")
