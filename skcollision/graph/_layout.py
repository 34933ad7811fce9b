"""Places for points in few dimensions, near their neighbours and away from others."""

from __future__ import annotations

import numpy as np

from skcollision._jit import inner, kernel
from skcollision.graph._walks import Walk

DIMENSIONS = 4

# Rounds over the edges, points that each edge's first end is pushed away from, and the largest move
# along a coordinate; the layout begins with coordinates up to WIDTH.
N_ROUNDS, N_PUSHES, LARGEST_MOVE, WIDTH = 60, 3, 4.0, 10.0

# Of xorshift, whose states must not be zero.
FIRST_STATE = 0x9E3779B97F4A7C15


def layout(walk: Walk, start: np.ndarray, seed: int) -> np.ndarray:
    """Return places (M, 4) of the points of a weighted graph, which begin at `start` (M, up to 4).

    As UMAP does (McInnes et al. 2018), stochastic gradient descent pulls the ends of edges together
    and pushes random points apart: the probability of an edge is 1 / (1 + d^(3/2)) at distance d,
    which needs no powers but roots.
    """
    step = walk.step
    heads = np.repeat(np.arange(len(start)), np.diff(step.indptr))
    weights = step.data * walk.degrees[heads]
    weights[heads == step.indices] = 0
    weights /= max(weights.max(), np.finfo(weights.dtype).tiny)
    places = np.zeros((len(start), DIMENSIONS), dtype=np.float32)
    width = max(np.abs(start).max(), np.finfo(start.dtype).tiny)
    places[:, : start.shape[1]] = WIDTH * (start / width)
    _descend(places, step.indptr, step.indices, weights.astype(np.float32), seed)
    return places


@inner
def _distance(places, i, j):
    """Return d^2 and d^(3/2) of the distance d between two points."""
    square = places.dtype.type(0)
    for d in range(DIMENSIONS):
        away = places[i, d] - places[j, d]
        square += away * away
    return square, np.sqrt(square * np.sqrt(square))


@inner
def _move(places, i, j, d, force):
    """Return the move of point i away from point j along a coordinate."""
    most = places.dtype.type(LARGEST_MOVE)
    return min(max(force * (places[i, d] - places[j, d]), -most), most)


@kernel
def _descend(places, starts, others, weights, seed):
    """Move places (M, 4) along the edges of rows, each of them as often as its weight says.

    The moves of a point that one edge makes are added up before it moves: a processor works on all
    of them at a time.
    """
    number = places.dtype.type
    one, slope, near, nothing = number(1), number(1.5), number(1e-3), number(1e-12)
    n_points = np.uint64(len(places))
    state = np.uint64(FIRST_STATE) ^ np.uint64(seed)
    due = number(0.5) * weights
    moves = np.empty(DIMENSIONS, places.dtype)
    for n in range(N_ROUNDS):
        rate = number(1 - n / N_ROUNDS)
        for i in range(len(places)):
            for edge in range(starts[i], starts[i + 1]):
                due[edge] += weights[edge]
                if due[edge] < one:
                    continue
                due[edge] -= one
                moves[:] = number(0)
                for _ in range(N_PUSHES):
                    state ^= state << np.uint64(13)
                    state ^= state >> np.uint64(7)
                    state ^= state << np.uint64(17)
                    j = np.int64(((state >> np.uint64(32)) * n_points) >> np.uint64(32))
                    square, power = _distance(places, i, j)
                    force = slope / ((near + square) * (one + power))
                    for d in range(DIMENSIONS):
                        moves[d] += _move(places, i, j, d, force)
                j = others[edge]
                square, power = _distance(places, i, j)
                force = -slope * power / ((nothing + square) * (one + power))
                for d in range(DIMENSIONS):
                    pull = _move(places, i, j, d, force)
                    places[i, d] += rate * (moves[d] + pull)
                    places[j, d] -= rate * pull
