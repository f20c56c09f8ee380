"""The initial guess: a graph of neighbours, embedded in the plane, then assigned to the grid."""

from __future__ import annotations

import numpy as np

__all__ = ["layout", "neighbour_graph", "on_grid"]

NEIGHBOURS = 4
SMACOF_STEPS = 30


def neighbour_graph(p: np.ndarray, prune: float) -> np.ndarray:
    """Return the neighbours, bool (pixels, pixels), symmetric.

    Two pixels are joined when each is among the four most similar of the other. Edges on no cycle
    of four are dropped, because in a grid every edge is on one, and then the weakest.

    Args:
        p: partial correlations.
        prune: share of the edges to drop as the weakest.
    """
    order = np.argsort(-p, axis=1)[:, :NEIGHBOURS]
    top = np.zeros(p.shape, bool)
    np.put_along_axis(top, order, True, axis=1)
    joined = top & top.T & (p > 0)
    a = joined.astype(np.float32)
    degree = a.sum(1)
    walks = a @ a @ a  # of length 3; those that only go back and forth along the edge itself:
    back_and_forth = degree[:, None] + degree - 1
    joined &= walks > back_and_forth + 0.5
    rows, columns = np.nonzero(np.triu(joined))
    weakest = np.argsort(p[rows, columns])[: int(prune * len(rows))]
    joined[rows[weakest], columns[weakest]] = joined[columns[weakest], rows[weakest]] = False
    return joined


def _distances(joined: np.ndarray) -> np.ndarray:
    """Return lengths of shortest paths: an edge is 1, a diagonal (two common neighbours) sqrt 2,
    two steps with one common neighbour 2."""
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import shortest_path

    a = joined.astype(np.float32)
    common = a @ a
    lengths = np.where(common > 1.5, np.sqrt(2), np.where(common > 0.5, 2.0, 0.0))
    lengths[joined] = 1
    np.fill_diagonal(lengths, 0)
    found = shortest_path(csr_array(lengths), directed=False)
    finite = np.isfinite(found)
    far = found[finite].max() if finite.any() else 1.0
    return np.where(finite, found, 1.1 * far + 1)


def layout(joined: np.ndarray) -> np.ndarray:
    """Return positions in the plane, float64 (pixels, 2), in pixels, with axes along the edges.

    Classical scaling of the graph's distances, then stress majorisation with weights d^-1.5, which
    emphasises close pairs.

    References:
        J. de Leeuw, "Applications of convex analysis to multidimensional scaling", 1977 (SMACOF).
    """
    d = _distances(joined)
    n = len(d)
    centred = d**2
    centred = -0.5 * (centred - centred.mean(0) - centred.mean(1)[:, None] + centred.mean())
    from scipy.linalg import eigh

    values, vectors = eigh(centred, subset_by_index=[n - 2, n - 1])
    x = vectors * np.sqrt(np.maximum(values, 1e-9))
    w = np.where(d > 0, np.maximum(d, 1e-9) ** -1.5, 0.0)
    v = np.diag(w.sum(1)) - w
    inverse = np.linalg.inv(v + 1.0 / n) - 1.0 / n
    for _ in range(SMACOF_STEPS):
        between = np.linalg.norm(x[:, None] - x[None], axis=-1)
        b = -w * d / np.maximum(between, 1e-9)
        np.fill_diagonal(b, 0)
        np.fill_diagonal(b, -b.sum(1))
        x = inverse @ (b @ x)
    return _upright(x, joined)


def _upright(x: np.ndarray, joined: np.ndarray) -> np.ndarray:
    """Turn so that edges lie along the axes (their directions count modulo a quarter turn, so the
    fourth power of each has one mean), and scale so that an edge is 1 long."""
    i, j = np.nonzero(np.triu(joined))
    if not len(i):
        return x
    edges = x[j] - x[i]
    directions = edges[:, 0] + 1j * edges[:, 1]
    lengths = np.abs(directions)
    units = directions / np.maximum(lengths, 1e-9)
    angle = np.angle((units**4).mean()) / 4
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return (x @ turn) / max(float(np.median(lengths)), 1e-9)


def on_grid(x: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Assign every pixel to a cell near its position, int64 (pixels,), by linear assignment.

    Both orientations on a non-square grid are tried; the cheaper one is used.
    """
    from scipy.optimize import linear_sum_assignment

    height, width = shape
    rows, columns = np.divmod(np.arange(height * width), width)
    best: tuple[float, np.ndarray] | None = None
    for places in (x,) if height == width else (x, x[:, ::-1]):
        middle = (places.max(0) + places.min(0)) / 2
        at = places - middle + (np.array(shape) - 1) / 2
        cost = (at[:, :1] - rows) ** 2 + (at[:, 1:] - columns) ** 2
        _, cells = linear_sum_assignment(cost)
        total = float(cost[np.arange(len(x)), cells].sum())
        if best is None or total < best[0]:
            best = total, cells
    assert best is not None
    return best[1].astype(np.int64)
