"""The methods of the accuracy benchmark, each with the settings its authors recommend."""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClusterMixin
from sklearn.cluster import HDBSCAN, Birch, KMeans, MiniBatchKMeans, SpectralClustering
from sklearn.mixture import GaussianMixture
from sklearn.neighbors import KNeighborsClassifier, kneighbors_graph
from sklearn.preprocessing import normalize

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

# How many values are tried where a method's parameter is searched for K clusters.
HDBSCAN_SIZES, RESOLUTIONS = 12, 20

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
    needs: str = "sklearn"

    def fit_predict(self, X: np.ndarray, n_clusters: int, seed: int) -> tuple[np.ndarray, float]:
        """Return the cluster of each row, and the share of rows that were not noise before."""
        estimator = self.make(n_clusters, seed)
        labels = estimator.fit_predict(_unit_rows(X) if self.unit_rows else X)
        return labels, getattr(estimator, "coverage_", 1.0)

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

    def __init__(
        self, n_clusters: int, *, spherical: bool = False, nredo: int = 1, random_state: int = 0
    ) -> None:
        self.n_clusters = n_clusters
        self.spherical = spherical
        self.nredo = nredo
        self.random_state = random_state

    def fit(self, X: np.ndarray, y: object = None) -> FaissKMeans:
        """Cluster the rows of X."""
        import faiss

        kmeans = faiss.Kmeans(
            X.shape[1],
            self.n_clusters,
            spherical=self.spherical,
            nredo=self.nredo,
            seed=self.random_state,
        )
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


class UMAPThen(ClusterMixin, BaseEstimator):
    """UMAP, with the settings that its documentation has for clustering, then a clusterer.

    HDBSCAN takes no number of clusters: its `min_cluster_size` is searched for the one asked for.
    """

    def __init__(
        self, then: str, n_clusters: int, n_components: int, n_neighbors: int, random_state: int = 0
    ) -> None:
        self.then = then
        self.n_clusters = n_clusters
        self.n_components = n_components
        self.n_neighbors = n_neighbors
        self.random_state = random_state

    def fit(self, X: np.ndarray, y: object = None) -> UMAPThen:
        """Cluster the rows of X."""
        from umap import UMAP

        embedding = UMAP(
            n_components=self.n_components,
            n_neighbors=self.n_neighbors,
            min_dist=0.0,
            random_state=self.random_state,
        ).fit_transform(X)
        self.labels_, self.coverage_ = getattr(self, f"_{self.then}")(embedding)
        return self

    def _kmeans(self, embedding: np.ndarray) -> tuple[np.ndarray, float]:
        kmeans = KMeans(self.n_clusters, n_init=10, random_state=self.random_state)
        return kmeans.fit_predict(embedding), 1.0

    def _gmm(self, embedding: np.ndarray) -> tuple[np.ndarray, float]:
        mixture = GaussianMixture(self.n_clusters, random_state=self.random_state)
        return mixture.fit_predict(embedding), 1.0

    def _hdbscan(self, embedding: np.ndarray) -> tuple[np.ndarray, float]:
        largest = max(5, len(embedding) // self.n_clusters)
        sizes = np.unique(np.geomspace(5, largest, HDBSCAN_SIZES).astype(int))
        found = [HDBSCAN(min_cluster_size=size).fit_predict(embedding) for size in sizes]
        return _without_noise(
            embedding, min(found, key=lambda labels: abs(labels.max() + 1 - self.n_clusters))
        )


class Leiden(ClusterMixin, BaseEstimator):
    """Leiden's communities of the graph of 15 nearest neighbours; its resolution gives K."""

    def __init__(self, n_clusters: int, *, random_state: int = 0) -> None:
        self.n_clusters = n_clusters
        self.random_state = random_state

    def fit(self, X: np.ndarray, y: object = None) -> Leiden:
        """Cluster the rows of X: halve the range of resolutions until K communities are found."""
        import igraph
        import leidenalg

        nearest = kneighbors_graph(X, min(15, len(X) - 1)).tocoo()
        edges = np.unique(np.sort(np.column_stack([nearest.row, nearest.col]), axis=1), axis=0)
        graph = igraph.Graph(len(X), edges.tolist())
        low, high, nearest_count = 1e-3, 1e3, np.inf
        for _ in range(RESOLUTIONS):
            resolution = math.sqrt(low * high)
            partition = leidenalg.find_partition(
                graph,
                leidenalg.RBConfigurationVertexPartition,
                resolution_parameter=resolution,
                seed=self.random_state,
            )
            surplus = len(partition) - self.n_clusters
            if abs(surplus) < nearest_count:
                nearest_count, self.labels_ = abs(surplus), np.array(partition.membership)
            if surplus == 0:
                break
            low, high = (low, resolution) if surplus > 0 else (resolution, high)
        return self


class EVoC(ClusterMixin, BaseEstimator):
    """EVoC, asked for K clusters; it may find others."""

    def __init__(self, n_clusters: int, *, random_state: int = 0) -> None:
        self.n_clusters = n_clusters
        self.random_state = random_state

    def fit(self, X: np.ndarray, y: object = None) -> EVoC:
        """Cluster the rows of X."""
        import evoc

        model = evoc.EVoC(approx_n_clusters=self.n_clusters, random_state=self.random_state)
        self.labels_, self.coverage_ = _without_noise(normalize(X), model.fit_predict(X))
        return self


def _without_noise(X: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, float]:
    """Give noise (-1) to the cluster of the nearest other point; return the others' share too."""
    is_noise = labels < 0
    coverage = 1 - float(is_noise.mean())
    if 0 < coverage < 1:
        nearest = KNeighborsClassifier(1).fit(X[~is_noise], labels[~is_noise])
        labels = np.where(is_noise, nearest.predict(X), labels)
    return labels, coverage


def _gemclus(name: str, batch_size: int) -> Factory:
    return lambda n_clusters, seed: GemClus(name, n_clusters, batch_size, seed)


def _umap(then: str, n_components: int, n_neighbors: int) -> Factory:
    return lambda n_clusters, seed: UMAPThen(then, n_clusters, n_components, n_neighbors, seed)


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
    make = lambda k, seed: FaissKMeans(k, random_state=seed)  # noqa: E731
    yield from _both("faiss.Kmeans", make, STANDARD_GROUPS, needs="faiss")
    make = lambda k, seed: FaissKMeans(k, spherical=True, nredo=10, random_state=seed)  # noqa: E731
    yield _on_unit_rows("Spherical K-means, faiss", make, STANDARD_GROUPS, "faiss")
    for then, name in (("kmeans", "KMeans"), ("gmm", "GaussianMixture"), ("hdbscan", "HDBSCAN")):
        yield _on_unit_rows(f"UMAP(5, 15) + {name}", _umap(then, 5, 15), SLOW_GROUPS, "umap")
    yield _on_unit_rows("UMAP(10, 30) + KMeans", _umap("kmeans", 10, 30), SLOW_GROUPS, "umap")
    make = lambda k, seed: Leiden(k, random_state=seed)  # noqa: E731
    yield _on_unit_rows("Leiden", make, SLOW_GROUPS, "leidenalg")
    make = lambda k, seed: EVoC(k, random_state=seed)  # noqa: E731
    yield from _both("EVoC", make, SLOW_GROUPS, needs="evoc")
    yield from _both("GemClus RIM", _gemclus("RIM", 500), STANDARD_GROUPS, needs="gemclus")
    yield from _both("GemClus MMD", _gemclus("LinearMMD", 500), COSTLY_GROUPS, needs="gemclus")
    yield from _both(
        "GemClus Wasserstein", _gemclus("LinearWasserstein", 100), COSTLY_GROUPS, needs="gemclus"
    )
    yield from _both("TURTLE", _turtle, COSTLY_GROUPS)


def _both(
    name: str, make: Factory, groups: tuple[str, ...], deterministic: bool = False, **about: Any
) -> Iterator[Method]:
    """Offer a rival the features as they are, and normalised as ours are."""
    yield Method(name, make, groups, deterministic=deterministic, **about)
    about |= {"unit_rows": True, "deterministic": deterministic}
    yield Method(name + UNIT_ROWS, make, groups, **about)


def _on_unit_rows(name: str, make: Factory, groups: tuple[str, ...], needs: str) -> Method:
    return Method(name + UNIT_ROWS, make, groups, unit_rows=True, needs=needs)


def _sampled(max_samples: int | None) -> Method:
    """Return our clusterer trained on so many points."""
    make = lambda k, seed: CollisionClusterer(k, max_samples=max_samples, random_state=seed)  # noqa: E731
    return Method(f"max_samples={max_samples}", make, (), is_ours=True)


METHODS = {method.name: method for method in _all()}
# Those of benchmarks/sample_size.py.
SAMPLED = {method.name: method for method in map(_sampled, (2_000, 5_000, 10_000, 20_000, None))}


def check_installed(methods: Iterable[Method]) -> None:
    """Raise ImportError if a method's package is not there."""
    for method in methods:
        if importlib.util.find_spec(method.needs) is None:
            raise ImportError(
                f"{method.name} needs {method.needs}: pip install 'skcollision[bench]', or name "
                "other methods."
            )


def select(group: str, wanted: list[str]) -> list[Method]:
    """Return the methods whose names begin as wanted; those of the group if none is named."""
    if not wanted:
        return [method for method in METHODS.values() if group in method.groups]
    unknown = [prefix for prefix in wanted if not any(m.startswith(prefix) for m in METHODS)]
    if unknown:
        raise ValueError(f"No method {', '.join(unknown)}. Methods: {', '.join(METHODS)}.")
    return [method for method in METHODS.values() if method.name.startswith(tuple(wanted))]
