"""The principal subspace: training needs no more of wide features."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

# Directions beyond those asked for, and products with the covariance: the usual figures of
# randomised range finding (Halko, Martinsson & Tropp 2011).
OVERSAMPLING = 16
N_ITERATIONS = 2


def principal_subspace(
    rows: Tensor,
    sample_weight: Tensor | None,
    n_components: int,
    random_state: np.random.RandomState,
) -> Tensor:
    """Return orthonormal directions (D, n_components) in which centred rows (N, D) vary most.

    By subspace iteration. Rotated features get the same subspace, rotated: so few products leave
    the weak directions to the first guess, and a guess drawn in coordinates would not turn with the
    features. The first guess is made of random combinations of the rows instead.
    """
    weighted = rows if sample_weight is None else rows * sample_weight[:, None]
    n_columns = min(n_components + OVERSAMPLING, rows.shape[1])
    mixture = random_state.standard_normal((len(rows), n_columns))
    shares = torch.as_tensor(mixture, dtype=rows.dtype, device=rows.device)
    if sample_weight is not None:
        shares *= sample_weight[:, None].sqrt()
    basis = rows.T @ shares
    for _ in range(N_ITERATIONS):
        basis = weighted.T @ (rows @ torch.linalg.qr(basis).Q)
    # The left singular vectors of the last product put the strongest directions first.
    return torch.linalg.svd(basis, full_matrices=False).U[:, :n_components].contiguous()
