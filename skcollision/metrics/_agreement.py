"""How far clusterings of the same points agree, and the scorer that refits to see it."""

from dataclasses import KW_ONLY, dataclass
from itertools import combinations
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from scipy.special import entr
from sklearn import get_config
from sklearn.base import BaseEstimator, clone
from sklearn.metrics import adjusted_rand_score
from sklearn.utils import _safe_indexing, check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.metadata_routing import get_routing_for_object

from skcollision._warnings import quiet
from skcollision.metrics._matching import contingency_table
from skcollision.metrics._scorers import EstimatorScorer


def label_entropy(labels: np.ndarray, sample_weight: np.ndarray | None = None) -> float:
    """Return the entropy of the shares of the labels, in nats."""
    positions = np.unique(labels, return_inverse=True)[1]
    masses = np.bincount(positions, weights=sample_weight)
    return float(entr(masses / masses.sum()).sum())


def adjusted_rand(
    first: np.ndarray, second: np.ndarray, sample_weight: np.ndarray | None = None
) -> float:
    """Return the adjusted Rand index of two partitions; weighted points are drawn by weight."""
    if sample_weight is None:
        return float(adjusted_rand_score(first, second))
    table = contingency_table(first, second, sample_weight, "adjusted_rand")[2] / sum(sample_weight)
    in_first, in_second = (np.square(table.sum(axis=axis)).sum() for axis in (0, 1))
    by_chance, most = in_first * in_second, (in_first + in_second) / 2
    if most == by_chance:
        return 1.0
    return float((np.square(table).sum() - by_chance) / (most - by_chance))


def reproduced_information(
    first: np.ndarray, second: np.ndarray, sample_weight: np.ndarray | None = None
) -> float:
    """Return ARI² times the mean entropy of two partitions, in nats.

    The ARI of partitions of like sizes is the correlation between what they say of pairs of points,
    and its square the share of the one that the other explains.
    """
    stability = adjusted_rand(first, second, sample_weight)
    entropies = [label_entropy(labels, sample_weight) for labels in (first, second)]
    # The sign stays: agreement by less than chance explains nothing.
    return stability * abs(stability) * sum(entropies) / 2


_MEASURES = {"stability": adjusted_rand, "information": reproduced_information}


@dataclass(eq=False, repr=False)
class AgreementScorer(EstimatorScorer):
    """How far the estimator and clones of it, fitted to held-out points, agree on their clusters.

    Each clone is fitted to a random share of the held-out points, with a random state of its own.
    The score is the mean, over all pairs of the estimator and its clones, of the agreement of their
    predictions for the held-out points, which the estimator has not seen.

    Parameters
    ----------
    n_resamples : int, default=1
        Number of clones. Each costs a fit.
    subsample : float, default=1.0
        Share of the held-out points that a clone is fitted to, drawn without replacement.
    measure : {"stability", "information"}, default="stability"
        "stability" is the adjusted Rand index of two partitions, "information" its square times
        their mean entropy in nats, which few large clusters do not make high.
    random_state : int, RandomState instance or None, default=0
        Draws the shares and the random states of the clones: an int gives all candidates the same.

    Notes
    -----
    The score costs fits, so a search that takes it takes about twice as long. In clones of
    pipelines every parameter `random_state` is set. With `sample_weight` the points count by
    weight, and the clones are fitted with weights unless metadata routing keeps them away.

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

    n_resamples: int = 1
    _: KW_ONLY
    subsample: float = 1.0
    measure: str = "stability"
    random_state: int | np.random.RandomState | None = 0

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "n_resamples": [Interval(Integral, 1, None, closed="left")],
        "subsample": [Interval(Real, 0, 1, closed="right")],
        "measure": [StrOptions(set(_MEASURES))],
        "random_state": ["random_state"],
    }

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
    """Return a clone with random states of its own, fitted to X without our warnings."""
    model = clone(estimator)
    names = [name for name in model.get_params() if name.split("__")[-1] == "random_state"]
    model.set_params(**dict.fromkeys(names, seed))
    takes_weights = sample_weight is not None
    if takes_weights and get_config()["enable_metadata_routing"]:
        takes_weights = bool(get_routing_for_object(model).consumes("fit", ["sample_weight"]))
    with quiet():
        return model.fit(X, **({"sample_weight": sample_weight} if takes_weights else {}))
