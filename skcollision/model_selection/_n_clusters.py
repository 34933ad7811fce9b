"""NClustersSearch: the number of clusters that walks from neighbour to neighbour keep apart."""

from __future__ import annotations

import warnings
from dataclasses import KW_ONLY, dataclass
from numbers import Integral
from typing import Any, ClassVar, Final, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import (
    BaseEstimator,
    ClusterMixin,
    MetaEstimatorMixin,
    TransformerMixin,
    _fit_context,
    clone,
)
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import HasMethods, StrOptions
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted, validate_data

from skcollision._array_api import stacked, to_numpy
from skcollision._errors import wrong
from skcollision._parameters import StrictEstimator
from skcollision.cluster import CollisionClusterer
from skcollision.engine import scores_of_numbers

# "auto" tries numbers up to this, and that leave a cluster so many points.
MOST_CLUSTERS: Final = 100
POINTS_PER_CLUSTER: Final = 20


def automatic_grid(n_samples: int) -> np.ndarray:
    """Return all numbers from 2 that leave points enough; at least 2."""
    return np.arange(2, max(2, min(MOST_CLUSTERS, n_samples // POINTS_PER_CLUSTER)) + 1)


def _best_has(method: str) -> Any:
    def check(search: NClustersSearch) -> bool:
        return hasattr(getattr(search, "best_estimator_", search._estimator()), method)

    return available_if(check)


@dataclass(eq=False, repr=False)
class NClustersSearch(TransformerMixin, MetaEstimatorMixin, ClusterMixin, StrictEstimator):
    r"""Choose the number of clusters by how well the neighbour graph falls apart, without labels.

    Points are joined to their 15 nearest neighbours, or a tenth of all where those are fewer. Some
    hundred small parts are merged one by one, the pair first whose union keeps most of what short
    walks along the edges tell, so that one path has clusters of all numbers K. Each is scored by

    .. math:: \text{separation}(K) = \frac{1}{8} \sum_{t = 2, 4, \dots, 256} r_t^2 \,
        (-\ln \textstyle\sum_k p_{tk}^2) , \qquad
        r_t = \frac{s_t - \sum_k p_{tk}^2}{1 - \sum_k p_{tk}^2} ,

    where walks of t steps begin in cluster k with probability :math:`p_{tk}`, and end where they
    began with probability :math:`s_t`. r is the correlation of a walk's ends, its square the share
    of the one that the other explains, and the logarithm, the collision entropy of the clusters,
    is how much there is to explain: ln K for equal clusters. Finer clusters pay as long as walks
    seldom leave them. The estimator is then fitted to all points with the best K.

    Parameters
    ----------
    estimator : estimator, default=None
        A clusterer with a parameter `n_clusters` and a method `predict`; cloned, never changed. It
        has no say in the choice. None for :class:`~skcollision.CollisionClusterer` with its
        defaults.
    n_clusters : "auto", int or array-like of int, default="auto"
        Numbers of clusters to try, at least 1 and at most half the number of points. "auto" is all
        from 2 to 100, or to a twentieth of the number of points if that is less.
    random_state : int, RandomState instance or None, default=None
        Draws the small parts, a sample of at most 20,000 points, or 100 a cluster if more, and the
        random state of the fit.

    Attributes
    ----------
    best_n_clusters_, best_index_, best_score_ : int, int and float
        The number of clusters chosen, its place in the arrays of `results_`, and its score.
    best_estimator_ : estimator
        The clusterer, fitted to all points with that number.
    results_ : dict of ndarray
        "n_clusters", rising, and the "separation" of each, in nats; both of shape (n_values,).
    labels_ : ndarray of shape (n_samples,)
        Clusters of the points by `best_estimator_`.
    n_features_in_, feature_names_in_ : int and ndarray of shape (n_features,)
        Number of features seen in `fit`, and their names, where X had string column names.

    Notes
    -----
    The cost is about that of one or two fits, for all numbers together, and of the fit that
    follows. The search does not tell whether there are clusters at all.
    :class:`~skcollision.plotting.NClustersDisplay` draws its results. Where the clusterer should
    have a say, scikit-learn's searches take :class:`~skcollision.metrics.AgreementScorer`.

    References
    ----------
    J.-C. Delvenne, S. N. Yaliraki and M. Barahona, "Stability of Graph Communities Across Time
    Scales", PNAS 2010, for walks of all lengths and s less chance. The square and the weighting are
    not from the literature; docs/choosing_k.md has what the search finds.

    Examples
    --------
    >>> from skcollision.datasets import make_embeddings
    >>> from skcollision.model_selection import NClustersSearch
    >>> X, _ = make_embeddings(400, 6, 16, spread=0.5, random_state=0)
    >>> search = NClustersSearch(random_state=0).fit(X)
    >>> search.best_n_clusters_
    6
    >>> search.predict(X[:5]).shape
    (5,)
    """

    estimator: BaseEstimator | None = None
    n_clusters: str | int | ArrayLike = "auto"
    _: KW_ONLY
    random_state: int | np.random.RandomState | None = None

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "estimator": [None, HasMethods(["fit", "predict", "get_params"])],
        "n_clusters": [StrOptions({"auto"}), Integral, "array-like"],
        "random_state": ["random_state"],
    }

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X: ArrayLike, y: Any = None) -> Self:
        """Score the numbers of clusters, and fit the estimator with the best.

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
            If a parameter is out of its range, or X is not fit for the estimator, has too few
            points, or the same one in every row.

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
        random_state = check_random_state(self.random_state)
        seed = int(random_state.randint(np.iinfo(np.int32).max))
        n_components = CollisionClusterer.n_components
        scores = scores_of_numbers(data, int(grid[-1]), n_components, random_state)[grid - 1]
        self.results_ = {"n_clusters": grid, "separation": scores}
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
