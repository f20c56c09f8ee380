"""Optimizers, a file each; `contract` says what one is."""

from assay.engines.optimizers.contract import Compiled, Optimizer

__all__ = ["Compiled", "Optimizer"]
