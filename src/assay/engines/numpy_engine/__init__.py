"""The numpy engine: dense networks from scratch, written for reading beside the equations.

`layers`, `activations`, `losses` and `optimizers` contain the formulas; `model` chains them forward
and backward; `gradients` checks them against central differences.
"""

from __future__ import annotations

from assay.engines.engine import ENGINES, Engine

__all__: list[str] = []


@ENGINES.add("numpy")
def numpy_engine() -> Engine:
    """Make the engine."""
    from assay.engines.numpy_engine.engine import NumpyEngine

    return NumpyEngine()
