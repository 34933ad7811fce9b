"""CollisionClusterer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Final

from sklearn.utils._param_validation import StrOptions

from skcollision.cluster._pseudo_label import PseudoLabelClusterer
from skcollision.criteria import CollisionCriterion, SelfLabellingCriterion

#: The published recipe for fixed features, as parameters of :class:`CollisionClusterer`: raw
#: features, Kaiming initialisation, SGD at 0.1, batches of 250, 10 epochs, λ = 100, no fairness
#: term on the predictions, one restart, EM (which stops after 25 to 71 sweeps in the paper's
#: Table 1). Its weight decay is 0.001 on MNIST, the value here, 0.02 on
#: CIFAR-10 and STL-10 and 0.009 on CIFAR-100. A learning rate of 0.1 supposes small features.
PAPER_RECIPE: Final[dict[str, Any]] = {
    "lam": 100.0,
    "fairness_weight": 0.0,
    "prior": "uniform",
    "solver": "em",
    "solver_max_iter": 100,
    "n_init": 1,
    "max_iter": 10,
    "batch_size": 250,
    "max_samples": None,
    "optimizer": "sgd",
    "learning_rate": 0.1,
    "schedule": "constant",
    "weight_decay": 0.001,
    "normalize": False,
    "n_components": None,
    "n_neighbors": 0,
    "tol": 0.0,
}


@dataclass(kw_only=True, eq=False, repr=False)
class CollisionClusterer(PseudoLabelClusterer):
    r"""Cluster embeddings with the collision cross-entropy.

    A softmax linear classifier is trained on labels that it gives itself: soft pseudo-labels y that
    agree with its predictions σ and are fair, in that the clusters they fill have the proportions
    u. It minimises

    .. math:: \frac1N \sum_i -\ln \sum_k y_{ik} \sigma_{ik} + \lambda KL(u \| \bar y)
              + w KL(\bar\sigma \| u) + \frac{\gamma}{2} \|W\|^2

    by turns over y, with a convex solver, and over the weights W, with stochastic gradients. While
    it looks for clusters it sees each point averaged with its neighbours. The labels it finds are
    passed along the graph of neighbours, and then it learns to predict them from points alone. The
    collision cross-entropy, the first term, ignores points whose label is uncertain, so that
    uncertain points do not pull the boundaries.

    Parameters
    ----------
    n_clusters : int, default=8
        Number of clusters, K; with `merge_surplus` the largest number.
    prior : "estimate", "uniform" or array-like of shape (n_clusters,), default="estimate"
        Target proportions u of the clusters: ones that start equal and follow the predictions with
        caution, equal ones, or positive shares that sum to 1 or counts, cluster k to have
        ``prior[k]``. Which points make up that cluster is found by rank: the largest cluster has
        the largest one.
    n_init : int or "auto", default="auto"
        Restarts R, trained side by side in one matrix product. Kept is the one whose clusters walks
        from neighbour to neighbour leave most seldom, or, without neighbours, whose objective is
        lowest. With estimated proportions, and up to 50 clusters, a few clusterings of the
        neighbour graph compete, too, or with fewer than 16 features the K-means clusterings that
        restarts start from. "auto" is 3, or 150 / K where that is fewer.
    n_neighbors : int or "auto", default="auto"
        Nearest points to average each point with before training, along random walks of 4 to 12
        steps over the graph that joins them; 0 for none. "auto" is 15, or a tenth of the mean
        cluster where that is less. Predictions are always of the points themselves.
    merge_surplus : bool, default=False
        Whether `fit` joins clusters whose points are each other's neighbours, so that `n_clusters`
        is the most that there may be: surplus clusters then end empty and are left out of the
        model. It takes neighbours, and no array as `prior`.
    normalize : bool, default=True
        Centre the features and bring each row to unit length, so that the other defaults hold on
        any scale. Fewer than 16 features keep most of the distance from the centre, which says
        more there than in many dimensions. The normalisation is kept in the model.
    max_samples : int, None or "auto", default="auto"
        Most points that training sees, drawn at random in proportion to their weight; None for all.
        Every point gets a label. "auto" is 20,000, or 100 K where that is more.
    device : str, default="auto"
        "cpu", "cuda", "cuda:i", or "auto" for CUDA where there is one.
    random_state : int, RandomState instance or None, default=None
        Draws initial weights and batches. An int makes the fit reproducible to the bit on one
        machine. Another number of torch's threads may change the last digits of large models.
    verbose : bool or int, default=False
        Print a line an epoch.

    Other Parameters
    ----------------
    lam : float, default=10.0
        Weight λ of the fairness of the pseudo-labels; ``float("inf")`` demands that they fill the
        clusters exactly in the proportions of the prior.
    fairness_weight : float, default=1.0
        Weight w of the fairness of the predictions; 0 gives the published loss.
    solver : {"dual", "em"}, default="dual"
        Pseudo-label solver: exact with a certificate, or the paper's expectation maximisation.
    solver_tol : float, default=1e-2
        Duality gap at which the solver stops, relative to its objective.
    solver_max_iter : int, default=None
        Most iterations of the solver; None for its own limit.
    max_iter : int, default=None
        Most epochs, passes over the points that training sees. None for as many as make 80
        optimiser steps, down to 20 for more than 100 clusters, or 150 from random weights.
    batch_size : int or "auto", default="auto"
        Most points a step; an epoch is cut into random batches of nearly equal size. "auto" is
        1000, or 5 K where that is more, up to 2^26 predictions or one point a cluster.
    optimizer : {"adam", "sgd"}, default="adam"
        "adam" shares one second moment among the weights of a cluster, so that the result does not
        depend on a rotation of the features; "sgd" is plain.
    learning_rate : float, default=1.0
        Initial learning rate, for features of unit length.
    schedule : {"cosine", "constant"}, default="cosine"
        Course of the learning rate over `max_iter`, from 1 down to a factor of 0 with "cosine";
        weight decay then comes down with it, from 6 times its value to 1. In `partial_fit`, which
        has no known end, the factor is 1 / (1 + steps / 100).
    weight_decay : float or "auto", default="auto"
        Coefficient γ; "auto" is 0.01 / K, times K^(-4 / D) where D, the number of features, is less
        than 16: crowded clusters need longer weights.
    n_components : int, default=128
        Dimensions of the principal subspace to train in, where the features have more; None trains
        on all. The model always acts on all features.
    tol : float, default=1e-4
        Training stops when the best restart's objective has not fallen by this many nats in 10
        epochs and 100 steps; 0 never stops early.

    Attributes
    ----------
    labels_ : ndarray of shape (n_samples,), int32
        Most probable cluster of each training point, as `predict` gives it. For X of dask it is an
        array of dask, computed when it is asked for, and no part of a saved model.
    probabilities_ : ndarray of shape (n_samples,)
        Certainty of each training point, the probability of its cluster, in the floating dtype of
        X; of dask as `labels_`. BERTopic reads it.
    n_clusters_ : int
        Clusters of the model: `n_clusters`, or fewer with `merge_surplus`.
    coef_ : ndarray of shape (n_clusters_, n_features)
        Weights, on the normalised features.
    intercept_ : ndarray of shape (n_clusters_,)
        Biases.
    cluster_centers_ : ndarray of shape (n_clusters_, n_features)
        Means of the raw features, weighted by the soft assignments.
    class_prior_ : ndarray of shape (n_clusters_,)
        The proportions u in use; the estimate where `prior` is "estimate".
    objective_ : float
        The minimised objective of the best restart, in nats: its mean over random batches of
        the training data, averaged over neighbourhoods; before clusters are merged.
    duality_gap_ : float
        Mean certified distance of the pseudo-labels' objective from its optimum, in nats.
    history_ : dict of ndarray
        Curves of the fit: "objective", "marginal_entropy" (that of the mean prediction, ln K when
        clusters are balanced) and "duality_gap" of shape ``(n_iter_, n_init)``, in nats, and
        "seconds" of shape ``(n_iter_,)``.
    n_iter_ : int
        Epochs run.
    n_features_in_ : int
        Number of features seen in `fit`.
    feature_names_in_ : ndarray of shape (n_features,)
        Their names, where X had string column names.

    See Also
    --------
    sklearn.cluster.KMeans : Hard assignments to the nearest centre.

    Notes
    -----
    Labels of `fit(X, y)` are never used. With scikit-learn 1.9 or later, ``set_callbacks`` takes
    callbacks such as ``sklearn.callback.ProgressBar``; an epoch is a task.

    References
    ----------
    Z. Zhang and Y. Boykov, "Collision Cross-entropy for Soft Class Labels and Deep Clustering",
    arXiv:2303.07321, eq. (11).

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skcollision import CollisionClusterer
    >>> X, _ = load_digits(return_X_y=True)
    >>> clusterer = CollisionClusterer(n_clusters=10, random_state=0).fit(X)
    >>> clusterer.predict(X[:3]).shape
    (3,)
    >>> clusterer.predict_proba(X[:3]).sum(axis=1).round(6).tolist()
    [1.0, 1.0, 1.0]
    """

    solver: str = "dual"

    _criterion: ClassVar[type[SelfLabellingCriterion]] = CollisionCriterion

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **PseudoLabelClusterer._parameter_constraints,
        "solver": [StrOptions({"dual", "em"})],
    }

    def _make_criterion(self, **options: Any) -> SelfLabellingCriterion:
        return super()._make_criterion(solver=self.solver, **options)
