"""Scorers of fitted estimators on held-out points, for ``scoring=`` in searches."""

from abc import abstractmethod
from dataclasses import KW_ONLY, dataclass
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import entr, rel_entr
from sklearn.utils import check_array, check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.metadata_routing import UNUSED

from skcollision._array_api import stacked, to_numpy
from skcollision._parameters import StrictEstimator
from skcollision.metrics import _matching as matching

# As in CollisionClusterer: distances are as good there, and cheaper.
_N_COMPONENTS = 128


def mutual_information(probs: np.ndarray, sample_weight: np.ndarray | None = None) -> float:
    """Return H(mean prediction) - mean H(prediction) in nats, 0 to ln K."""
    probs = np.asarray(probs, dtype=np.float64)
    mean_entropy = np.average(entr(probs).sum(axis=1), weights=sample_weight)
    return float(entr(np.average(probs, axis=0, weights=sample_weight)).sum() - mean_entropy)


class EstimatorScorer(StrictEstimator):
    """Base of scorers for ``scoring=``: estimators without `fit`, for their parameters' sake."""

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {}
    # Routing reads which metadata a scorer takes from the signature of `score`.
    __metadata_request__score: ClassVar[dict[str, str]] = {"estimator": UNUSED}

    def __call__(
        self, estimator: Any, X: Any, y: Any = None, *, sample_weight: ArrayLike | None = None
    ) -> float:
        """Score a fitted estimator on held-out points, as `score`."""
        return self.score(estimator, X, y, sample_weight)

    def score(
        self, estimator: Any, X: Any, y: Any = None, sample_weight: ArrayLike | None = None
    ) -> float:
        """Score a fitted estimator on held-out points.

        Parameters
        ----------
        estimator : estimator
            Fitted to other points.
        X : array-like of shape (n_samples, n_features)
            Held-out points.
        y : ignored
            Present because searches pass it.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights.

        Returns
        -------
        float
            Higher is better.

        Raises
        ------
        ValueError
            If a parameter or `sample_weight` is out of its range, or the estimator cannot predict
            what the scorer needs.
        """
        self._validate_params()
        X = stacked(X)
        n_samples = X.shape[0] if hasattr(X, "shape") else len(X)
        weight = matching.check_weights(sample_weight, n_samples, type(self).__name__)
        return self._score(estimator, X, weight)

    @abstractmethod
    def _score(self, estimator: Any, X: Any, weight: np.ndarray | None) -> float:
        """Score with checked weights."""

    def _probabilities(self, estimator: Any, X: Any) -> np.ndarray:
        if not hasattr(estimator, "predict_proba"):
            raise ValueError(
                f"{type(self).__name__} needs an estimator with predict_proba. "
                f"Got {estimator!r} instead; AgreementScorer needs only predict."
            )
        return np.asarray(estimator.predict_proba(X))

    def _accept_sample_weight(self) -> bool:
        # What searches ask of scorers where metadata are not routed.
        return True


class MutualInfoScorer(EstimatorScorer):
    r"""Mutual information between held-out points and clusters: how sure and fair predictions are.

    .. math:: I = H(\bar\sigma) - \frac1N \sum_i H(\sigma_i)

    in nats, with the predictions :math:`\sigma_i` of ``predict_proba`` and their mean: 0 if all
    points are predicted alike, ln K if each is certain and clusters are equal. It is what
    ``CollisionClusterer.score`` returns, for any estimator.

    Examples
    --------
    >>> from skcollision import CollisionClusterer
    >>> from skcollision.datasets import make_embeddings
    >>> from skcollision.metrics import MutualInfoScorer
    >>> X, _ = make_embeddings(200, 4, 16, spread=0.2, random_state=0)
    >>> clusterer = CollisionClusterer(4, n_init=1, random_state=0).fit(X[:100])
    >>> 0 < MutualInfoScorer()(clusterer, X[100:]) < 1.4
    True
    """

    def _score(self, estimator: Any, X: Any, weight: np.ndarray | None) -> float:
        return mutual_information(self._probabilities(estimator, X), weight)


@dataclass(eq=False, repr=False)
class ObjectiveScorer(EstimatorScorer):
    r"""Minus the clustering objective of held-out predictions, the same for all candidates.

    .. math:: \min_y \frac1N \sum_i -\ln \sum_k y_{ik} \sigma_{ik} + \lambda KL(u \| \bar y)
              + w KL(\bar\sigma \| u)

    in nats, the objective of :class:`~skcollision.CollisionClusterer` without weight decay, with
    pseudo-labels solved to a gap of 1e-6. Candidates cannot be compared by objectives at their own
    λ and w, so these belong to the scorer.

    Parameters
    ----------
    lam : float, default=10.0
        Weight λ, non-negative; inf demands labels in the proportions u.
    fairness_weight : float, default=1.0
        Weight w, non-negative.
    prior : array-like of shape (n_clusters,), default=None
        Target proportions u, positive; None for equal ones.

    Examples
    --------
    >>> from skcollision import CollisionClusterer
    >>> from skcollision.datasets import make_embeddings
    >>> from skcollision.metrics import ObjectiveScorer
    >>> X, _ = make_embeddings(200, 4, 16, spread=0.2, random_state=0)
    >>> clusterer = CollisionClusterer(4, n_init=1, random_state=0).fit(X[:100])
    >>> ObjectiveScorer(lam=100)(clusterer, X[100:]) < 0
    True
    """

    lam: float = 10.0
    _: KW_ONLY
    fairness_weight: float = 1.0
    prior: ArrayLike | None = None

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "lam": [Interval(Real, 0, np.inf, closed="both")],
        "fairness_weight": [Interval(Real, 0, None, closed="left")],
        "prior": [None, "array-like"],
    }

    def _score(self, estimator: Any, X: Any, weight: np.ndarray | None) -> float:
        # On use, here and below: torch and numba take seconds, and scores with labels need neither.
        from skcollision.pseudo_labels import solve_pseudo_labels

        probs = self._probabilities(estimator, X)
        solved = solve_pseudo_labels(probs, lam=self.lam, prior=self.prior, sample_weight=weight)
        mean = np.average(probs.astype(np.float64), axis=0, weights=weight)
        prior = np.full(len(mean), 1 / len(mean)) if self.prior is None else self.prior
        return float(-solved.objective - self.fairness_weight * rel_entr(mean, prior).sum())


@dataclass(eq=False, repr=False)
class NeighborInfoScorer(EstimatorScorer):
    r"""How much the cluster of a held-out point tells of the clusters of its neighbours.

    Held-out points are joined to their nearest neighbours, and the clusters at the start and at the
    end of random walks of four steps over that graph are compared by

    .. math:: \frac{I}{\sqrt{H \ln K}} ,

    their mutual information over the geometric mean of the entropy of the clusters and its largest
    value: 0 if neighbours share nothing, 1 if walks never leave one of K equal clusters. Neighbours
    are sought in X itself, centred, with rows of length 1, in its 128 principal directions,
    whatever a pipeline does to X: the graph is the same for all candidates.
    :class:`~skcollision.CollisionClusterer` keeps the best of its restarts by the same measure.

    Parameters
    ----------
    n_neighbors : int or "auto", default="auto"
        Nearest points to join each point to. "auto" is 15, or a tenth of the mean cluster where
        that is less, and at least 1.
    random_state : int, RandomState instance or None, default=0
        Draws the first guess of the subspace and, beyond 20,000 points and 200 a cluster, those
        that are joined.

    Notes
    -----
    K is the number of columns of ``predict_proba``; without it, of the clusters predicted. Points
    of weight 0 are left out; otherwise weights do not matter, as each point is one neighbour.

    Examples
    --------
    >>> from sklearn.cluster import KMeans
    >>> from skcollision.datasets import make_embeddings
    >>> from skcollision.metrics import NeighborInfoScorer
    >>> X, _ = make_embeddings(200, 4, 16, spread=0.2, random_state=0)
    >>> clusterer = KMeans(4, n_init=3, random_state=0).fit(X[:100])
    >>> NeighborInfoScorer()(clusterer, X[100:]) > 0.5
    True
    """

    n_neighbors: int | str = "auto"
    _: KW_ONLY
    random_state: int | np.random.RandomState | None = 0

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "n_neighbors": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
        "random_state": ["random_state"],
    }

    def _score(self, estimator: Any, X: Any, weight: np.ndarray | None) -> float:
        import torch

        from skcollision import engine
        from skcollision.graph import default_neighbors

        if hasattr(estimator, "predict_proba"):
            probs = np.asarray(estimator.predict_proba(X))
            labels, n_clusters = probs.argmax(axis=1), probs.shape[1]
        else:
            names, labels = np.unique(estimator.predict(X), return_inverse=True)
            n_clusters = len(names)
        X = to_numpy(X)
        points = check_array(X, dtype=[np.float64, np.float32], order="C", ensure_min_samples=2)
        if weight is not None:
            points, labels = points[weight > 0], labels[weight > 0]
        # The rest is how CollisionClusterer joins the points that it is fitted to.
        random_state, size = check_random_state(self.random_state), len(points)
        most = engine.default_sample_size(n_clusters)
        rows = engine.draw_sample(size, None, most, random_state).rows
        points, labels, n_neighbors = points[rows], labels[rows], self.n_neighbors
        if isinstance(n_neighbors, str):
            n_neighbors = max(1, default_neighbors(len(points), n_clusters))
        normalisation = engine.fit_normalisation(points, None)
        graph = engine.TrainingSample(
            engine.NormalisedRows(points, normalisation, torch.device("cpu")),
            None,
            n_components=_N_COMPONENTS,
            n_neighbors=n_neighbors,
            n_clusters=n_clusters,
            random_state=random_state,
        ).graph
        assert graph is not None
        return float(graph.kept_information(labels, n_clusters))
