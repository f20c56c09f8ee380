"""Optimizers, one file each; `optimizer` defines the base class."""

from assay.engines.optimizers.optimizer import Compiled, Optimizer

__all__ = ["Compiled", "Optimizer"]
