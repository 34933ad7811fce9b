"""Fitted models for other programs: as ONNX graphs, scikit-learn pipelines and skops files."""

from skcollision.export._onnx import to_onnx
from skcollision.export._sklearn import to_sklearn
from skcollision.export._skops import skops_trusted_types

__all__ = ["skops_trusted_types", "to_onnx", "to_sklearn"]
