"""The neighbour graph: neighbours, walks along its edges, and labels on it."""

from skcollision.graph._labels import most_probable
from skcollision.graph._nearest import default_neighbors, given_neighbors, nearest_neighbors
from skcollision.graph._neighbours import KEEPING_STEPS, NeighbourGraph

__all__ = [
    "KEEPING_STEPS",
    "NeighbourGraph",
    "default_neighbors",
    "given_neighbors",
    "most_probable",
    "nearest_neighbors",
]
