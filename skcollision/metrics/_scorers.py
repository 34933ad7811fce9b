"""Scorers for `scoring=` in GridSearchCV, cross_validate and their like."""

from __future__ import annotations

import copy
from collections.abc import Callable

from sklearn import metrics
from sklearn.metrics import make_scorer

from skcollision.metrics._accuracy import clustering_accuracy_score
from skcollision.metrics._agreement import AgreementScorer
from skcollision.metrics._label_free import MutualInfoScorer, NeighborInfoScorer, ObjectiveScorer

clustering_accuracy_scorer: Callable[..., float] = make_scorer(clustering_accuracy_score)
"""``clustering_accuracy_scorer(estimator, X, y)``: clustering accuracy of ``estimator.predict(X)``.

Made for ``scoring=`` in scikit-learn's model selection. It takes `sample_weight` and
scikit-learn's metadata routing like any other scorer.
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
        and "resample_agreement" (:class:`AgreementScorer`), "held_out_mutual_info"
        (:class:`MutualInfoScorer`) and "neg_held_out_objective" (:class:`ObjectiveScorer`).

    Returns
    -------
    callable
        A scorer ``scorer(estimator, X, y)``, of which those that need no labels take none either; a
        copy, so that its metadata requests may be set.

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
        raise ValueError(
            "The 'scoring' parameter of get_scorer must be one of the names that "
            f"skcollision.metrics.get_scorer_names() lists. Got {scoring!r} instead."
        )
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
