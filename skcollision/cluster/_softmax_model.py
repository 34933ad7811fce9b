"""What a fitted softmax linear model says of points, be its columns clusters or classes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.metadata_routing import UNUSED
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data
from torch import Tensor

from skcollision._array_api import like, stacked, to_numpy
from skcollision._persistence import VersionedEstimator
from skcollision._ranks import together
from skcollision.blocks import FeatureBlocks, ShardedRows
from skcollision.blocks._dask import DaskRows, is_dask
from skcollision.blocks._feature_blocks import large_map
from skcollision.blocks._shards import Shards
from skcollision.cluster._passes import Passes
from skcollision.engine import Normalisation, NormalisedRows, resolve_device

# What `coef_` is worth nothing without.
MODEL = ("intercept_", "n_features_in_", "_normalisation")

# With normalize=False: between which the largest feature must be, for squares in float32.
SMALLEST_PEAK, LARGEST_PEAK = 1e-15, 1e15


class LinearSoftmaxModel(VersionedEstimator):
    """Predictions of a softmax linear model, `coef_` and `intercept_`, on normalised features.

    Everything goes through X block by block, so that no copy of it is ever made. For a torch tensor
    or another library's array the result is of the same kind and on the same device, without
    gradient, whether or not scikit-learn's ``array_api_dispatch`` is on; fitted attributes are
    NumPy arrays for any input. For what dask holds, clusterers return its arrays, not yet computed.
    """

    # `out` says where results go, not what they are: nothing to route.
    __metadata_request__predict_proba: ClassVar = {"out": UNUSED}

    #: Whether `fit` takes a :class:`FeatureBlocks`.
    _fits_blocks: ClassVar[bool] = False

    def decision_function(self, X: ArrayLike) -> np.ndarray:
        """Compute the logits.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features, as in `fit`.

        Returns
        -------
        ndarray of shape (n_samples, K)
            Logits, in the floating dtype of X.
        """
        return like(X, self._collect(X, lambda logits: logits))

    def predict_proba(self, X: ArrayLike, *, out: np.ndarray | None = None) -> np.ndarray:
        """Compute soft assignments.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features, as in `fit`.
        out : ndarray of shape (n_samples, K), default=None
            Where to write them, block by block; a memory map keeps them on disk.

        Returns
        -------
        ndarray of shape (n_samples, K)
            Probabilities, in the floating dtype of X; rows sum to 1. It is `out` where that is
            given.
        """
        return like(X, self._collect(X, lambda logits: logits.softmax(1), out))

    def predict_log_proba(self, X: ArrayLike) -> np.ndarray:
        """Compute logarithms of soft assignments.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features, as in `fit`.

        Returns
        -------
        ndarray of shape (n_samples, K)
            Natural logarithms, finite also where the probability underflows.
        """
        return like(X, self._collect(X, lambda logits: logits.log_softmax(1)))

    def __getstate__(self) -> dict[str, Any]:
        # No private class: it would tie what is saved to one version.
        state = super().__getstate__()
        if state.get("_normalisation") is not None:
            state["_normalisation"] = asdict(self._normalisation)
        return state

    def _restored(self, state: dict[str, Any]) -> dict[str, Any]:
        state = super()._restored(state)
        if "coef_" in state:
            for name in MODEL:
                state[name]
        if state.get("_normalisation") is not None:
            state["_normalisation"] = Normalisation(**state["_normalisation"])
        return state

    def _check_data(
        self, X: ArrayLike, sample_weight: ArrayLike | None, *, reset: bool
    ) -> tuple[Any, Any]:
        """Validate X and weights; `reset` when X starts a new model.

        Returns X as a matrix, as shards of one, or as blocks or dask's rows, whose values are
        checked as they are read, and weights of mean 1.
        """
        sample_weight = to_numpy(sample_weight)
        if self._fits_blocks and is_dask(X):
            rows = DaskRows(X)
            validate_data(self, rows.example, reset=reset, skip_check_array=True)
            return rows, rows.weight(sample_weight)
        if self._fits_blocks and isinstance(X, ShardedRows):
            own = together(lambda: self._check_rows(X.own, reset=reset))
            shards = Shards(own, getattr(self, "feature_names_in_", None))
            return shards, shards.weight(sample_weight)
        data = self._check_rows(X, reset=reset)
        if sample_weight is None:
            return data, None
        weight = _check_sample_weight(
            sample_weight, data, dtype=np.float64, ensure_non_negative=True
        )
        largest = weight.max()
        if largest == 0:
            raise ValueError("'sample_weight' is zero for all points.")
        # Only ratios matter. Near 1 they neither overflow nor vanish in float32.
        weight = weight / largest
        return data, weight / weight.mean()

    def _check_rows(self, X: ArrayLike, *, reset: bool) -> np.ndarray | FeatureBlocks:
        """Validate X that is here."""
        matrix: Any = to_numpy(stacked(X))
        if self._fits_blocks and large_map(matrix):
            matrix = FeatureBlocks(matrix)
        if isinstance(matrix, FeatureBlocks):
            return self._check_blocks(matrix, reset=reset)
        return self._check_matrix(matrix, reset=reset)

    def _check_blocks(self, X: FeatureBlocks, *, reset: bool) -> FeatureBlocks:
        if reset and not self._fits_blocks:
            raise TypeError(
                f"{type(self).__name__} does not fit FeatureBlocks: pass a matrix that fits in "
                "memory. It predicts for FeatureBlocks of any size."
            )
        validate_data(self, X, reset=reset, skip_check_array=True)
        return X

    def _check_matrix(self, X: ArrayLike, *, reset: bool) -> np.ndarray:
        # Half precision is enough to store embeddings in, not to compute in; float32 is.
        is_half = getattr(X, "dtype", None) == np.float16
        dtype = np.float32 if is_half else [np.float64, np.float32]
        with np.errstate(invalid="ignore"):  # scikit-learn adds up all values to look for NaN
            data: np.ndarray = validate_data(self, X, reset=reset, dtype=dtype, order="C")
        return data

    def _check_unit(self, rows: np.ndarray) -> None:
        """Raise where features that are to stay as they are would overflow."""
        peak = float(np.abs(rows).max())
        if not self.normalize and not SMALLEST_PEAK < peak < LARGEST_PEAK:
            raise ValueError(
                f"The 'normalize' parameter of {type(self).__name__} must be True for X, whose "
                f"largest magnitude {peak:.3g} is not between {SMALLEST_PEAK} and {LARGEST_PEAK}."
            )

    def _normalised(self, X: np.ndarray | FeatureBlocks) -> NormalisedRows:
        """Return the rows of validated X as the heads see them."""
        return NormalisedRows(X, self._normalisation, resolve_device(self.device))

    def _passes(self) -> Passes:
        return Passes(self.coef_, self.intercept_, self._normalisation, self.device)

    def _collect(
        self,
        X: ArrayLike,
        function: Callable[[Tensor], Tensor],
        out: np.ndarray | None = None,
    ) -> Any:
        """Apply a function to the logits of X, and write what it gives to `out`."""
        check_is_fitted(self)
        # Each rank predicts for its own rows, and needs no other for that.
        data, _ = self._check_data(X.own if isinstance(X, ShardedRows) else X, None, reset=False)
        return self._passes().collect(data, function, out)
