"""A fitted clusterer as an ONNX graph."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from skcollision import __version__
from skcollision._extras import import_extra
from skcollision.cluster import BaseSelfLabellingClusterer
from skcollision.export._validation import check_fitted_clusterer

if TYPE_CHECKING:
    from onnx import ModelProto

# Of 2021: in every runtime of today. From 18 on, ReduceL2 takes its axes in another way.
OPSET = 17


def to_onnx(clusterer: BaseSelfLabellingClusterer) -> ModelProto:
    """Write a fitted clusterer, normalisation included, as an ONNX graph.

    Parameters
    ----------
    clusterer : CollisionClusterer or another linear clusterer of this package
        Fitted.

    Returns
    -------
    onnx.ModelProto
        Checked graph with the input ``X``, float32 of shape (N, n_features), and the outputs
        ``labels``, int64 of shape (N,), and ``probabilities``, float32 of shape (N, n_clusters).
        ``onnx.save`` writes it to a file.

    Raises
    ------
    TypeError
        If `clusterer` is something else.
    sklearn.exceptions.NotFittedError
        If it is not fitted.
    ImportError
        If onnx is not installed: ``pip install 'skcollision[onnx]'``.

    Notes
    -----
    All is computed in float32. For a clusterer fitted on float64, features whose mean is large
    against their spread lose digits before it is subtracted.

    Examples
    --------
    >>> from onnxruntime import InferenceSession
    >>> from skcollision import CollisionClusterer
    >>> from skcollision.datasets import make_embeddings
    >>> from skcollision.export import to_onnx
    >>> X, _ = make_embeddings(100, 3, 16, random_state=0)
    >>> clusterer = CollisionClusterer(n_clusters=3, max_iter=20, random_state=0).fit(X)
    >>> session = InferenceSession(to_onnx(clusterer).SerializeToString())
    >>> labels, probabilities = session.run(None, {"X": X.astype("float32")})
    >>> bool((labels == clusterer.predict(X)).all())
    True
    """
    onnx = import_extra("onnx", "onnx", "to_onnx")
    check_fitted_clusterer(clusterer, "to_onnx")
    nodes, constants = _graph_of(clusterer)
    helper, float32 = onnx.helper, onnx.TensorProto.FLOAT
    n_clusters, n_features = clusterer.coef_.shape
    graph = helper.make_graph(
        [helper.make_node(*arguments, **attributes) for *arguments, attributes in nodes],
        type(clusterer).__name__,
        [helper.make_tensor_value_info("X", float32, ["N", n_features])],
        [
            helper.make_tensor_value_info("labels", onnx.TensorProto.INT64, ["N"]),
            helper.make_tensor_value_info("probabilities", float32, ["N", n_clusters]),
        ],
        [
            onnx.numpy_helper.from_array(np.asarray(value, dtype=np.float32), name)
            for name, value in constants.items()
        ],
    )
    opsets = [helper.make_opsetid("", OPSET)]
    model = helper.make_model(
        graph,
        opset_imports=opsets,
        # Runtimes refuse a newer one than they know.
        ir_version=helper.find_min_ir_version_for(opsets),
        producer_name="skcollision",
        producer_version=__version__,
    )
    onnx.checker.check_model(model, full_check=True)
    return model


def _graph_of(
    clusterer: BaseSelfLabellingClusterer,
) -> tuple[list[tuple[Any, ...]], dict[str, Any]]:
    """Return nodes, each with its kind, inputs, outputs and attributes, and constants by name."""
    nodes: list[tuple[Any, ...]] = []
    constants: dict[str, Any] = {"coef": clusterer.coef_, "intercept": clusterer.intercept_}
    features, normalisation = "X", clusterer._normalisation
    if normalisation is not None:
        features = "directions"
        constants["mean"] = normalisation.mean
        constants["smallest"] = normalisation.scale * np.finfo(np.float32).eps
        nodes += [
            ("Sub", ["X", "mean"], ["centred"], {}),
            ("ReduceL2", ["centred"], ["lengths"], {"axes": [1], "keepdims": 1}),
            ("Max", ["lengths", "smallest"], ["divisors"], {}),
            ("Div", ["centred", "divisors"], [features], {}),
        ]
    nodes += [
        ("Gemm", [features, "coef", "intercept"], ["logits"], {"transB": 1}),
        ("ArgMax", ["logits"], ["labels"], {"axis": 1, "keepdims": 0}),
        ("Softmax", ["logits"], ["probabilities"], {"axis": 1}),
    ]
    return nodes, constants
