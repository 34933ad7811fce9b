"""Generators of data for examples and tests."""

from skcollision.datasets._embeddings import make_embeddings

__all__ = ["make_embeddings"]
