"""NClustersSearch: the number of clusters that the data reproduce."""

from __future__ import annotations

import warnings
from dataclasses import KW_ONLY, dataclass
from numbers import Integral
from typing import Any, ClassVar, Final, Self

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import ArrayLike
from sklearn.base import (
    BaseEstimator,
    ClusterMixin,
    MetaEstimatorMixin,
    TransformerMixin,
    _fit_context,
    clone,
)
from sklearn.metrics.cluster import contingency_matrix
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted, validate_data

from skcollision._array_api import stacked, to_numpy
from skcollision._errors import wrong
from skcollision._parameters import StrictEstimator
from skcollision.cluster import CollisionClusterer
from skcollision.metrics import _agreement as agreement
from skcollision.metrics._scorers import mutual_information

# Steps of about a quarter, which is as finely as halves of real data tell numbers apart.
_AUTO_GRID: Final = (2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 25, 30, 40, 55, 75, 100)
# A half of the data: the rows to fit on, and the random state of the fit.
Half = tuple[np.ndarray, int]


def automatic_grid(n_samples: int) -> np.ndarray:
    """Return numbers of clusters that leave ten points a cluster in each half; at least 2."""
    return np.array([k for k in _AUTO_GRID if k <= max(2, n_samples // 20)])


def cut_in_halves(n_samples: int, random_state: np.random.RandomState) -> tuple[Half, Half]:
    """Cut the points at random into halves, each with a random state for its fit."""
    order = random_state.permutation(n_samples)
    seeds = random_state.randint(np.iinfo(np.int32).max, size=2)
    middle = n_samples // 2
    return (order[:middle], int(seeds[0])), (order[middle:], int(seeds[1]))


def compare_halves(estimator: BaseEstimator, X: Any, halves: tuple[Half, Half]) -> dict[str, float]:
    """Fit a clone on each half and compare the clusters in which they place all rows."""
    labels, strengths, mutual_infos = [], [], []
    for (rows, seed), (held_out, _) in zip(halves, halves[::-1], strict=True):
        model = agreement.fit_clone(estimator, X[rows], seed)
        labels.append(np.asarray(model.predict(X)))
        if hasattr(model, "predict_proba"):
            mutual_infos.append(mutual_information_share(model.predict_proba(X[held_out])))
    for (rows, _), own, other in zip(halves, labels, labels[::-1], strict=True):
        strengths.append(prediction_strength(other[rows], own[rows]))
    measures = {
        "stability": agreement.adjusted_rand(*labels),
        "information": agreement.reproduced_information(*labels),
        "prediction_strength": float(np.mean(strengths)),
    }
    return measures | ({"mutual_info": float(np.mean(mutual_infos))} if mutual_infos else {})


def mutual_information_share(probs: np.ndarray) -> float:
    """Return the mutual information over ln K: 1 for sure and fair predictions."""
    n_clusters = probs.shape[1]
    return mutual_information(probs) / np.log(n_clusters) if n_clusters > 1 else 0.0


def prediction_strength(predicted: np.ndarray, own: np.ndarray) -> float:
    """Return the least share of a cluster's pairs in `own` that `predicted` leaves together."""
    # Tibshirani and Walther, "Cluster Validation by Prediction Strength", 2005.
    counts = contingency_matrix(own, predicted).astype(np.float64)
    sizes = counts.sum(axis=1)
    together, pairs = (counts * (counts - 1)).sum(axis=1), sizes * (sizes - 1)
    return float((together[pairs > 0] / pairs[pairs > 0]).min(initial=1.0))


# The default clusterer's in the sweep: a tenth of the time, and K matters more than a full fit.
_SHORT_FIT: Final = {"n_init": 2, "max_iter": 30}


def _best_has(method: str) -> Any:
    def check(search: NClustersSearch) -> bool:
        return hasattr(getattr(search, "best_estimator_", search._estimator()), method)

    return available_if(check)


@dataclass(eq=False, repr=False)
class NClustersSearch(TransformerMixin, MetaEstimatorMixin, ClusterMixin, StrictEstimator):
    r"""Choose the number of clusters by what two halves of the data agree on, without labels.

    For each number of clusters K and each resample, the points are cut at random into two halves, a
    clusterer is fitted to each, and both predict the cluster of all points. The adjusted Rand index
    (ARI) of the two is the stability of K: 1 if they agree, 0 on average for unrelated partitions
    of the same sizes. Stability alone favours few clusters, so the default criterion weighs it by
    how much a partition says,

    .. math:: \text{information}(K) = \text{ARI}^2 \cdot \tfrac12 (H_1 + H_2) ,

    with the entropies H of the cluster sizes in nats, ln K for equal clusters. A split that the
    halves agree on raises the product, a split at random lowers it. The estimator is then fitted to
    all points with the best K.

    Parameters
    ----------
    estimator : estimator, default=None
        A clusterer with a parameter `n_clusters` and a method `predict`; cloned, never changed.
        None for :class:`~skcollision.CollisionClusterer` with its defaults.
    n_clusters : "auto", int or array-like of int, default="auto"
        Numbers of clusters to try, at least 1 and at most half the number of points. "auto" is 2,
        3, 4, 5, 6, 8, 10, 12, 15 and on in steps of about a quarter, up to 100 or a twentieth of
        the number of points, whichever is less.
    criterion : {"information", "stability", "mutual_info"}, default="information"
        What is maximised: one of the columns of `results_`. "mutual_info", which needs
        `predict_proba`, is the estimated mutual information between points held out and clusters
        over ln K: how sure and fair the predictions are.
    n_resamples : int, default=3
        Number of times that the points are cut in half.
    sweep_params : dict, default=None
        Parameters to set in the estimator for the sweep but not for the final fit, such as a
        smaller `max_iter`. None for ``{"n_init": 2, "max_iter": 30}`` if `estimator` is None too,
        and for none otherwise.
    n_jobs : int, default=None
        Processes that share the fits of the sweep, as in joblib. It does not change the result.
    random_state : int, RandomState instance or None, default=None
        Draws the halves and the random states of all fits. Each K is tried on the same halves.

    Attributes
    ----------
    best_n_clusters_, best_index_, best_score_ : int, int and float
        The number of clusters chosen, its place in the arrays of `results_`, and the mean of the
        criterion there.
    best_estimator_ : estimator
        The clusterer, fitted to all points with that number.
    results_ : dict of ndarray
        "n_clusters", rising, and for each of them over the resamples the mean and the standard
        deviation of "information", "stability" and "prediction_strength" (Tibshirani and
        Walther's), as "stability_mean" and "stability_std" and so on, with "mutual_info" for
        estimators that have `predict_proba`; each of shape (n_values,).
    labels_ : ndarray of shape (n_samples,)
        Clusters of the points by `best_estimator_`.
    n_features_in_, feature_names_in_ : int and ndarray of shape (n_features,)
        Number of features seen in `fit`, and their names, where X had string column names.

    Notes
    -----
    The cost is ``2 * n_resamples`` fits on half the points for each number of clusters. The search
    does not tell whether there are clusters at all.
    :class:`~skcollision.plotting.NClustersDisplay` draws its results.

    References
    ----------
    T. Lange, V. Roth, M. Braun and J. Buhmann, "Stability-Based Validation of Clustering
    Solutions", Neural Computation 2004, for the halves. S. Ben-David, U. von Luxburg and D. Pal, "A
    Sober Look at Clustering Stability", COLT 2006, for why stability alone does not find K. The
    weighting is not from the literature; docs/choosing_k.md has what it finds.

    Examples
    --------
    >>> from skcollision import CollisionClusterer
    >>> from skcollision.datasets import make_embeddings
    >>> from skcollision.model_selection import NClustersSearch
    >>> X, _ = make_embeddings(400, 4, 16, spread=0.5, random_state=0)
    >>> clusterer = CollisionClusterer(n_neighbors=0, n_init=2, max_iter=30)
    >>> search = NClustersSearch(clusterer, [2, 4, 8], n_resamples=1, random_state=0).fit(X)
    >>> search.best_n_clusters_
    4
    >>> search.predict(X[:5]).shape
    (5,)
    """

    estimator: BaseEstimator | None = None
    n_clusters: str | int | ArrayLike = "auto"
    _: KW_ONLY
    criterion: str = "information"
    n_resamples: int = 3
    sweep_params: dict[str, Any] | None = None
    n_jobs: int | None = None
    random_state: int | np.random.RandomState | None = None

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "estimator": [None, HasMethods(["fit", "predict", "get_params"])],
        "n_clusters": [StrOptions({"auto"}), Integral, "array-like"],
        "criterion": [StrOptions({"information", "stability", "mutual_info"})],
        "n_resamples": [Interval(Integral, 1, None, closed="left")],
        "sweep_params": [None, dict],
        "n_jobs": [None, Integral],
        "random_state": ["random_state"],
    }

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X: ArrayLike, y: Any = None) -> Self:
        """Try each number of clusters, and fit the estimator with the best.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features, finite; at least twice as many points as the largest number of clusters.
        y : ignored
            Present for pipelines.

        Returns
        -------
        self
            The fitted search.

        Raises
        ------
        ValueError
            If a parameter is out of its range, X is not fit for the estimator or has too few
            points, or the criterion needs a `predict_proba` that the estimator does not have.

        Warns
        -----
        UserWarning
            If the best is the largest of several numbers tried, so that more may be better.
        """
        matrix = to_numpy(stacked(X))
        data = validate_data(self, matrix, dtype=[np.float64, np.float32], ensure_min_samples=4)
        grid = self._grid(len(data))
        model = clone(self._estimator())
        if "n_clusters" not in model.get_params():
            must = "have a parameter 'n_clusters'"
            raise wrong("estimator", "NClustersSearch", must, repr(model))
        if self.criterion == "mutual_info" and not hasattr(model, "predict_proba"):
            must = "be 'information' or 'stability' for an estimator without predict_proba"
            raise wrong("criterion", "NClustersSearch", must, f"'mutual_info' for {model!r}")
        random_state = check_random_state(self.random_state)
        resamples = [cut_in_halves(len(data), random_state) for _ in range(self.n_resamples)]
        seed = int(random_state.randint(np.iinfo(np.int32).max))
        short = _SHORT_FIT if self.estimator is None else {}
        params = short if self.sweep_params is None else self.sweep_params
        swept = clone(model).set_params(**params)
        found = Parallel(n_jobs=self.n_jobs)(
            delayed(compare_halves)(clone(swept).set_params(n_clusters=int(k)), data, halves)
            for halves in resamples
            for k in grid
        )
        self.results_ = {"n_clusters": grid}
        for name in found[0]:
            values = np.reshape([measures[name] for measures in found], (-1, len(grid)))
            self.results_ |= {
                f"{name}_mean": values.mean(axis=0),
                f"{name}_std": values.std(axis=0),
            }
        scores = self.results_[f"{self.criterion}_mean"]
        self.best_index_ = int(np.argmax(scores))
        self.best_n_clusters_ = int(grid[self.best_index_])
        self.best_score_ = float(scores[self.best_index_])
        if len(grid) > 1 and self.best_n_clusters_ == grid[-1]:
            text = f"The best number of clusters, {grid[-1]}, is the largest that was tried. "
            text += "Raise 'n_clusters' to see whether more are better."
            warnings.warn(text, UserWarning, stacklevel=3)
        model.set_params(n_clusters=self.best_n_clusters_)
        if "random_state" in model.get_params():
            model.set_params(random_state=seed)
        # The user's own X, so that names of columns reach the estimator.
        self.best_estimator_ = model.fit(X)
        labels = getattr(model, "labels_", None)
        self.labels_ = np.asarray(model.predict(X) if labels is None else labels)
        return self

    def predict(self, X: ArrayLike) -> np.ndarray:
        """Assign points to the clusters of `best_estimator_`.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features, as in `fit`.

        Returns
        -------
        ndarray of shape (n_samples,)
            Cluster numbers.
        """
        check_is_fitted(self)
        return self.best_estimator_.predict(X)

    @_best_has("predict_proba")
    def predict_proba(self, X: ArrayLike) -> np.ndarray:
        """Compute soft assignments to the clusters of `best_estimator_`, if it has them.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features, as in `fit`.

        Returns
        -------
        ndarray of shape (n_samples, ``best_n_clusters_``)
            Probabilities of the clusters.
        """
        check_is_fitted(self)
        return self.best_estimator_.predict_proba(X)

    @_best_has("transform")
    def transform(self, X: ArrayLike) -> np.ndarray:
        """Map points as `best_estimator_` does, if it can.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features, as in `fit`.

        Returns
        -------
        ndarray of shape (n_samples, n_outputs)
            For the clusterers of this package, probabilities of the clusters.
        """
        check_is_fitted(self)
        return self.best_estimator_.transform(X)

    def _estimator(self) -> BaseEstimator:
        return CollisionClusterer() if self.estimator is None else self.estimator

    def _grid(self, n_samples: int) -> np.ndarray:
        """Return the numbers of clusters to try, rising."""
        if isinstance(self.n_clusters, str):
            return automatic_grid(n_samples)
        values = np.atleast_1d(self.n_clusters)
        is_valid = values.ndim == 1 and values.size > 0 and values.dtype.kind in "iu"
        if not is_valid or values.min() < 1 or values.max() > n_samples // 2:
            must = f"be 'auto' or integers from 1 to {n_samples // 2}, half of {n_samples=}"
            raise wrong("n_clusters", "NClustersSearch", must, repr(self.n_clusters))
        return np.unique(values)
