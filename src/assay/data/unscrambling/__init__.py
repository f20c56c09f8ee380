"""Where were the pixels? An unknown permutation of all pixels, estimated from the images alone."""

from __future__ import annotations

from assay.data.unscrambling.pipeline import Restoration, unscramble
from assay.data.unscrambling.transformer import Unscrambler

__all__ = ["Restoration", "Unscrambler", "unscramble"]
