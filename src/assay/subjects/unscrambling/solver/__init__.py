"""Estimation of an unknown permutation of all pixels from the images alone."""

from __future__ import annotations

from assay.subjects.unscrambling.solver.pipeline import Restoration, unscramble
from assay.subjects.unscrambling.solver.transformer import Unscrambler

__all__ = ["Restoration", "Unscrambler", "unscramble"]
