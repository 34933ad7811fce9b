"""MutualInfoClusterer: MIGD, or regularised information maximisation."""

from __future__ import annotations

from dataclasses import dataclass

from numpy.typing import ArrayLike

from skcollision.cluster._base import BaseSelfLabellingClusterer
from skcollision.cluster._collision import CollisionClusterer
from skcollision.cluster._docstrings import documented_like
from skcollision.criteria import MutualInformationCriterion


@documented_like(CollisionClusterer)
@dataclass(kw_only=True, eq=False, repr=False)
class MutualInfoClusterer(BaseSelfLabellingClusterer):
    r"""Cluster embeddings by maximising the mutual information of points and clusters.

    A softmax linear classifier is trained to make predictions σ that are sure for each point and
    fair on average. There are no pseudo-labels; stochastic gradients minimise

    .. math:: \frac1N \sum_i H(\sigma_i) + w KL(\bar\sigma \| u) + \frac{\gamma}{2} \|W\|^2 ,

    where the divergence is :math:`\ln K - H(\bar\sigma)` for uniform u. With weight decay it is
    known as regularised information maximisation (RIM), trained like this as MIGD.

    Parameters
    ----------
    fairness_weight : float, default=1.3
        Weight w of the fairness of the predictions; 1.3 is the paper's, 1 mutual information.
    prior : "uniform", "estimate" or array-like of shape (n_clusters,), default="uniform"
        Target proportions u of the clusters: equal ones as the authors have them, ones that follow
        the predictions, or positive shares that sum to 1 or counts.
    schedule : {"cosine", "constant"}, default="constant"
        Course of the learning rate, as in :class:`CollisionClusterer`. With "cosine", weight decay
        begins so high that it holds predictions at uniform ones, where this criterion is flat.

    Attributes
    ----------
    duality_gap_ : float
        Always 0: there are no pseudo-labels to solve for.

    See Also
    --------
    CollisionClusterer : Collision cross-entropy towards pseudo-labels.

    References
    ----------
    Z. Zhang and Y. Boykov, arXiv:2303.07321, eq. (1). J. Bridle, A. Heading and D. MacKay,
    "Unsupervised Classifiers, Mutual Information and 'Phantom Targets'", NIPS 1991. R. Gomes, A.
    Krause and P. Perona, "Discriminative Clustering by Regularized Information Maximization", NIPS
    2010.

    Examples
    --------
    >>> from skcollision import MutualInfoClusterer
    >>> from skcollision.datasets import make_embeddings
    >>> from skcollision.metrics import clustering_accuracy_score
    >>> X, y = make_embeddings(300, 3, 16, spread=0.5, random_state=0)
    >>> clusterer = MutualInfoClusterer(n_clusters=3, random_state=0).fit(X)
    >>> clustering_accuracy_score(y, clusterer.predict(X)) > 0.9
    True
    """

    fairness_weight: float = 1.3
    prior: str | ArrayLike = "uniform"
    schedule: str = "constant"

    def _make_criterion(self) -> MutualInformationCriterion:
        self.class_prior_ = self._target_proportions()
        return MutualInformationCriterion(self.fairness_weight, self.class_prior_)
