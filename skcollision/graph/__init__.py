"""The neighbour graph: neighbours, walks along its edges, and labels on it."""

from skcollision.graph._labels import most_probable
from skcollision.graph._neighbours import NeighbourGraph, default_neighbors

__all__ = ["NeighbourGraph", "default_neighbors", "most_probable"]
