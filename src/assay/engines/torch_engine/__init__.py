"""The default engine.

Its PyTorch programs are here; its program for dense networks on the CPU is in `engines/compiled`.
`front` chooses between them. PyTorch is imported only if one of its programs is needed.
"""

from __future__ import annotations

from assay.engines.engine import ENGINES, Engine

__all__: list[str] = []


@ENGINES.add("torch")
def torch_engine() -> Engine:
    """Make the engine."""
    from assay.engines.torch_engine.front import DefaultEngine

    return DefaultEngine()
