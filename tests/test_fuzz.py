"""Random data, weights and parameters: no NaN, no hang, every failure one clear error.

``SKCOLLISION_FUZZ_CASES`` sets how many cases run, ``SKCOLLISION_FUZZ_SEED`` the first seed.
"""

import os
import re

import numpy as np
import pytest
from onnxruntime import InferenceSession

import skcollision.cluster as cluster
from skcollision import CollisionClassifier, SemiSupervisedCollisionClassifier
from skcollision.deep import DeepClusterer, SemiSupervisedDeepClassifier
from skcollision.export import to_onnx, to_sklearn
from skcollision.metrics import (
    clustering_accuracy_score,
    clustering_calibration_error,
    get_scorer,
    risk_coverage_curve,
)
from skcollision.model_selection import NClustersSearch

N_CASES = int(os.environ.get("SKCOLLISION_FUZZ_CASES", 200))
FIRST_SEED = int(os.environ.get("SKCOLLISION_FUZZ_SEED", 0))
N_PARTS = 10

CLUSTERERS = [
    getattr(cluster, name)
    for name in cluster.__all__
    if name.endswith("Clusterer") and not name.startswith("Base")
]
KINDS = [*CLUSTERERS, CollisionClassifier, SemiSupervisedCollisionClassifier]

SCORERS = [
    "held_out_mutual_info",
    "information",
    "neg_held_out_objective",
    "neighbor_info",
    "resample_agreement",
    "stability",
]
# Where a row is nearer to the centre of the data than this share of what it is far from zero, or
# of the scale, its direction is rounding.
ROUNDING = 1e-3

# What a clear error names, as a word.
NAMES = re.compile(r"\b(X|y|Sample weights|sample_weight|n_clusters|parameter|Input)\b")


def draw_features(rng):
    """Draw a matrix of any size, type and scale, with equal and constant rows and columns."""
    # Mostly few rows: each takes steps, and faults of scales need no more.
    n_points = rng.integers(1, 14) if rng.random() < 0.8 else rng.integers(14, 40)
    n_features = rng.integers(1, 24)
    X = rng.normal(size=(n_points, n_features))
    centres = rng.normal(size=(3, n_features)) * rng.choice([0, 1, 10])
    X = X + centres[rng.integers(3, size=n_points)]
    if rng.random() < 0.3:
        X = X[rng.integers(n_points, size=n_points)]
    if rng.random() < 0.3:
        X[:, rng.integers(n_features)] = rng.normal()
    if rng.random() < 0.1:
        X[:] = X[0]
    if rng.random() < 0.2:
        X = X.round()
    dtype = rng.choice(["float64", "float32", "float16", "int64", "uint8", "bool"])
    if dtype.startswith("float"):
        largest = {"float64": 300, "float32": 37, "float16": 3}[dtype]
        X = X * 10.0 ** rng.integers(-largest, largest + 1)
        if rng.random() < 0.2:
            X[rng.integers(n_points)] *= 10.0 ** rng.integers(0, 5)
        if rng.random() < 0.1:
            X = X * 10.0 ** rng.uniform(-5, 5, n_features)
    with np.errstate(over="ignore", invalid="ignore"):
        return X.astype(dtype)


def draw_weight(rng, n_points):
    """Draw weights of any magnitude, some of them zero, or none."""
    if rng.random() < 0.4:
        return None
    exponent = rng.integers(-320, 309) if rng.random() < 0.7 else 308
    weight = rng.random(n_points) * 10.0**exponent
    if rng.random() < 0.3:
        weight = np.minimum(weight, 1e300) * 10.0 ** rng.integers(-5, 5, n_points)
    if rng.random() < 0.5:
        weight[rng.random(n_points) < 0.3] = 0
    return weight


def draw_fit(rng):
    """Draw an estimator and what to fit it to."""
    X = draw_features(rng)
    kind = KINDS[rng.integers(len(KINDS))]
    parameters = {
        "max_iter": int(rng.choice([1, 1, 1, 2, 3])),
        # at most eight steps a pass
        "batch_size": max(int(rng.choice([1, 2, 7, 1000])), len(X) // 8),
        "random_state": int(rng.integers(100)),
        "normalize": bool(rng.random() < 0.8),
    }
    if kind in CLUSTERERS:
        n_clusters = int(rng.integers(1, min(len(X), 12) + 1)) if rng.random() < 0.9 else len(X)
        return kind(n_clusters, n_init=int(rng.integers(1, 3)), **parameters), X, None
    n_classes = int(rng.integers(2, 5))
    y = rng.integers(n_classes, size=len(X))
    if kind is SemiSupervisedCollisionClassifier:
        y = np.where(rng.random(len(X)) < 0.5, -1, y)
        return kind(**parameters), X, y
    if rng.random() < 0.5:
        y = rng.dirichlet(np.full(n_classes, 0.3), size=len(X))
    loss = str(rng.choice(["collision", "shannon"]))
    if rng.random() < 0.1:  # hundreds of steps, and L-BFGS
        del parameters["max_iter"]
        parameters["tol"] = 0.01
    return kind(loss=loss, n_init=1, **parameters), X, y


def values_of(model, X, y, weight, rng):
    """Yield by name what public functions return for a fitted model."""
    for name in ("coef_", "intercept_", "cluster_centers_", "class_prior_", "objective_"):
        if hasattr(model, name):
            yield name, getattr(model, name)
    yield from model.history_.items()
    probs = model.predict_proba(X)
    yield "predict_proba", probs
    np.testing.assert_allclose(probs.sum(1), 1, atol=1e-3)
    yield "predict_log_proba", model.predict_log_proba(X)
    yield "decision_function", model.decision_function(X)
    rows = resized(X, rng)
    probs, far = (model.predict_proba(each) for each in (rows, rows.astype(np.float64)))
    yield "predict_proba of another size", probs
    sure = is_apart(model, rows)
    np.testing.assert_allclose(probs[sure], far[sure], atol=1e-2)
    labels = model.predict(X)
    yield "predict", labels
    yield from of_exports(model, X, rng)
    if hasattr(model, "labels_"):
        np.testing.assert_array_equal(labels, model.labels_)
        yield "score", clustering_accuracy_score(labels, labels)
        yield "score without labels", model.score(X, sample_weight=weight)
        yield "calibration", clustering_calibration_error(labels, probs)
        yield "risk", risk_coverage_curve(labels, probs).risk
        yield "transform", model.transform(X)
        if rng.random() < 0.5:
            yield from of_scorers(model, X, weight, rng)
        model.partial_fit(X, sample_weight=weight)
        yield "coef_ after partial_fit", model.coef_
    elif y is not None and (y.ndim == 2 or (y != -1).any()):
        kept = (
            None if weight is None or not weight[y != -1 if y.ndim == 1 else ...].any() else weight
        )
        yield "score", model.score(X, y, sample_weight=kept)


def resized(X, rng):
    """Return the rows in another unit, as far as their type holds it."""
    if X.dtype.kind != "f":
        return X
    limit = float(np.finfo(X.dtype).max)
    with np.errstate(over="ignore"):
        rows = X.astype(np.float64) * 10.0 ** rng.integers(-70, 71)
    return np.clip(rows, -limit, limit).astype(X.dtype)


def of_scorers(model, X, weight, rng):
    """Yield the score of one scorer, for rows that it can be told of."""
    name = SCORERS[rng.integers(len(SCORERS))]
    if len(X) >= 2 * model.n_clusters and (weight is None or np.count_nonzero(weight) > 1):
        try:
            yield name, get_scorer(name)(model, X, sample_weight=weight)
        except ValueError as error:  # of a sample that cannot be clustered
            if not is_clear(error):
                raise


def of_exports(model, X, rng):
    """Yield what exported models predict, and check that it is what the model does."""
    expected = model.predict_proba(X.astype(np.float64))
    sure = is_apart(model, X)
    if expected.shape[1] > 1:
        found = to_sklearn(model).predict_proba(X)
        yield "to_sklearn", found
        np.testing.assert_allclose(found[sure], expected[sure], atol=2e-3)
        yield "to_sklearn of another size", of_far_rows(to_sklearn(model), resized(X, rng))
    with np.errstate(over="ignore"):
        rows = X.astype(np.float32)
    if not np.isfinite(rows).all():
        return
    try:
        graph = to_onnx(model).SerializeToString()
    except ValueError as error:
        if "to_onnx cannot export" not in str(error):
            raise
        return
    session = InferenceSession(graph)
    (found,) = session.run(["probabilities"], {"X": rows})
    yield "to_onnx", found
    if X.dtype != np.float64:
        np.testing.assert_allclose(found[sure], expected[sure], atol=1e-2)
    rows = resized(rows, rng)
    (found,) = session.run(["probabilities"], {"X": rows})
    yield "to_onnx of another size", found
    sure, expected = is_apart(model, rows), model.predict_proba(rows.astype(np.float64))
    np.testing.assert_allclose(found[sure], expected[sure], atol=1e-2)


def of_far_rows(pipeline, X):
    """Predict, as far as rows are within float64 in units of the data."""
    try:
        return pipeline.predict_proba(X)
    except ValueError as error:
        if "Input X contains infinity" not in str(error) or np.abs(X).max() < 1e300:
            raise
        return 0


def is_apart(model, X):
    """Tell which rows are so far from the centre of the data that rounding does not matter."""
    normalisation = model._normalisation
    if normalisation is None:
        return np.abs(X.astype(np.float64)).max(axis=1) < 1e3
    unit = 2.0 ** -np.frexp(normalisation.scale)[1]
    rows, centre = (each.astype(np.float64) * unit for each in (X, normalisation.mean))
    distances = np.abs(rows - centre).max(axis=1)
    sizes = np.maximum(np.abs(rows), np.abs(centre)).max(axis=1)
    return distances > ROUNDING * np.maximum(sizes, normalisation.scale * unit)


def is_clear(error):
    """Tell whether an error names what is wrong."""
    return NAMES.search(str(error)) is not None


def fault(seed):
    """Fit one case; return what was not finite or not a clear error, if anything."""
    rng = np.random.default_rng(seed)
    model, X, y = draw_fit(rng)
    weight = draw_weight(rng, len(X))
    case = f"seed {seed}, {model} on {X.dtype} {X.shape}"
    try:
        model.fit(X, y, sample_weight=weight)
    except (TypeError, ValueError) as error:
        return None if is_clear(error) else f"{case}: {error}"
    except Exception as error:
        return f"{case}: {error!r}"
    try:
        for name, values in values_of(model, X, y, weight, rng):
            if not np.isfinite(values).all():
                return f"{case}: {name} is not finite"
    except Exception as error:
        return f"{case}: {error!r}"
    return None


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("part", range(N_PARTS))
def test_no_value_is_nan_and_every_error_names_its_cause(part):
    seeds = range(FIRST_SEED + part, FIRST_SEED + N_CASES, N_PARTS)
    print(f"seeds {seeds}")
    faults = [each for each in map(fault, seeds) if each]
    assert not faults, "\n".join(faults)


def fault_of_others(seed):
    """Do the same with a network and a search, which take longer and have no exports."""
    rng = np.random.default_rng(seed)
    X, y = draw_features(rng), None
    n_clusters = int(rng.integers(1, min(len(X), 6) + 1))
    network = {"backbone": linear_backbone, "max_iter": 2, "batch_size": int(rng.integers(1, 50))}
    if rng.random() < 0.4:
        model = DeepClusterer(n_clusters, **network)
    elif rng.random() < 0.4:
        model, y = SemiSupervisedDeepClassifier(**network), rng.integers(-1, 3, size=len(X))
    else:
        clusterer = CLUSTERERS[rng.integers(len(CLUSTERERS))](n_init=1, max_iter=2)
        model = NClustersSearch(clusterer, [1, n_clusters], random_state=0)
    case = f"seed {seed}, {model} on {X.dtype} {X.shape}"
    try:
        model.fit(X, y)
        for rows in (X, resized(X, rng)):
            if not np.isfinite(model.predict_proba(rows)).all():
                return f"{case}: predict_proba is not finite"
        if not np.isfinite(model.transform(X)).all():
            return f"{case}: transform is not finite"
    except (TypeError, ValueError) as error:
        return None if is_clear(error) else f"{case}: {error}"
    except Exception as error:
        return f"{case}: {error!r}"
    return None


def linear_backbone(input_shape):
    from torch import nn

    return nn.Linear(input_shape[0], 4)


@pytest.mark.filterwarnings("ignore")
def test_networks_and_searches_give_no_nan_and_every_error_names_its_cause():
    seeds = range(FIRST_SEED, FIRST_SEED + max(10, N_CASES // 10))
    print(f"seeds {seeds}")
    faults = [each for each in map(fault_of_others, seeds) if each]
    assert not faults, "\n".join(faults)
