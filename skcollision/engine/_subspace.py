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

    By subspace iteration on blocks of rows, so that no copy of the features is made. Rotated
    features get the same subspace, rotated: so few products leave the weak directions to the first
    guess, and a guess drawn in coordinates would not turn with the features.

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
    weight = np.ones(source.n_samples) if sample_weight is None else sample_weight
    basis = _mixed_rows(source, weight, n_columns, random_state)
    for _ in range(N_ITERATIONS):
        basis, product = torch.linalg.qr(basis).Q, torch.zeros_like(basis)
        for rows, block in source.blocks():
            projected = block @ basis
            if sample_weight is not None:
                projected *= torch.as_tensor(weight[rows, None]).to(block)
            product.addmm_(block.T, projected)
        basis = product
    # The left singular vectors of the last product put the strongest directions first.
    return torch.linalg.svd(basis, full_matrices=False).U[:, :n_components].contiguous()


def _mixed_rows(
    source: NormalisedRows, weight: np.ndarray, n_columns: int, random_state: np.random.RandomState
) -> Tensor:
    """Return normal random combinations of the rows, shape (D, n_columns): a first guess."""
    mixed = torch.zeros((source.n_features, n_columns), dtype=source.dtype, device=source.device)
    for rows, block in source.blocks():
        shares = np.zeros((len(block), n_columns))
        counts = weight[rows] > 0  # rows of no weight draw nothing, as if they were not there
        shares[counts] = random_state.standard_normal((np.count_nonzero(counts), n_columns))
        shares *= np.sqrt(weight[rows, None])
        mixed.addmm_(block.T, torch.as_tensor(shares).to(block))
    return mixed
