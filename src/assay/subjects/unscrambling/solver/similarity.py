"""Similarity of pixels: partial correlation given all others."""

from __future__ import annotations

import numpy as np

from assay.core.errors import DataError

__all__ = ["informative", "partial_correlation", "standardised"]

LEAST_DEVIATION = 1.0
"""Standard deviation, of 255, above which a pixel varies enough to be placed."""


def informative(x: np.ndarray) -> np.ndarray:
    """Which pixels vary, bool (pixels,), of vectors x (images, pixels, channels) in 0..255."""
    return x.std(0, dtype=np.float64).max(-1) > LEAST_DEVIATION


def standardised(x: np.ndarray) -> np.ndarray:
    """Square roots of the intensities with mean 0 and deviation 1, float32 (images * channels,
    pixels): each channel of an image counts as a sample. Channels that never vary are 0.

    The square root balances bright and dark pixels; products of intensities are dominated by bright
    ones.
    """
    roots = np.sqrt(x.astype(np.float32))
    roots -= roots.mean(0)
    varies = x.max(0) > x.min(0)  # the deviation of a constant is only its rounding
    roots /= np.where(varies, np.maximum(roots.std(0), 1e-6), np.inf)
    return np.ascontiguousarray(roots.transpose(0, 2, 1)).reshape(-1, x.shape[1])


def partial_correlation(z: np.ndarray, ridge: float) -> np.ndarray:
    """Correlation of every two pixels given all others, float64 (pixels, pixels), diagonal 0.

    P = inv(C + ridge I), and the partial correlation is -P_ij / sqrt(P_ii P_jj). It identifies true
    neighbours far better than plain correlation, which decreases slowly with distance.

    Args:
        z: from `standardised`, (samples, pixels).
        ridge: keeps the inverse stable, 0.01 to 0.1.

    References:
        J. Whittaker, "Graphical Models in Applied Multivariate Statistics", 1990, section 5.8.
    """
    if len(z) < 2:
        raise DataError(f"{len(z)} images say nothing about which pixels are neighbours")
    c = (z.T @ z).astype(np.float64) / len(z)
    p = np.linalg.inv(c + ridge * np.eye(len(c)))
    p = (p + p.T) / 2  # exactly symmetric, unlike a computed inverse
    scale = np.sqrt(np.diag(p))
    found = -p / np.outer(scale, scale)
    np.fill_diagonal(found, 0)
    return found
