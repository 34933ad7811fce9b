"""Whether other points, or fewer, lead to the same clusters."""

from __future__ import annotations

import warnings
from itertools import combinations
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from sklearn import get_config
from sklearn.base import BaseEstimator, clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import _safe_indexing, check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.metadata_routing import get_routing_for_object

from skcollision.metrics._label_free import LabelFreeScorer
from skcollision.metrics._partitions import adjusted_rand, reproduced_information

_MEASURES = {"stability": adjusted_rand, "information": reproduced_information}


class AgreementScorer(LabelFreeScorer):
    """How far the estimator and clones of it, fitted to held-out points, agree on their clusters.

    Each clone is fitted to a random share of the held-out points, with a random state of its own.
    The score is the mean, over all pairs of the estimator and its clones, of the agreement of their
    predictions for the held-out points. The estimator has seen none of these points, so what it
    agrees on with a clone is not what they remember.

    Parameters
    ----------
    n_resamples : int, default=1
        Number of clones. Each costs a fit.
    subsample : float, default=1.0
        Share of the held-out points that a clone is fitted to, drawn without replacement.
    measure : {"stability", "information"}, default="stability"
        "stability" is the adjusted Rand index of two partitions, "information" its square times
        their mean entropy in nats, which few large clusters do not make high;
        :class:`~skcollision.model_selection.NClustersSearch` goes by the same two.
    random_state : int, RandomState instance or None, default=0
        Draws the shares and the random states of the clones: an int gives all candidates the same.

    See Also
    --------
    skcollision.metrics.get_scorer : Finds this scorer as "stability" and "information", and with
        two clones, each fitted to half of the points, as "resample_agreement".

    Notes
    -----
    The score costs fits, so a search that takes it takes about twice as long. In clones of
    pipelines every parameter `random_state` is set. With `sample_weight` the clones are fitted with
    weights too, where metadata routing says so if it is enabled, and the points count by weight.

    References
    ----------
    T. Lange, V. Roth, M. Braun and J. Buhmann, "Stability-Based Validation of Clustering
    Solutions", Neural Computation 2004.

    Examples
    --------
    >>> from sklearn.cluster import KMeans
    >>> from skcollision.datasets import make_embeddings
    >>> from skcollision.metrics import AgreementScorer
    >>> X, _ = make_embeddings(200, 4, 16, spread=0.2, random_state=0)
    >>> clusterer = KMeans(4, n_init=3, random_state=0).fit(X[:100])
    >>> AgreementScorer()(clusterer, X[100:])
    1.0
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "n_resamples": [Interval(Integral, 1, None, closed="left")],
        "subsample": [Interval(Real, 0, 1, closed="right")],
        "measure": [StrOptions(set(_MEASURES))],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        n_resamples: int = 1,
        *,
        subsample: float = 1.0,
        measure: str = "stability",
        random_state: int | np.random.RandomState | None = 0,
    ) -> None:
        self.n_resamples = n_resamples
        self.subsample = subsample
        self.measure = measure
        self.random_state = random_state

    def _score(self, estimator: Any, X: Any, weight: np.ndarray | None) -> float:
        random_state = check_random_state(self.random_state)
        partitions = [np.asarray(estimator.predict(X))]
        n_samples = len(partitions[0])
        n_drawn = max(1, round(self.subsample * n_samples))
        for _ in range(self.n_resamples):
            seed = int(random_state.randint(np.iinfo(np.int32).max))
            rows = np.sort(random_state.permutation(n_samples)[:n_drawn])
            weights = None if weight is None else weight[rows]
            model = fit_clone(estimator, _safe_indexing(X, rows), seed, weights)
            partitions.append(np.asarray(model.predict(X)))
        agree = _MEASURES[self.measure]
        return float(np.mean([agree(a, b, weight) for a, b in combinations(partitions, 2)]))


def fit_clone(
    estimator: BaseEstimator, X: Any, seed: int, sample_weight: np.ndarray | None = None
) -> Any:
    """Return a clone with random states of its own, fitted to X; empty clusters are no news."""
    model = clone(estimator)
    names = [name for name in model.get_params() if name.split("__")[-1] == "random_state"]
    model.set_params(**dict.fromkeys(names, seed))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        if sample_weight is None or not _takes_weights(model):
            return model.fit(X)
        return model.fit(X, sample_weight=sample_weight)


def _takes_weights(estimator: BaseEstimator) -> bool:
    """Tell whether `fit` wants weights; where metadata are not routed, whoever passes them does."""
    if not get_config()["enable_metadata_routing"]:
        return True
    return bool(get_routing_for_object(estimator).consumes("fit", ["sample_weight"]))
