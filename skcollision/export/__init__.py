"""Fitted models for other programs: as ONNX graphs, scikit-learn pipelines and skops files."""

from skcollision.export._linear import skops_trusted_types, to_onnx, to_sklearn

__all__ = ["skops_trusted_types", "to_onnx", "to_sklearn"]
