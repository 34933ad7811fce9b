"""MIADMClusterer: Shannon's cross-entropy towards fair labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from numpy.typing import ArrayLike

from skcollision.cluster._collision import CollisionClusterer
from skcollision.cluster._docstrings import documented_like
from skcollision.cluster._pseudo_label import PseudoLabelClusterer
from skcollision.criteria import MIADMCriterion


@documented_like(CollisionClusterer)
@dataclass(kw_only=True, eq=False, repr=False)
class MIADMClusterer(PseudoLabelClusterer):
    r"""Cluster embeddings with Shannon's cross-entropy towards fair pseudo-labels.

    The mutual information that :class:`MutualInfoClusterer` maximises, split between the
    predictions σ of a softmax linear classifier and pseudo-labels y by the alternating direction
    method. It minimises

    .. math:: \frac1N \sum_i H(y_i, \sigma_i) + \lambda KL(\bar y \| u)
              + w KL(\bar\sigma \| u) + \frac{\gamma}{2} \|W\|^2

    by turns over y, exactly, and over W.

    Parameters
    ----------
    lam : float, default=1.3
        Weight λ of the fairness of the pseudo-labels, by default that of the mutual information;
        ``float("inf")`` makes them optimal transport.
    fairness_weight : float, default=0.0
        Weight w of the fairness of the predictions; 0 is the authors' loss.
    prior : "uniform", "estimate" or array-like of shape (n_clusters,), default="uniform"
        Target proportions u of the clusters: equal ones as the authors have them, ones that follow
        the predictions, or positive shares that sum to 1 or counts.

    See Also
    --------
    CollisionClusterer : Collision cross-entropy in place of Shannon's.
    SeLaClusterer : The proportions of the labels are a constraint.

    Notes
    -----
    The authors' closed-form labels, :math:`y_k \propto \sigma_k / \bar\sigma_k^{1/2}`, add an
    entropy to the problem: they equal the predictions as soon as these are fair, and nothing is
    learned from then on. Here the labels are those of the equation.

    References
    ----------
    Z. Zhang and Y. Boykov, arXiv:2303.07321, eq. (5). M. Jabi, M. Pedersoli, A. Mitiche and I. Ben
    Ayed, "Deep clustering: On the link between discriminative models and K-means", TPAMI 2021.

    Examples
    --------
    >>> from skcollision import MIADMClusterer
    >>> from skcollision.datasets import make_embeddings
    >>> from skcollision.metrics import clustering_accuracy_score
    >>> X, y = make_embeddings(300, 3, 16, spread=0.5, random_state=0)
    >>> clusterer = MIADMClusterer(n_clusters=3, random_state=0).fit(X)
    >>> clustering_accuracy_score(y, clusterer.predict(X)) > 0.9
    True
    """

    lam: float = 1.3
    fairness_weight: float = 0.0
    prior: str | ArrayLike = "uniform"

    _criterion: ClassVar = MIADMCriterion
