"""MIADMClusterer: Shannon's cross-entropy towards fair labels."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils._param_validation import Interval, StrOptions

from skcollision.cluster._base import BaseSelfLabellingClusterer
from skcollision.cluster._collision import CollisionClusterer
from skcollision.cluster._docstrings import documented_like
from skcollision.cluster._prior import target_proportions
from skcollision.criteria import MIADMCriterion


@documented_like(CollisionClusterer)
class MIADMClusterer(BaseSelfLabellingClusterer):
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
        the predictions, or positive ones that sum to 1.

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

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **BaseSelfLabellingClusterer._parameter_constraints,
        "lam": [Interval(Real, 0, np.inf, closed="both")],
        "fairness_weight": [Interval(Real, 0, None, closed="left")],
        "prior": [StrOptions({"uniform", "estimate"}), "array-like"],
        "solver_tol": [Interval(Real, 0, None, closed="neither")],
        "solver_max_iter": [None, Interval(Integral, 1, None, closed="left")],
    }

    def __init__(
        self,
        n_clusters: int = 8,
        *,
        lam: float = 1.3,
        fairness_weight: float = 0.0,
        prior: str | ArrayLike = "uniform",
        solver_tol: float = 1e-2,
        solver_max_iter: int | None = None,
        n_init: int | str = "auto",
        max_iter: int | None = None,
        batch_size: int | str = "auto",
        max_samples: int | str | None = "auto",
        optimizer: str = "adam",
        learning_rate: float = 1.0,
        schedule: str = "cosine",
        weight_decay: float | str = "auto",
        normalize: bool = True,
        n_components: int | None = 128,
        n_neighbors: int | str = "auto",
        merge_surplus: bool = False,
        tol: float = 1e-4,
        device: str = "auto",
        random_state: int | np.random.RandomState | None = None,
        verbose: bool | int = False,
    ) -> None:
        self.n_clusters = n_clusters
        self.lam = lam
        self.fairness_weight = fairness_weight
        self.prior = prior
        self.solver_tol = solver_tol
        self.solver_max_iter = solver_max_iter
        self.n_init = n_init
        self.max_iter = max_iter
        self.batch_size = batch_size
        self.max_samples = max_samples
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.schedule = schedule
        self.weight_decay = weight_decay
        self.normalize = normalize
        self.n_components = n_components
        self.n_neighbors = n_neighbors
        self.merge_surplus = merge_surplus
        self.tol = tol
        self.device = device
        self.random_state = random_state
        self.verbose = verbose

    def _make_criterion(self) -> MIADMCriterion:
        self.class_prior_ = target_proportions(self.prior, self.n_clusters, type(self).__name__)
        return MIADMCriterion(
            lam=self.lam,
            fairness_weight=self.fairness_weight,
            prior=self.class_prior_,
            solver_tol=self.solver_tol,
            solver_max_iter=self.solver_max_iter,
        )
