"""What a fitted linear clusterer says of points: the half of the contract after `fit`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    ClusterMixin,
    TransformerMixin,
)
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from skcollision.engine import FeatureSource, LinearHeads, resolve_device


class LinearClusterModel(
    ClassNamePrefixFeaturesOutMixin, TransformerMixin, ClusterMixin, BaseEstimator
):
    """Predictions of a softmax linear model, `coef_` and `intercept_`, on normalised features.

    Everything goes through X block by block, so that no copy of it is ever made.
    """

    def decision_function(self, X: ArrayLike) -> np.ndarray:
        """Compute the logits of each cluster.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features, as in `fit`.

        Returns
        -------
        ndarray of shape (n_samples, n_clusters)
            Logits, in the floating dtype of X.
        """
        return self._collect(X, lambda logits: logits)

    def predict_proba(self, X: ArrayLike) -> np.ndarray:
        """Compute soft assignments.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features, as in `fit`.

        Returns
        -------
        ndarray of shape (n_samples, n_clusters)
            Probabilities of the clusters, in the floating dtype of X; rows sum to 1.
        """
        return self._collect(X, lambda logits: logits.softmax(1))

    def predict_log_proba(self, X: ArrayLike) -> np.ndarray:
        """Compute logarithms of soft assignments.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features, as in `fit`.

        Returns
        -------
        ndarray of shape (n_samples, n_clusters)
            Natural logarithms, finite also where the probability underflows.
        """
        return self._collect(X, lambda logits: logits.log_softmax(1))

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
        return self.predict_proba(X)

    def predict(self, X: ArrayLike) -> np.ndarray:
        """Assign each point to its most probable cluster.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features, as in `fit`.

        Returns
        -------
        ndarray of shape (n_samples,), int32
            Cluster numbers from 0 to n_clusters - 1.
        """
        return self._collect(X, lambda logits: logits.argmax(1).to(torch.int32))

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
        mean, entropy, total = np.zeros(self.n_clusters), 0.0, 0.0
        for rows, logits in self._logits(data):
            log_probs = logits.double().log_softmax(1).cpu().numpy()
            probs = np.exp(log_probs)
            w = np.ones(len(probs)) if weight is None else weight[rows]
            mean, total = mean + w @ probs, total + w.sum()
            entropy -= w @ (probs * log_probs).sum(1)
        mean /= total
        return float(
            -(mean * np.log(np.maximum(mean, np.finfo(float).tiny))).sum() - entropy / total
        )

    @property
    def _n_features_out(self) -> int:
        return self.coef_.shape[0]

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    def _check_data(
        self, X: ArrayLike, sample_weight: ArrayLike | None, *, reset: bool
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """Validate X and weights; `reset` when X starts a new model."""
        # Half precision is enough to store embeddings in, not to compute in; float32 is.
        is_half = getattr(X, "dtype", None) == np.float16
        dtype = np.float32 if is_half else [np.float64, np.float32]
        data: np.ndarray = validate_data(self, X, reset=reset, dtype=dtype, order="C")
        if reset and len(data) < self.n_clusters:
            raise ValueError(
                f"X has n_samples={len(data)} points, fewer than n_clusters={self.n_clusters}."
            )
        if sample_weight is None:
            return data, None
        weight = _check_sample_weight(
            sample_weight, data, dtype=data.dtype, ensure_non_negative=True
        )
        if not weight.any():
            raise ValueError("'sample_weight' is zero for all points.")
        return data, weight

    def _source(self, X: np.ndarray) -> FeatureSource:
        return FeatureSource(X, self._normalisation, resolve_device(self.device))

    def _logits(self, X: np.ndarray) -> Iterator[tuple[slice, torch.Tensor]]:
        """Yield row ranges of validated X and their logits."""
        source = self._source(X)
        coef = self.coef_.astype(X.dtype, copy=False)[None]
        heads = LinearHeads(coef, self.intercept_.astype(X.dtype, copy=False)[None], source.device)
        with torch.no_grad():
            for rows, features in source.blocks():
                yield rows, heads(features)[0]

    def _collect(
        self, X: ArrayLike, function: Callable[[torch.Tensor], torch.Tensor]
    ) -> np.ndarray:
        """Apply a function to the logits of X, block by block."""
        check_is_fitted(self)
        data, _ = self._check_data(X, None, reset=False)
        return np.concatenate([function(logits).cpu().numpy() for _, logits in self._logits(data)])
