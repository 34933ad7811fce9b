"""Scorers by name, and the one that knows the classes."""

import copy
from collections.abc import Callable
from typing import Any

from numpy.typing import ArrayLike
from sklearn import metrics

from skcollision._errors import wrong
from skcollision.metrics._agreement import AgreementScorer
from skcollision.metrics._matching import clustering_accuracy_score
from skcollision.metrics._scorers import (
    EstimatorScorer,
    MutualInfoScorer,
    NeighborInfoScorer,
    ObjectiveScorer,
)


class _AccuracyScorer(EstimatorScorer):
    """Clustering accuracy; unlike a scorer of ``make_scorer`` it says so where it gets no y."""

    def score(
        self, estimator: Any, X: Any, y: Any = None, sample_weight: ArrayLike | None = None
    ) -> float:
        if y is None:
            raise ValueError(
                "The 'y' parameter of clustering_accuracy_scorer must be the known classes. Got "
                "None instead; scorers that need none are 'neighbor_info' and 'stability'."
            )
        return clustering_accuracy_score(y, estimator.predict(X), sample_weight=sample_weight)


clustering_accuracy_scorer: Callable[..., float] = _AccuracyScorer()
"""``clustering_accuracy_scorer(estimator, X, y)``: clustering accuracy of ``estimator.predict(X)``.

For ``scoring=`` in scikit-learn's model selection, with `sample_weight` and metadata routing.
"""

_SCORERS: dict[str, Callable[..., float]] = {
    "clustering_accuracy": clustering_accuracy_scorer,
    "held_out_mutual_info": MutualInfoScorer(),
    "information": AgreementScorer(measure="information"),
    "neg_held_out_objective": ObjectiveScorer(),
    "neighbor_info": NeighborInfoScorer(),
    "resample_agreement": AgreementScorer(2, subsample=0.5),
    "stability": AgreementScorer(),
}


def get_scorer(scoring: str) -> Callable[..., float]:
    """Look up a scorer by name, here or in scikit-learn.

    Parameters
    ----------
    scoring : str
        A name that :func:`sklearn.metrics.get_scorer` knows, or with labels "clustering_accuracy"
        and without them "neighbor_info" (:class:`NeighborInfoScorer`), "stability", "information"
        and "resample_agreement" (:class:`AgreementScorer`; the last with two clones, each fitted to
        half of the points), "held_out_mutual_info" (:class:`MutualInfoScorer`) and
        "neg_held_out_objective" (:class:`ObjectiveScorer`).

    Returns
    -------
    callable
        ``scorer(estimator, X, y)``, or ``scorer(estimator, X)`` if it needs no labels; a copy, so
        that its metadata requests may be set.

    Raises
    ------
    ValueError
        If the name is unknown.

    Examples
    --------
    >>> from sklearn.cluster import KMeans
    >>> from skcollision.metrics import get_scorer
    >>> X, y = [[0.0], [0.1], [5.0], [5.1]], [1, 1, 0, 0]
    >>> model = KMeans(n_clusters=2, n_init=1, random_state=0).fit(X)
    >>> get_scorer("clustering_accuracy")(model, X, y)
    1.0
    """
    if scoring not in get_scorer_names():
        must = "be one of the names that skcollision.metrics.get_scorer_names() lists"
        raise wrong("scoring", "get_scorer", must, repr(scoring))
    if scoring in _SCORERS:
        return copy.deepcopy(_SCORERS[scoring])
    return metrics.get_scorer(scoring)


def get_scorer_names() -> list[str]:
    """List the names that :func:`get_scorer` knows, scikit-learn's among them.

    Returns
    -------
    list of str
        Sorted.

    Examples
    --------
    >>> from skcollision.metrics import get_scorer_names
    >>> "clustering_accuracy" in get_scorer_names()
    True
    """
    return sorted({*metrics.get_scorer_names(), *_SCORERS})
