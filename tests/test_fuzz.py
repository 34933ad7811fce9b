"""Random data, weights and parameters: no NaN, no hang, every failure one clear error.

``SKCOLLISION_FUZZ_CASES`` sets how many cases run, ``SKCOLLISION_FUZZ_SEED`` the first seed.
"""

import os

import numpy as np
import pytest

import skcollision.cluster as cluster
from skcollision import CollisionClassifier, SemiSupervisedCollisionClassifier
from skcollision.metrics import clustering_accuracy_score, clustering_calibration_error

N_CASES = int(os.environ.get("SKCOLLISION_FUZZ_CASES", 300))
FIRST_SEED = int(os.environ.get("SKCOLLISION_FUZZ_SEED", 0))
N_PARTS = 10

CLUSTERERS = [
    getattr(cluster, name)
    for name in cluster.__all__
    if name.endswith("Clusterer") and not name.startswith("Base")
]
KINDS = [*CLUSTERERS, CollisionClassifier, SemiSupervisedCollisionClassifier]

# What a clear error names.
NAMES = ("X", "y", "'sample_weight'", "n_clusters", "parameter", "sample_weight", "Input")


def draw_features(rng):
    """Draw a matrix of any size, type and scale, with equal and constant rows and columns."""
    n_points, n_features = rng.integers(1, 40), rng.integers(1, 24)
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
    weight = rng.random(n_points) * 10.0 ** rng.integers(-300, 301)
    if rng.random() < 0.3:
        weight *= 10.0 ** rng.integers(-5, 5, n_points)
    if rng.random() < 0.5:
        weight[rng.random(n_points) < 0.3] = 0
    return weight


def draw_fit(rng):
    """Draw an estimator and what to fit it to."""
    X = draw_features(rng)
    kind = KINDS[rng.integers(len(KINDS))]
    parameters = {
        "max_iter": int(rng.integers(1, 4)),
        "batch_size": int(rng.choice([1, 2, 7, 1000])),
        "random_state": int(rng.integers(100)),
        "normalize": bool(rng.random() < 0.9),
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
    if rng.random() < 0.5:
        del parameters["max_iter"]
        parameters["tol"] = 0.01
    return kind(loss=loss, n_init=1, **parameters), X, y


def values_of(model, X, y, weight):
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
    labels = model.predict(X)
    yield "predict", labels
    if hasattr(model, "labels_"):
        np.testing.assert_array_equal(labels, model.labels_)
        yield "score", clustering_accuracy_score(labels, labels)
        yield "calibration", clustering_calibration_error(labels, probs)
        yield "transform", model.transform(X)
    elif y is not None and (y.ndim == 2 or (y != -1).any()):
        kept = (
            None if weight is None or not weight[y != -1 if y.ndim == 1 else ...].any() else weight
        )
        yield "score", model.score(X, y, sample_weight=kept)


def fault(seed):
    """Fit one case; return what was not finite or not a clear error, if anything."""
    rng = np.random.default_rng(seed)
    model, X, y = draw_fit(rng)
    weight = draw_weight(rng, len(X))
    case = f"seed {seed}, {model} on {X.dtype} {X.shape}"
    try:
        model.fit(X, y, sample_weight=weight)
    except (TypeError, ValueError) as error:
        is_clear = any(name in str(error) for name in NAMES)
        return None if is_clear else f"{case}: {error}"
    except Exception as error:
        return f"{case}: {error!r}"
    try:
        for name, values in values_of(model, X, y, weight):
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
