"""ShannonClusterer: what the collision cross-entropy is worth."""

from __future__ import annotations

from typing import ClassVar

from skcollision.cluster._collision import CollisionClusterer
from skcollision.cluster._docstrings import documented_like
from skcollision.criteria import ShannonCriterion


@documented_like(CollisionClusterer)
class ShannonClusterer(CollisionClusterer):
    r"""Cluster embeddings as CollisionClusterer does, but with Shannon's cross-entropy.

    An ablation: pseudo-labels y are those of :class:`CollisionClusterer`, solved exactly for

    .. math:: \frac1N \sum_i -\ln \sum_k y_{ik} \sigma_{ik} + \lambda KL(u \| \bar y) ,

    and so are all parameters and defaults; but the classifier's predictions σ then descend

    .. math:: -\frac1N \sum_{ik} y_{ik} \ln \sigma_{ik} + w KL(\bar\sigma \| u)
              + \frac{\gamma}{2} \|W\|^2 .

    What it lacks against `CollisionClusterer` is therefore owed to the collision cross-entropy in
    the training of the classifier: a point with an uncertain label pulls its prediction towards
    that uncertainty.

    Parameters
    ----------
    fairness_weight : float, default=1.0
        Weight w of the fairness of the predictions.

    Attributes
    ----------
    objective_ : float
        Of the best restart, in nats: Shannon's cross-entropy, the fairness of labels and
        predictions and weight decay. The two turns minimise different functions of the labels, so
        nothing guarantees that it falls.

    See Also
    --------
    CollisionClusterer : The method itself.
    MIADMClusterer : Shannon's cross-entropy for the labels too.

    References
    ----------
    Z. Zhang and Y. Boykov, arXiv:2303.07321, eq. (8) and (11).

    Examples
    --------
    >>> from skcollision import ShannonClusterer
    >>> from skcollision.datasets import make_embeddings
    >>> from skcollision.metrics import clustering_accuracy_score
    >>> X, y = make_embeddings(300, 3, 16, spread=0.5, random_state=0)
    >>> clusterer = ShannonClusterer(n_clusters=3, random_state=0).fit(X)
    >>> clustering_accuracy_score(y, clusterer.predict(X)) > 0.9
    True
    """

    _criterion: ClassVar = ShannonCriterion
