"""The training loop for several networks, which may collapse."""

from __future__ import annotations

import numpy as np

from assay.engines.loop import Loop
from assay.engines.trained import Trained

__all__ = ["PartsLoop"]

COLLAPSED = 0.02
"""Variety below which a generator produces almost the same picture only."""

PATIENCE = 3
"""Number of consecutive evaluations, all in the second half of the budget, for a collapse, because
at first every generator produces a single picture."""


class PartsLoop(Loop):
    """The loop of one run, which also ends if a generator has collapsed."""

    def failure(self, trained: Trained) -> str:
        """Return divergence or collapse."""
        ends = {name: curve[-1] for name, curve in trained.curves.items()}
        if not all(map(np.isfinite, ends.values())):
            name = next(name for name, value in ends.items() if not np.isfinite(value))
            return f"{name} was not finite"
        steps = trained.curves["step"]
        late = trained.curves["val_variety"][-PATIENCE:]
        halfway = len(steps) >= PATIENCE and 2 * steps[-PATIENCE] > self.total
        if halfway and max(late) < COLLAPSED:
            return (
                f"the generator collapsed: the variance of its images is {late[-1]:.2%} of that of "
                "real images"
            )
        return ""
