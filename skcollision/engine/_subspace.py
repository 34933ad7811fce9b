"""The principal subspace: training needs no more of wide features."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from skcollision.engine._features import NormalisedRows

# Directions beyond those asked for, and products with the covariance: the usual figures of
# randomised range finding (Halko, Martinsson & Tropp 2011).
OVERSAMPLING = 16
N_ITERATIONS = 2


def principal_subspace(
    source: NormalisedRows,
    sample_weight: np.ndarray | None,
    n_components: int,
    *,
    random_state: np.random.RandomState,
) -> Tensor:
    """Find an orthonormal basis of the directions in which the features vary most.

    By subspace iteration on blocks of rows, so that no copy of the features is made. The basis is
    not rotated to the principal axes: training is blind to rotations.

    Parameters
    ----------
    source : NormalisedRows
        Centred features.
    sample_weight : ndarray of shape (N,) or None
        Non-negative weights.
    n_components : int
        Dimensions to keep, at most the number of features.
    random_state : numpy.random.RandomState
        Draws the first guess.

    Returns
    -------
    Tensor of shape (D, n_components)
        Orthonormal columns, in the source's dtype and on its device.
    """
    n_columns = min(n_components + OVERSAMPLING, source.n_features)
    start = random_state.standard_normal((source.n_features, n_columns))
    basis = torch.as_tensor(start, dtype=source.dtype, device=source.device)
    for _ in range(N_ITERATIONS):
        basis, product = _orthonormal(basis), torch.zeros_like(basis)
        for rows, block in source.blocks():
            projected = block @ basis
            if sample_weight is not None:
                projected *= torch.as_tensor(
                    sample_weight[rows, None], dtype=source.dtype, device=source.device
                )
            product.addmm_(block.T, projected)
        basis = product
    # The left singular vectors of the last product put the strongest directions first.
    return torch.linalg.svd(basis, full_matrices=False).U[:, :n_components].contiguous()


def _orthonormal(columns: Tensor) -> Tensor:
    return torch.linalg.qr(columns).Q
