"""A fitted linear model as an ONNX graph."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from skcollision import __version__
from skcollision._extras import import_extra
from skcollision.export._validation import Linear, check_fitted

if TYPE_CHECKING:
    from onnx import ModelProto

# Of 2021: in every runtime of today. From 18 on, ReduceL2 takes its axes in another way.
OPSET = 17


def to_onnx(model: Linear) -> ModelProto:
    """Write a fitted clusterer or classifier, normalisation included, as an ONNX graph.

    Parameters
    ----------
    model : CollisionClusterer, CollisionClassifier or another linear model of this package
        Fitted.

    Returns
    -------
    onnx.ModelProto
        Checked graph with the input ``X``, float32 of shape (N, n_features), and the outputs
        ``labels`` of shape (N,), cluster numbers as int64 or classes in their own type, and
        ``probabilities``, float32 of shape (N, K). ``onnx.save`` writes it to a file.

    Raises
    ------
    TypeError
        If `model` is something else.
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
    check_fitted(model, "to_onnx")
    nodes, constants = _graph_of(model)
    helper, float32 = onnx.helper, onnx.TensorProto.FLOAT
    n_columns, n_features = model.coef_.shape
    label_type = helper.np_dtype_to_tensor_dtype(_classes_of(model).dtype)
    graph = helper.make_graph(
        [helper.make_node(*arguments, **attributes) for *arguments, attributes in nodes],
        type(model).__name__,
        [helper.make_tensor_value_info("X", float32, ["N", n_features])],
        [
            helper.make_tensor_value_info("labels", label_type, ["N"]),
            helper.make_tensor_value_info("probabilities", float32, ["N", n_columns]),
        ],
        [onnx.numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    opsets = [helper.make_opsetid("", OPSET)]
    written = helper.make_model(
        graph,
        opset_imports=opsets,
        # Runtimes refuse a newer one than they know.
        ir_version=helper.find_min_ir_version_for(opsets),
        producer_name="skcollision",
        producer_version=__version__,
    )
    onnx.checker.check_model(written, full_check=True)
    return written


def _classes_of(model: Linear) -> np.ndarray:
    """Return what each column stands for."""
    classes = getattr(model, "classes_", None)
    if classes is None:
        return np.arange(len(model.coef_), dtype=np.int64)
    return classes.astype(object) if classes.dtype.kind in "OU" else classes


def _graph_of(model: Linear) -> tuple[list[tuple[Any, ...]], dict[str, np.ndarray]]:
    """Return nodes, each with its kind, inputs, outputs and attributes, and constants by name."""
    nodes: list[tuple[Any, ...]] = []
    constants: dict[str, Any] = {"coef": model.coef_, "intercept": model.intercept_}
    features, normalisation = "X", model._normalisation
    if normalisation is not None:
        features = "directions"
        nodes, of_normalisation = _normalisation_of(normalisation)
        constants |= of_normalisation
    nodes += [
        ("Gemm", [features, "coef", "intercept"], ["logits"], {"transB": 1}),
        ("ArgMax", ["logits"], ["columns"], {"axis": 1, "keepdims": 0}),
        ("Gather", ["classes", "columns"], ["labels"], {"axis": 0}),
        ("Softmax", ["logits"], ["probabilities"], {"axis": 1}),
    ]
    numbers = {name: np.asarray(value, dtype=np.float32) for name, value in constants.items()}
    return nodes, {**numbers, "classes": _classes_of(model)}


def _normalisation_of(normalisation: Any) -> tuple[list[tuple[Any, ...]], dict[str, Any]]:
    """Return nodes from "X" to "directions", and constants by name."""
    constants: dict[str, Any] = {"mean": normalisation.mean}
    nodes: list[tuple[Any, ...]] = [("Sub", ["X", "mean"], ["centred"], {})]
    sums = {"axes": [1], "keepdims": 1}
    if normalisation.softening:
        nodes += [
            ("Div", ["centred", "softening"], ["relative"], {}),
            ("ReduceSumSquare", ["relative"], ["squares"], sums),
            ("Add", ["squares", "one"], ["more"], {}),
            ("Sqrt", ["more"], ["divisors"], {}),
            ("Div", ["relative", "divisors"], ["softened"], {}),
            ("Mul", ["softened", "gain"], ["directions"], {}),
        ]
        of_rows = {"softening": normalisation.softening, "one": 1.0, "gain": normalisation.gain}
        return nodes, constants | of_rows
    nodes += [
        ("ReduceL2", ["centred"], ["lengths"], sums),
        ("Max", ["lengths", "smallest"], ["divisors"], {}),
        ("Div", ["centred", "divisors"], ["directions"], {}),
    ]
    return nodes, constants | {"smallest": normalisation.scale * np.finfo(np.float32).eps}
