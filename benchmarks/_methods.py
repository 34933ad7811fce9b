"""The methods of the accuracy benchmark, each with the settings its authors recommend."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClusterMixin
from sklearn.cluster import Birch, KMeans, MiniBatchKMeans, SpectralClustering
from sklearn.mixture import GaussianMixture

from skcollision import (
    CollisionClusterer,
    MIADMClusterer,
    MutualInfoClusterer,
    SeLaClusterer,
    ShannonClusterer,
)

UNIT_ROWS = " (unit rows)"

# Which groups of data sets run a method unless it is asked for by name. The costly ones, a minute a
# fit and more, run only when they are.
CORE_GROUPS = ("embeddings", "digits", "imbalanced", "wrong_k", "scale", "dimension", "size")
STANDARD_GROUPS = ("embeddings", "digits", "imbalanced")
SLOW_GROUPS = ("embeddings", "digits")
COSTLY_GROUPS: tuple[str, ...] = ()

Factory = Callable[[int, int], Any]


@dataclass(frozen=True)
class Method:
    """A named method: `make(n_clusters, seed)` gives an estimator with `fit_predict`."""

    name: str
    make: Factory
    groups: tuple[str, ...]
    is_ours: bool = False
    unit_rows: bool = False
    deterministic: bool = False

    def fit_predict(self, X: np.ndarray, n_clusters: int, seed: int) -> np.ndarray:
        """Return the cluster of each row."""
        return self.make(n_clusters, seed).fit_predict(_unit_rows(X) if self.unit_rows else X)

    def warm_up(self) -> None:
        """Fit something tiny, so that imports and compilation are over before the clock runs."""
        X = np.random.default_rng(0).standard_normal((200, 8)).astype(np.float32)
        estimator = self.make(3, 0)
        if "max_iter" in estimator.get_params():
            estimator.set_params(max_iter=2)
        estimator.fit_predict(X)


def _unit_rows(X: np.ndarray) -> np.ndarray:
    """Centre, then scale each row to length 1: what our estimators do to their features."""
    centred = X - X.mean(0)
    return centred / np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-12)


class FaissKMeans(ClusterMixin, BaseEstimator):
    """The k-means of faiss as an estimator."""

    def __init__(self, n_clusters: int, *, random_state: int = 0) -> None:
        self.n_clusters = n_clusters
        self.random_state = random_state

    def fit(self, X: np.ndarray, y: object = None) -> FaissKMeans:
        """Cluster the rows of X."""
        import faiss

        kmeans = faiss.Kmeans(X.shape[1], self.n_clusters, seed=self.random_state)
        kmeans.train(X)
        self.labels_ = kmeans.index.search(X, 1)[1][:, 0]
        return self


class GemClus(ClusterMixin, BaseEstimator):
    """A linear model of GemClus, by the name of its class.

    Its default is 1,000 steps on all rows at once. That many steps are taken here too, but on
    batches: for a step on all rows the library copies an N × N matrix of float64, seconds each.
    """

    N_STEPS = 1000

    def __init__(self, name: str, n_clusters: int, batch_size: int, random_state: int = 0) -> None:
        self.name = name
        self.n_clusters = n_clusters
        self.batch_size = batch_size
        self.random_state = random_state

    def fit(self, X: np.ndarray, y: object = None) -> GemClus:
        """Cluster the rows of X."""
        from gemclus import linear

        model = getattr(linear, self.name)(
            self.n_clusters,
            max_iter=math.ceil(self.N_STEPS / math.ceil(len(X) / self.batch_size)),
            batch_size=self.batch_size,
            random_state=self.random_state,
        )
        self.labels_ = model.fit_predict(X)
        return self


def _gemclus(name: str, batch_size: int) -> Factory:
    return lambda n_clusters, seed: GemClus(name, n_clusters, batch_size, seed)


def _turtle(n_clusters: int, seed: int) -> Any:
    from _turtle import Turtle

    return Turtle(n_clusters, random_state=seed)


def _gaussian_mixture(n_clusters: int, seed: int) -> Any:
    return GaussianMixture(n_clusters, covariance_type="diag", random_state=seed)


def _spectral(n_clusters: int, seed: int) -> Any:
    return SpectralClustering(n_clusters, affinity="nearest_neighbors", random_state=seed)


OURS: tuple[Any, ...] = (
    CollisionClusterer,
    MutualInfoClusterer,
    SeLaClusterer,
    MIADMClusterer,
    ShannonClusterer,
)


def _ours(estimator: Any) -> Factory:
    return lambda n_clusters, seed: estimator(n_clusters, random_state=seed)


def _all() -> Iterator[Method]:
    for ours in OURS:
        groups = CORE_GROUPS if ours is CollisionClusterer else STANDARD_GROUPS
        yield Method(ours.__name__, _ours(ours), groups, is_ours=True)
    # A name that `--methods CollisionClusterer` does not ask for.
    make = lambda k, seed: CollisionClusterer(k, prior="uniform", random_state=seed)  # noqa: E731
    yield Method("Uniform prior, CollisionClusterer", make, ("imbalanced",), is_ours=True)
    for n_init in (1, 10):
        make = lambda k, seed, n=n_init: KMeans(k, n_init=n, random_state=seed)  # noqa: E731
        yield from _both(f"KMeans(n_init={n_init})", make, CORE_GROUPS)
    make = lambda k, seed: MiniBatchKMeans(k, random_state=seed)  # noqa: E731
    yield from _both("MiniBatchKMeans", make, STANDARD_GROUPS)
    yield from _both("GaussianMixture(diag)", _gaussian_mixture, STANDARD_GROUPS)
    yield from _both("Birch", lambda k, seed: Birch(n_clusters=k), STANDARD_GROUPS, True)
    yield from _both("SpectralClustering", _spectral, SLOW_GROUPS)
    yield from _both(
        "faiss.Kmeans", lambda k, seed: FaissKMeans(k, random_state=seed), STANDARD_GROUPS
    )
    yield from _both("GemClus RIM", _gemclus("RIM", 500), STANDARD_GROUPS)
    yield from _both("GemClus MMD", _gemclus("LinearMMD", 500), COSTLY_GROUPS)
    yield from _both("GemClus Wasserstein", _gemclus("LinearWasserstein", 100), COSTLY_GROUPS)
    yield from _both("TURTLE", _turtle, COSTLY_GROUPS)


def _both(
    name: str, make: Factory, groups: tuple[str, ...], deterministic: bool = False
) -> Iterator[Method]:
    """Offer a rival the features as they are, and normalised as ours are."""
    yield Method(name, make, groups, deterministic=deterministic)
    yield Method(name + UNIT_ROWS, make, groups, unit_rows=True, deterministic=deterministic)


METHODS = {method.name: method for method in _all()}


def select(group: str, wanted: list[str]) -> list[Method]:
    """Return the methods whose names begin as wanted; those of the group if none is named."""
    if not wanted:
        return [method for method in METHODS.values() if group in method.groups]
    unknown = [prefix for prefix in wanted if not any(m.startswith(prefix) for m in METHODS)]
    if unknown:
        raise ValueError(f"No method {', '.join(unknown)}. Methods: {', '.join(METHODS)}.")
    return [method for method in METHODS.values() if method.name.startswith(tuple(wanted))]
