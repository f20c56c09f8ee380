"""Optimizers, a file each; `optimizer` says what one is."""

from assay.engines.optimizers.optimizer import Compiled, Optimizer

__all__ = ["Compiled", "Optimizer"]
