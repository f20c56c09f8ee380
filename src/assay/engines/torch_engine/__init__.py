"""The default engine. Its programs of PyTorch are here, that for dense networks on the CPU is in
`engines/compiled`; `front` chooses.

PyTorch is imported when one of its programs is needed.
"""

from __future__ import annotations

from assay.engines.engine import ENGINES, Engine

__all__: list[str] = []


@ENGINES.add("torch")
def torch_engine() -> Engine:
    """Make the engine."""
    from assay.engines.torch_engine.front import DefaultEngine

    return DefaultEngine()
