"""A fitted linear model as an ONNX graph."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from skcollision import __version__
from skcollision._extras import import_extra
from skcollision.export._validation import Linear, check_fitted

if TYPE_CHECKING:
    from onnx import ModelProto

# Rows x, in units of the softening, become x / sqrt(|x|^2 + 1): those of (x, 1) of unit length,
# without the last column. Without a softening, they become x / |x| in the same way with 0 for 1.
# Only rows whose largest entry is 1 are squared: squares of others may overflow.
# Opset 17, of 2021, is in every runtime of today; from 18 on, ReduceL2 takes its axes otherwise.
_DIRECTIONS = """
    centred = Sub(X, mean)
    relative = Div(centred, unit)
    sizes = Abs(relative)
    most = ReduceMax<axes = [1], keepdims = 1>(sizes)
    largest = Max(most, smallest)
    scaled = Div(relative, largest)
    beside = Div(last, largest)
    joined = Concat<axis = 1>(scaled, beside)
    lengths = ReduceL2<axes = [1], keepdims = 1>(joined)
    divisors = Max(lengths, one)
    directions = Div(scaled, divisors)
"""
_PREDICTION = """
    logits = Gemm<transB = 1>(directions, coef, intercept)
    columns = ArgMax<axis = 1, keepdims = 0>(logits)
    labels = Gather<axis = 0>(classes, columns)
    probabilities = Softmax<axis = 1>(logits)
"""


def to_onnx(model: Linear) -> ModelProto:
    """Write a fitted clusterer or classifier, normalisation included, as an ONNX graph.

    Parameters
    ----------
    model : CollisionClusterer, CollisionClassifier or another linear model of this package
        Fitted.

    Returns
    -------
    onnx.ModelProto
        Checked graph from ``X``, float32 of shape (N, n_features), to ``labels`` of shape (N,),
        cluster numbers as int64 or classes in their own type, and ``probabilities``, float32 of
        shape (N, K). ``onnx.save`` writes it to a file.

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
    The graph computes in float32: features whose mean is large against their spread lose digits.

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
    n_columns, n_features = model.coef_.shape
    classes = getattr(model, "classes_", np.arange(n_columns))
    if classes.dtype.kind == "U":
        classes = classes.astype(object)
    label_type = onnx.helper.np_dtype_to_tensor_dtype(classes.dtype)
    normalises = model._normalisation is not None
    written = onnx.parser.parse_model(
        f"""<ir_version: 8, opset_import: ["": 17], producer_name: "skcollision",
        producer_version: "{__version__}">
        {type(model).__name__} (float[N, {n_features}] X) => (
            {onnx.TensorProto.DataType.Name(label_type).lower()}[N] labels,
            float[N, {n_columns}] probabilities
        ) {{ {_DIRECTIONS if normalises else "directions = Identity(X)"} {_PREDICTION} }}"""
    )
    constants = {name: np.asarray(value, np.float32) for name, value in _constants(model).items()}
    written.graph.initializer.extend(
        onnx.numpy_helper.from_array(value, name)
        for name, value in {**constants, "classes": classes}.items()
    )
    onnx.checker.check_model(written, full_check=True)
    return written


def _constants(model: Linear) -> dict[str, Any]:
    """Return what the graph names and does not compute, but the classes."""
    linear = {"coef": model.coef_, "intercept": model.intercept_}
    normalisation = model._normalisation
    if normalisation is None:
        return linear
    soft = bool(normalisation.softening)
    if soft:
        linear["coef"] = normalisation.gain * model.coef_
    return linear | {
        "mean": normalisation.mean,
        "unit": normalisation.softening if soft else normalisation.scale,
        # A row nearer to the centre than rounding has no direction.
        "smallest": 1.0 if soft else np.finfo(np.float32).eps,
        "last": float(soft),
        "one": 1.0,
    }
