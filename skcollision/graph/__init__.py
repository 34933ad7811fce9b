"""The neighbour graph: neighbours, walks along its edges, and labels on it."""

from skcollision.graph._labels import most_probable
from skcollision.graph._neighbours import KEEPING_STEPS, NeighbourGraph, default_neighbors

__all__ = ["KEEPING_STEPS", "NeighbourGraph", "default_neighbors", "most_probable"]
