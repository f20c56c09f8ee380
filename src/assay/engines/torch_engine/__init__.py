"""The torch engine: cohorts of dense networks as one stacked program, everything else in turns.

PyTorch is imported when the engine is made, not when its name is looked up.
"""

from __future__ import annotations

from assay.engines.engine import ENGINES, Engine

__all__: list[str] = []


@ENGINES.add("torch")
def torch_engine() -> Engine:
    """Make the engine (imports PyTorch)."""
    from assay.engines.torch_engine.engine import TorchEngine

    return TorchEngine()
