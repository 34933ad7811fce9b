"""Fitted linear models as scikit-learn pipelines, ONNX graphs and skops files."""

from __future__ import annotations

import inspect
import math
from typing import TYPE_CHECKING, Any, get_args

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    Normalizer,
    PolynomialFeatures,
    StandardScaler,
)
from sklearn.utils.validation import check_is_fitted

from skcollision import __version__, cluster, criteria, supervised
from skcollision._extras import import_extra
from skcollision.cluster import BaseSelfLabellingClusterer
from skcollision.engine import LARGEST_ENTRY, Normalisation
from skcollision.supervised import CollisionClassifier, SemiSupervisedCollisionClassifier

Linear = BaseSelfLabellingClusterer | CollisionClassifier | SemiSupervisedCollisionClassifier


def check_fitted(model: Any, caller: str) -> None:
    """Raise unless `model` is a fitted linear clusterer or classifier of this package."""
    if not isinstance(model, Linear):
        raise TypeError(
            f"The 'model' parameter of {caller} must be a linear clusterer or classifier of "
            f"skcollision, such as CollisionClusterer. Got {type(model).__name__} instead. Of a "
            "pipeline, pass the last step."
        )
    check_is_fitted(model)


def to_sklearn(model: Linear) -> Pipeline:
    """Write a fitted clusterer or classifier as a scikit-learn pipeline that predicts the same.

    Where the pipeline is used, skcollision and torch need not be installed.

    Parameters
    ----------
    model : linear clusterer or classifier
        As in :func:`to_onnx`, with at least two clusters.

    Returns
    -------
    sklearn.pipeline.Pipeline
        A ``LogisticRegression`` whose classes are the model's or cluster numbers; before it
        ``FunctionTransformer(numpy.float64)``, ``StandardScaler()``, ``Normalizer("max")`` and, if
        the model normalises, ``Normalizer()``. Classifiers, clusterers with fewer than 16 features
        and those with ``normalize=False`` have a ``PolynomialFeatures(1)`` after the scaler. Its
        ``predict`` and ``predict_proba`` are the model's up to rounding, but for points that differ
        from the centre of the data by less than rounding; rows beyond float64 in units of the
        scale end in scikit-learn's "Input X contains infinity". The arrays are copies.

    Raises
    ------
    TypeError, sklearn.exceptions.NotFittedError
        As :func:`to_onnx`.
    ValueError
        If the model has a single cluster.

    Examples
    --------
    >>> from skcollision import CollisionClusterer
    >>> from skcollision.datasets import make_embeddings
    >>> from skcollision.export import to_sklearn
    >>> X, _ = make_embeddings(100, 3, 16, random_state=0)
    >>> clusterer = CollisionClusterer(n_clusters=3, max_iter=20, random_state=0).fit(X)
    >>> pipeline = to_sklearn(clusterer)
    >>> list(pipeline.named_steps)
    ['functiontransformer', 'standardscaler', 'normalizer-1', 'normalizer-2', 'logisticregression']
    >>> bool((pipeline.predict(X) == clusterer.predict(X)).all())
    True
    """
    check_fitted(model, "to_sklearn")
    if len(model.coef_) == 1:
        raise ValueError(
            "to_sklearn cannot export a clusterer with n_clusters=1: LogisticRegression has at "
            "least two classes."
        )
    coef, normalisation = model.coef_.copy(), model._normalisation
    if normalisation is None:
        # Divided by the larger of 1 and their largest entry, in this unit.
        mean, unit, gain = np.zeros(model.n_features_in_), LARGEST_ENTRY, LARGEST_ENTRY
    else:
        mean, unit = normalisation.mean.copy(), normalisation.softening or normalisation.scale
        gain = normalisation.gain if normalisation.softening else 0.0
    scaler = StandardScaler()
    scaler.mean_, scaler.scale_ = mean, np.full(len(mean), unit)
    # Rows in float16 would be computed with in float16.
    steps: list[Any] = [FunctionTransformer(np.float64, validate=True), scaler]
    if gain:
        # In units of the softening, x / sqrt(|x|^2 + 1) is (1, x) / |(1, x)| but for its 1.
        coef = np.insert(gain * coef.astype(np.float64), 0, 0.0, axis=1)
        steps.append(PolynomialFeatures(1).fit(mean[None]))
    # Rows with a largest entry of 1 before those of length 1: squares of others may overflow.
    steps.append(Normalizer(norm="max"))
    if normalisation is not None:
        steps.append(Normalizer())
    classifier = LogisticRegression()
    classifier.classes_ = np.array(getattr(model, "classes_", np.arange(len(coef))))
    classifier.coef_, classifier.intercept_ = coef, model.intercept_.copy()
    if len(coef) == 2:
        # Two classes share one row of coefficients, which says how much more the second has.
        classifier.coef_, classifier.intercept_ = np.diff(coef, axis=0), np.diff(model.intercept_)
    classifier.n_iter_ = np.array([model.n_iter_], dtype=np.int32)
    steps.append(classifier)
    for step in steps[:3]:
        step.n_features_in_ = len(mean)
    for step in steps[3:]:
        step.n_features_in_ = coef.shape[1]
    if hasattr(model, "feature_names_in_"):
        # As after a fit on a data frame: the later steps are handed arrays.
        steps[0].feature_names_in_ = model.feature_names_in_.copy()
    return make_pipeline(*steps)


if TYPE_CHECKING:
    from onnx import ModelProto

# Rows x, centred, become x / sqrt(|x|^2 + s^2): those of (x, s) of unit length, without the last
# column. Without a softening, they become x / |x| in the same way with 0 for s. Only rows whose
# largest entry is 1 are squared: squares of others may overflow.
# Opset 17, of 2021, is in every runtime of today; from 18 on, ReduceL2 takes its axes otherwise.
_DIRECTIONS = """
    entries = Abs(X)
    peaks = ReduceMax<axes = [1], keepdims = 1>(entries)
    near = LessOrEqual(peaks, far)
    factors = Where(near, power, one)
    inside = Mul(X, factors)
    centred = Sub(inside, mean)
    sizes = Abs(centred)
    most = ReduceMax<axes = [1], keepdims = 1>(sizes)
    largest = Max(most, smallest)
    scaled = Div(centred, largest)
    beside = Div(softening, largest)
    joined = Concat<axis = 1>(scaled, beside)
    lengths = ReduceL2<axes = [1], keepdims = 1>(joined)
    divisors = Max(lengths, one)
    directions = Div(scaled, divisors)
"""
# Features whose mean or scale is beyond these powers of two are brought there, where neither digits
# are lost nor differences overflow. Rows that would overflow stay as they are: beside them, mean
# and softening are nothing.
_MOST_EXPONENT = 60
_BOUNDED = """
    entries = Abs(X)
    peaks = ReduceMax<axes = [1], keepdims = 1>(entries)
    excesses = Div(peaks, most)
    divisors = Max(excesses, one)
    directions = Div(X, divisors)
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
    ValueError
        If the features are on a scale beyond float32.
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
    normalisation = model._normalisation
    directions = _BOUNDED if normalisation is None else _DIRECTIONS
    written = onnx.parser.parse_model(
        f"""<ir_version: 8, opset_import: ["": 17], producer_name: "skcollision",
        producer_version: "{__version__}">
        {type(model).__name__} (float[N, {n_features}] X) => (
            {onnx.TensorProto.DataType.Name(label_type).lower()}[N] labels,
            float[N, {n_columns}] probabilities
        ) {{ {directions} {_PREDICTION} }}"""
    )
    constants = {"coef": model.coef_, "intercept": model.intercept_}
    if normalisation is None:
        constants |= {"most": LARGEST_ENTRY, "one": 1.0}
    else:
        constants |= _constants(normalisation)
        if normalisation.softening:
            constants["coef"] = normalisation.gain * model.coef_
    arrays = {name: np.asarray(value, np.float32) for name, value in constants.items()}
    written.graph.initializer.extend(
        onnx.numpy_helper.from_array(value, name)
        for name, value in {**arrays, "classes": classes}.items()
    )
    onnx.checker.check_model(written, full_check=True)
    return written


def _constants(normalisation: Normalisation) -> dict[str, Any]:
    """Return what `_DIRECTIONS` takes beside X."""
    limits = np.finfo(np.float32)
    largest = float(limits.max)
    unit = normalisation.softening or normalisation.scale
    peak = max(normalisation.scale, float(np.abs(normalisation.mean).max()))
    if peak > largest or unit < float(limits.smallest_subnormal):
        raise ValueError(
            f"to_onnx cannot export a model of features around {peak:.3g}, with a scale of "
            f"{normalisation.scale:.3g}: the graph takes float32. Fit it to them in another unit."
        )
    exponent = math.frexp(peak)[1]
    power = 2.0 ** (min(max(exponent, -_MOST_EXPONENT), _MOST_EXPONENT) - exponent)
    return {
        "power": power,
        "far": largest / max(2.0 * power, 1.0),
        "mean": power * normalisation.mean.astype(np.float64),
        # A row nearer to the centre than rounding has no direction.
        "smallest": power * (normalisation.softening or float(limits.eps) * normalisation.scale),
        "softening": power * normalisation.softening,
        "one": 1.0,
    }


def skops_trusted_types() -> list[str]:
    """List the types of this package that :func:`skops.io.load` may be told to trust.

    They are the linear clusterers and classifiers and their criteria. Loading them runs no code but
    this package's. A fitted model in a skops file has no other types than these and those that
    skops trusts anyway, unless its callbacks or a criterion of your own bring some in.

    Returns
    -------
    list of str
        Full names of classes, sorted.

    Examples
    --------
    >>> import skops.io
    >>> from skcollision import CollisionClusterer
    >>> from skcollision.datasets import make_embeddings
    >>> from skcollision.export import skops_trusted_types
    >>> X, _ = make_embeddings(100, 3, 16, random_state=0)
    >>> clusterer = CollisionClusterer(n_clusters=3, max_iter=20, random_state=0).fit(X)
    >>> saved = skops.io.dumps(clusterer)  # skops.io.dump writes a file
    >>> loaded = skops.io.loads(saved, trusted=skops_trusted_types())
    >>> bool((loaded.predict(X) == clusterer.labels_).all())
    True
    """
    bases = (*get_args(Linear), criteria.ClusteringCriterion)
    modules = (cluster, criteria, supervised)
    exported = [getattr(each, name) for each in modules for name in each.__all__]
    return sorted(
        f"{each.__module__}.{each.__qualname__}"
        for each in exported
        if inspect.isclass(each) and issubclass(each, bases) and not inspect.isabstract(each)
    )
