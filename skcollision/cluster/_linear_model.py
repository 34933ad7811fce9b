"""What a fitted linear clusterer says of points: the half of the contract after `fit`."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import ArrayLike
from scipy import sparse
from sklearn.base import ClassNamePrefixFeaturesOutMixin, ClusterMixin, TransformerMixin
from sklearn.utils._set_output import _get_output_config
from sklearn.utils.metadata_routing import UNUSED
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from skcollision._ambient import isolated
from skcollision._array_api import like
from skcollision.blocks._dask import DaskRows
from skcollision.cluster._softmax_model import LinearSoftmaxModel
from skcollision.cluster._training import model_attributes
from skcollision.engine import Trainer


class LinearClusterModel(
    ClassNamePrefixFeaturesOutMixin, TransformerMixin, ClusterMixin, LinearSoftmaxModel
):
    """Predictions of a softmax linear model whose columns are clusters."""

    __metadata_request__predict: ClassVar = {"out": UNUSED}
    _fits_blocks = True
    # Distances between the points that training saw; which rows these are, and of how many.
    _nearest: sparse.csr_array | None = None
    _nearest_of: tuple[np.ndarray, int]

    @property
    def inertia_(self) -> float:
        """Not there, as distances are not what is minimised.

        For the number of clusters see :class:`~skcollision.model_selection.NClustersSearch`, for a
        score without labels :class:`~skcollision.metrics.NeighborInfoScorer`.

        Raises
        ------
        AttributeError
            Always.
        """
        raise AttributeError(
            f"{type(self).__name__} has no 'inertia_', as distances are not what it minimises. For "
            "the number of clusters see skcollision.model_selection.NClustersSearch, for a score "
            "without labels skcollision.metrics.NeighborInfoScorer."
        )

    @property
    def neighbors_(self) -> sparse.csr_array:
        """Distances to the neighbours that `fit` went by.

        Returns
        -------
        csr_array of shape (n_samples, n_samples)
            As `sklearn.neighbors.kneighbors_graph` has them, on the normalised features and their
            principal subspace, or as given to `fit`, in units of the largest. Rows of points that
            training did not see are empty.

        Raises
        ------
        AttributeError
            If `fit` went by none, or the model was copied or saved, which leaves them out.
        """
        if self._nearest is None:
            raise AttributeError(
                f"This {type(self).__name__} has no 'neighbors_': it went by none, has not been "
                "fitted, or was copied or saved, which leaves them out."
            )
        rows, n_samples = self._nearest_of
        joined = self._nearest.tocoo()
        entries = joined.data, (rows[joined.row], rows[joined.col])
        return sparse.csr_array(entries, shape=(n_samples, n_samples))

    def transform(self, X: ArrayLike) -> np.ndarray:
        """Map points to their soft assignments, the same as `predict_proba`.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features, as in `fit`.

        Returns
        -------
        ndarray of shape (n_samples, n_clusters)
            Probabilities of the clusters.
        """
        probs = self._collect(X, lambda logits: logits.softmax(1))
        # A data frame, if `set_output` asks for one, is made of NumPy arrays.
        is_array = _get_output_config("transform", self)["dense"] == "default"
        return like(X, probs) if is_array else probs

    def predict(self, X: ArrayLike, *, out: np.ndarray | None = None) -> np.ndarray:
        """Assign each point to its most probable cluster.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features, as in `fit`.
        out : ndarray of shape (n_samples,), default=None
            Integers to write them to, block by block; a memory map keeps them on disk.

        Returns
        -------
        ndarray of shape (n_samples,), int32
            Cluster numbers from 0 to n_clusters - 1. It is `out` where that is given.
        """
        return like(X, self._collect(X, hard, out))

    def fit_predict(self, X: ArrayLike, y: Any = None, **kwargs: Any) -> np.ndarray:
        """Cluster the rows of X and return their cluster numbers.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features, as in `fit`.
        y : ignored
            Present for pipelines.
        **kwargs : dict
            Passed to `fit`.

        Returns
        -------
        ndarray of shape (n_samples,), int32
            Cluster numbers, those in `labels_`.
        """
        return like(X, super().fit_predict(X, y, **kwargs))

    @isolated()
    def score(self, X: ArrayLike, y: Any = None, sample_weight: ArrayLike | None = None) -> float:
        """Estimate the mutual information between points and clusters, without labels.

        It is H(mean prediction) - mean H(prediction), the term that mutual-information clustering
        maximises. Unlike the objective it does not depend on `lam` or `fairness_weight`, so it
        can compare them.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features, as in `fit`.
        y : ignored
            Present for pipelines and searches.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights.

        Returns
        -------
        float
            Mutual information in nats, between 0 and ln(n_clusters); higher is better.
        """
        check_is_fitted(self)
        data, weight = self._check_data(X, sample_weight, reset=False)

        def sums(rows: slice, block: np.ndarray, logits: Tensor, w: Any) -> tuple[Any, ...]:
            log_probs = logits.cpu().double().log_softmax(1).numpy()
            probs = np.exp(log_probs)
            w = np.ones(len(probs)) if w is None else w
            return w @ probs, -(w @ (probs * log_probs).sum(1)), w.sum()

        mean, entropy, total = self._passes().sums(data, weight, sums)
        mean /= total
        return float(
            -(mean * np.log(np.maximum(mean, np.finfo(float).tiny))).sum() - entropy / total
        )

    def _store(self, trainer: Trainer, restart: int) -> None:
        """Make one restart of the trainer the model, and keep the trainer for `partial_fit`."""
        trainer.to(torch.device("cpu"))
        self._trainer = trainer
        for name, value in model_attributes(trainer, restart).items():
            setattr(self, name, value)
        self.n_clusters_ = len(self.coef_)
        if trainer.prior is not None:
            self.class_prior_ = trainer.prior.proportions[restart]

    def _describe(self, X: Any, weight: Any) -> int:
        """Set what the model says of the rows it was trained on; return how many clusters it uses.

        Labels of dask's rows are a plan, and need a pass of their own; so do their certainties.
        """
        n_samples, n_clusters, labels = len(X), len(self.coef_), None
        if not isinstance(X, DaskRows):
            n_own = len(getattr(X, "own", X))  # of shards, the rows that are here
            labels = np.empty(n_own, dtype=np.int32)
            certainties = np.empty(n_own, dtype=X.dtype)

        def of_block(rows: slice, block: np.ndarray, logits: Tensor, w: Any) -> tuple[Any, ...]:
            probs, found = logits.softmax(1), logits.argmax(1).cpu().numpy()
            if labels is not None:
                labels[rows], certainties[rows] = found, probs.amax(1).cpu().numpy()
            sizes = np.bincount(found if w is None else found[w > 0], minlength=n_clusters)
            if w is not None:
                probs *= torch.as_tensor(w[:, None]).to(probs)
            # Divided first: a mean, unlike a sum, is never larger than what it is of.
            raw = torch.from_numpy(np.array(block)).to(probs)
            return sizes, probs.sum(0).cpu().double() / n_samples, (probs / n_samples).T @ raw

        passes = self._passes()
        sizes, masses, sums = passes.sums(X, weight, of_block)
        if labels is None:
            labels, certainties = passes.collect(X, hard), passes.collect(X, certainty)
        self.labels_, self.probabilities_ = labels, certainties
        # A cluster without any mass has no centre of its own; it is given the common one.
        share = np.maximum(masses, np.finfo(np.float64).tiny)[:, None]
        centres = np.where(masses[:, None] > 0, sums / share, sums.sum(0) / masses.sum())
        self.cluster_centers_ = centres.astype(X.dtype)
        return int(np.count_nonzero(sizes))

    def __getstate__(self) -> dict[str, Any]:
        state = super().__getstate__()
        # A plan holds, or refers to, the rows: it is no part of what is saved.
        for name in ("labels_", "probabilities_"):
            if not isinstance(state.get(name), np.ndarray):
                state.pop(name, None)
        # Neighbours would be most of what is saved.
        for name in ("_nearest", "_nearest_of"):
            state.pop(name, None)
        if "_trainer" in state:
            state["_trainer"] = {
                **self._trainer.state(),
                "criterion": self._trainer.criterion,
            }
        return state

    def _restored(self, state: dict[str, Any]) -> dict[str, Any]:
        state = super()._restored(state)
        if "_trainer" in state:
            trainer = state["_trainer"]
            state["_trainer"] = Trainer.from_state(
                trainer, trainer["criterion"], torch.device("cpu")
            )
        return state

    @property
    def _n_features_out(self) -> int:
        return self.coef_.shape[0]

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    def _check_data(
        self, X: ArrayLike, sample_weight: ArrayLike | None, *, reset: bool
    ) -> tuple[Any, Any]:
        """Validate X and weights; `reset` when X starts a new model."""
        data, weight = super()._check_data(X, sample_weight, reset=reset)
        if reset and len(data) < self.n_clusters:
            raise ValueError(
                f"X has n_samples={len(data)} points, fewer than n_clusters={self.n_clusters}."
            )
        return data, weight


def hard(logits: Tensor) -> Tensor:
    """Return the most probable clusters."""
    return logits.argmax(1).to(torch.int32)


def certainty(logits: Tensor) -> Tensor:
    """Return the probabilities of the most probable clusters."""
    return logits.softmax(1).amax(1)
