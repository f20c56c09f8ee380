"""The keras engine: the description as a plain Keras 3 model, trained by `model.fit`.

`backend` finds Keras. `calls` translates a network, an optimizer and a schedule into calls of
Keras; `build` executes these calls, and `code` prints them. `files` reads and writes `.keras`
files.
"""

from __future__ import annotations

from assay.engines.engine import ENGINES, Engine

__all__: list[str] = []


@ENGINES.add("keras")
def keras_engine() -> Engine:
    """Make the engine."""
    from assay.engines.keras_engine.engine import KerasEngine

    return KerasEngine()
