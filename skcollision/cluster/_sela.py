"""SeLaClusterer: labels by optimal transport."""

from __future__ import annotations

import math
from dataclasses import dataclass
from numbers import Real
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils._param_validation import Interval

from skcollision.cluster._collision import CollisionClusterer
from skcollision.cluster._docstrings import documented_like
from skcollision.cluster._pseudo_label import PseudoLabelClusterer
from skcollision.criteria import SeLaCriterion


@documented_like(CollisionClusterer)
@dataclass(kw_only=True, eq=False, repr=False)
class SeLaClusterer(PseudoLabelClusterer):
    r"""Cluster embeddings towards labels that optimal transport assigns.

    A softmax linear classifier with predictions σ is trained on one-hot labels y that it gives
    itself, under the constraint that they fill the clusters in the proportions u. It minimises

    .. math:: \frac1N \sum_i H(y_i, \sigma_i) + w KL(\bar\sigma \| u) + \frac{\gamma}{2} \|W\|^2
              \quad\text{with } \bar y = u

    by turns over y, as an optimal transport of points to clusters, and over W.

    Parameters
    ----------
    lam : float, default=inf
        Inverse weight of the entropy of the transport before its labels are rounded. The default is
        transport without entropy, solved exactly; a finite value takes Sinkhorn's iteration, as the
        authors do with 25, which is slower.
    fairness_weight : float, default=0.0
        Weight w of the fairness of the predictions; 0 is the authors' loss.
    prior : "uniform", "estimate" or array-like of shape (n_clusters,), default="uniform"
        Target proportions u of the clusters: equal ones as the authors have them, ones that follow
        the predictions, or positive shares that sum to 1 or counts.
    solver_tol : float, default=1e-2
        Duality gap at which the transport's solver stops, relative to its objective; for Sinkhorn's
        iteration the misplaced mass times what moving it can cost, in nats.

    Attributes
    ----------
    duality_gap_ : float
        Mean certified distance of the transport, before rounding, from its optimum, in nats.

    See Also
    --------
    CollisionClusterer : Soft labels, and a loss that ignores the uncertain ones.

    Notes
    -----
    The authors solve for the labels of all data a few times in a training; here as in all
    clusterers each batch has its own. :class:`~skcollision.criteria.SeLaCriterion` says why labels
    are rounded.

    References
    ----------
    Z. Zhang and Y. Boykov, arXiv:2303.07321, eq. (4). Y. M. Asano, C. Rupprecht and A. Vedaldi,
    "Self-labelling via simultaneous clustering and representation learning", ICLR 2020.

    Examples
    --------
    >>> from skcollision import SeLaClusterer
    >>> from skcollision.datasets import make_embeddings
    >>> from skcollision.metrics import clustering_accuracy_score
    >>> X, y = make_embeddings(300, 3, 16, spread=0.5, random_state=0)
    >>> clusterer = SeLaClusterer(n_clusters=3, random_state=0).fit(X)
    >>> clustering_accuracy_score(y, clusterer.predict(X)) > 0.9
    True
    """

    lam: float = math.inf
    fairness_weight: float = 0.0
    prior: str | ArrayLike = "uniform"

    _criterion: ClassVar = SeLaCriterion

    _parameter_constraints: ClassVar = {
        **PseudoLabelClusterer._parameter_constraints,
        "lam": [Interval(Real, 0, np.inf, closed="right")],
    }
