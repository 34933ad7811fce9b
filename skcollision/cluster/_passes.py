"""Passes of a fitted model over all rows: here, on the workers of dask, or on several ranks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from skcollision._ambient import isolated
from skcollision.blocks import FeatureBlocks
from skcollision.blocks._dask import DaskRows
from skcollision.blocks._readers import RESIDENT_BYTES, maps_of, release
from skcollision.blocks._shards import Shards
from skcollision.blocks._weights import Place
from skcollision.engine import LinearHeads, Normalisation, NormalisedRows, resolve_device

Rows = np.ndarray | FeatureBlocks | DaskRows


@dataclass(frozen=True)
class Passes:
    """What turns rows into logits: small, as each worker gets a copy of it."""

    weight: np.ndarray
    bias: np.ndarray
    normalisation: Normalisation | None
    device: str

    @isolated()
    def collect(
        self, X: Rows, function: Callable[[Tensor], Tensor], out: np.ndarray | None = None
    ) -> Any:
        """Apply a function to the logits of X, block by block, and write what it gives to `out`.

        Of dask's rows it returns a plan to do so.
        """
        if isinstance(X, DaskRows):
            if out is not None:
                raise ValueError(
                    "The 'out' array must be None for X of dask, whose predictions are computed "
                    "when they are asked for: write them, for instance with to_zarr."
                )
            like = self.collect(np.empty((0, X.shape[1]), X.dtype), function)

            def of_chunk(place: Place, block: np.ndarray) -> np.ndarray:
                return self.collect(block, function)

            return X.map(of_chunk, like)
        resident = 0
        for rows, values in self._map(X, lambda rows, block, z: function(z).cpu().numpy()):
            if rows.start == 0:
                out = place(out, (len(X), *values.shape[1:]), values.dtype)
            assert out is not None
            out[rows] = values
            resident += values.nbytes
            if resident >= RESIDENT_BYTES:
                release(maps_of(out))
                resident = 0
        return out

    @isolated()
    def sums(
        self,
        X: Rows | Shards,
        weight: Any,
        function: Callable[..., tuple[Tensor | np.ndarray, ...]],
    ) -> list[np.ndarray]:
        """Add up, in float64, what a function makes of range, rows, logits and weights."""
        if isinstance(X, DaskRows | Shards):
            return X.sums(lambda block, w=None: self.sums(block, w, function), weight)

        def of_block(rows: slice, block: np.ndarray, logits: Tensor) -> Any:
            return function(rows, block, logits, None if weight is None else weight[rows])

        total: list[Any] = []
        for _, found in self._map(X, of_block):
            arrays = [np.asarray(torch.as_tensor(each).cpu(), dtype=np.float64) for each in found]
            total = [a + b for a, b in zip(total, arrays, strict=True)] if total else arrays
        return total

    def _map(
        self, X: np.ndarray | FeatureBlocks, function: Callable[[slice, np.ndarray, Tensor], Any]
    ) -> Iterator[tuple[slice, Any]]:
        """Yield row ranges, and what a function makes of range, rows and logits."""
        normalised = NormalisedRows(X, self.normalisation, resolve_device(self.device))
        weight, bias = (
            torch.as_tensor(each, dtype=normalised.dtype, device=normalised.device)[None]
            for each in (self.weight, self.bias)
        )
        heads = LinearHeads.of_weights(weight, bias)
        return normalised.map(
            lambda rows, block, features: function(rows, block, heads(features)[0])
        )


def place(out: np.ndarray | None, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """Return an array to write results to: the user's, if it is fit for them."""
    if out is None:
        return np.empty(shape, dtype)
    if not isinstance(out, np.ndarray) or out.shape != shape:
        raise ValueError(
            f"The 'out' array must be an ndarray of shape {shape}. Got "
            f"{getattr(out, 'shape', type(out).__name__)} instead."
        )
    if not np.can_cast(dtype, out.dtype, "same_kind"):
        raise ValueError(f"The 'out' array must be able to hold {dtype}. Got {out.dtype} instead.")
    return out
