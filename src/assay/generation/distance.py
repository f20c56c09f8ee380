"""How far two sets of features are apart, as two normal distributions."""

from __future__ import annotations

import numpy as np

__all__ = ["feature_distance", "variety"]


def feature_distance(real: np.ndarray, made: np.ndarray) -> float:
    """The squared Fréchet distance of normal distributions with the moments of (n, d) and (m, d).

    It is 0 for equal moments; between samples of one distribution it is above 0, the more so the
    smaller they are. The features are those of `assay.generation.looking`: not comparable with
    distances on the features of other networks.

    References:
        D. Dowson and B. Landau, "The Fréchet distance between multivariate normal distributions",
        1982; M. Heusel et al., "GANs Trained by a Two Time-Scale Update Rule Converge to a Local
        Nash Equilibrium", NeurIPS 2017.
    """
    real, made = np.asarray(real, np.float64), np.asarray(made, np.float64)
    shift = np.square(real.mean(0) - made.mean(0)).sum()
    a, b = np.cov(real.T), np.cov(made.T)
    values, vectors = np.linalg.eigh(a)
    root = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    # the trace of (ab)^(1/2) is that of (a^(1/2) b a^(1/2))^(1/2), which is symmetric
    shared = np.sqrt(np.maximum(np.linalg.eigvalsh(root @ b @ root), 0)).sum()
    return max(float(shift + np.trace(a) + np.trace(b) - 2 * shared), 0.0)


def variety(real: np.ndarray, made: np.ndarray) -> float:
    """Variance of the made features as a share of the real ones': 0 where all are alike."""
    return float(np.var(made, axis=0).sum() / max(float(np.var(real, axis=0).sum()), 1e-12))
