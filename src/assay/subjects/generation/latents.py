"""Latent points: priors, and interpolation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from assay.core.seeds import stream

__all__ = ["Mixture", "Normal", "Prior", "between", "fit_mixture", "point", "prior_of", "way"]

_FITTED_ON = 5_000
"""Sufficient number of latent points for a mixture; more take longer and change little."""


class Normal:
    """N(0, I) in `size` dimensions."""

    def __init__(self, size: int):
        self.size = size

    def draw(self, count: int, rng: np.random.Generator) -> np.ndarray:
        """Latent points, float32 (count, size)."""
        return rng.standard_normal((count, self.size), np.float32)

    def weights(self) -> dict[str, np.ndarray]:
        """Return no weights."""
        return {}


@dataclass(frozen=True)
class Mixture:
    """Gaussians with full covariances.

    Attributes:
        shares: (k,), summing to 1.
        means: (k, size).
        factors: (k, size, size), a Cholesky factor of each covariance.
    """

    shares: np.ndarray
    means: np.ndarray
    factors: np.ndarray

    @property
    def size(self) -> int:
        """Latent dimensions."""
        return self.means.shape[1]

    def draw(self, count: int, rng: np.random.Generator) -> np.ndarray:
        """Latent points, float32 (count, size)."""
        normal = rng.standard_normal((count, self.size), np.float32)
        edges = np.cumsum(self.shares.astype(np.float64))
        chosen = np.minimum(np.searchsorted(edges, rng.random(count) * edges[-1]), len(edges) - 1)
        moved = np.einsum("nij,nj->ni", self.factors[chosen], normal)
        return (self.means[chosen] + moved).astype(np.float32)

    def weights(self) -> dict[str, np.ndarray]:
        """Return float32 arrays to store with a run's weights; see `prior_of`."""
        return {f"prior.{name}": getattr(self, name) for name in ("shares", "means", "factors")}


Prior = Normal | Mixture


def fit_mixture(points: np.ndarray, components: int, rng: np.random.Generator) -> Mixture:
    """Fit a mixture of `components` Gaussians (fewer where there are few points) to (n, size)."""
    import warnings

    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import GaussianMixture

    chosen = points[rng.permutation(len(points))[:_FITTED_ON]].astype(np.float64)
    count = max(1, min(components, len(chosen) // (2 * points.shape[1])))
    mixture = GaussianMixture(
        count, reg_covar=1e-4, max_iter=50, random_state=int(rng.integers(2**31))
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # fifty steps are close enough
        mixture.fit(chosen)
    factors = np.linalg.cholesky(mixture.covariances_)
    # float32 as stored, so that a stored run draws exactly the same
    found = (mixture.weights_, mixture.means_, factors)
    return Mixture(*(np.asarray(array, np.float32) for array in found))


def prior_of(weights: Mapping[str, np.ndarray], size: int) -> Prior:
    """Return the prior among the weights of a run; by default N(0, I) in `size` dimensions."""
    if "prior.means" not in weights:
        return Normal(size)
    return Mixture(*(weights[f"prior.{name}"] for name in ("shares", "means", "factors")))


def point(prior: Prior, seed: int, count: int = 1) -> np.ndarray:
    """Return the latent points of a seed, (count, size), the same for every run."""
    return prior.draw(count, stream(seed, "sample"))


def way(prior: Prior, start: np.ndarray, end: np.ndarray, steps: int) -> np.ndarray:
    """Interpolate between two latent points of a prior, (steps, size): spherically for N(0, I),
    linearly for a mixture."""
    return between(start, end, steps, spherical=isinstance(prior, Normal))


def between(start: np.ndarray, end: np.ndarray, steps: int, *, spherical: bool) -> np.ndarray:
    """Interpolate from `start` to `end` (size,), both included: (steps, size).

    Args:
        spherical: interpolate on the sphere, so that norms remain typical of N(0, I), whose points
            nearly all lie on a sphere; otherwise linearly.

    References:
        T. White, "Sampling Generative Networks", 2016.
    """
    at = np.linspace(0, 1, steps)[:, None]
    lengths = np.linalg.norm(start), np.linalg.norm(end)
    cosine = float(start @ end) / max(float(lengths[0] * lengths[1]), 1e-12)
    angle = np.arccos(np.clip(cosine, -1, 1))
    if not spherical or np.sin(angle) < 1e-6:
        return (start + at * (end - start)).astype(np.float32)
    way = np.sin((1 - at) * angle) * start + np.sin(at * angle) * end
    return (way / np.sin(angle)).astype(np.float32)
