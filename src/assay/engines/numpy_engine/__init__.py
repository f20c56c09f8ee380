"""The numpy engine: dense networks from scratch, written to be read beside the equations.

`layers`, `activations`, `losses` and `optimizers` hold one formula each; `model` puts them one
after the other, forward and backward; `gradients` checks all of it by central differences.
"""

from __future__ import annotations

from assay.engines.engine import ENGINES, Engine

__all__: list[str] = []


@ENGINES.add("numpy")
def numpy_engine() -> Engine:
    """Make the engine."""
    from assay.engines.numpy_engine.engine import NumpyEngine

    return NumpyEngine()
