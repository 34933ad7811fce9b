"""What a search says of points: what its best estimator says."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted


def _best_has(method: str) -> Any:
    def check(search: BestEstimatorMixin) -> bool:
        is_fitted = hasattr(search, "best_estimator_")
        estimator = search.best_estimator_ if is_fitted else search._estimator()
        return hasattr(estimator, method)

    return available_if(check)


class BestEstimatorMixin(TransformerMixin):
    """Delegate predictions to `best_estimator_`; what it cannot do, the search cannot either."""

    best_estimator_: Any

    def _estimator(self) -> BaseEstimator:
        """Return the estimator that is searched with, which is not fitted."""
        raise NotImplementedError

    def predict(self, X: ArrayLike) -> np.ndarray:
        """Assign each point to a cluster of `best_estimator_`.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features, as in `fit`.

        Returns
        -------
        ndarray of shape (n_samples,)
            Cluster numbers.
        """
        check_is_fitted(self)
        return self.best_estimator_.predict(X)

    @_best_has("predict_proba")
    def predict_proba(self, X: ArrayLike) -> np.ndarray:
        """Compute soft assignments to the clusters of `best_estimator_`, if it has them.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features, as in `fit`.

        Returns
        -------
        ndarray of shape (n_samples, ``best_n_clusters_``)
            Probabilities of the clusters.
        """
        check_is_fitted(self)
        return self.best_estimator_.predict_proba(X)

    @_best_has("transform")
    def transform(self, X: ArrayLike) -> np.ndarray:
        """Map points as `best_estimator_` does, if it can.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features, as in `fit`.

        Returns
        -------
        ndarray of shape (n_samples, n_outputs)
            For the clusterers of this package, probabilities of the clusters.
        """
        check_is_fitted(self)
        return self.best_estimator_.transform(X)
