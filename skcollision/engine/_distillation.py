"""Teach heads soft labels that are given: multinomial logistic regression."""

from __future__ import annotations

import torch
from scipy import sparse
from torch import Tensor

from skcollision._threads import one_thread
from skcollision.engine._heads import LinearHeads
from skcollision.engine._rows import summed
from skcollision.losses import soft_cross_entropy

# Its weight decay, in units of that of clustering. There decay chooses between clusterings; here
# the labels are given, and it would only make the heads less sure than these are.
DISTILLATION_DECAY = 0.01

# Curvature of the loss along the weights of a cluster, in units of the mean square of the features
# over K: a cluster's p (1 - p) is 0 but for the points that it shares with others.
CURVATURE = 0.1

# The smallest curvature along any direction, in units of the mean: none is 0.
SMALLEST_CURVATURE = 1e-4

# Most rows, and predictions, of a block.
BLOCK_ROWS, BLOCK_PREDICTIONS = 8192, 2**20


def distilled(
    heads: LinearHeads,
    points: Tensor,
    labels: sparse.csr_array,
    weight: Tensor | None,
    *,
    decay: float,
    n_iterations: int,
) -> LinearHeads:
    """Return a lone restart's heads, taught to predict soft labels (M, K) of points (M, D').

    Minimises Shannon's cross-entropy and the decay, a convex function, by L-BFGS. Its steps are
    taken in coordinates in which the curvature is about the same in every direction; in those of
    the features, whose variances differ by orders of magnitude, it needs several times as many.
    """
    weight = points.new_ones(len(points)) if weight is None else weight
    weight = weight / weight.sum()
    decay *= DISTILLATION_DECAY
    with one_thread():
        curvature, directions = _curvature(points, weight, decay, heads.n_clusters)
    root = curvature.sqrt()
    scale = (directions / root).to(points)
    start = root[:, None] * (directions.T @ heads.columns.detach().cpu().double())
    unknown = start.to(points).requires_grad_()
    search = torch.optim.LBFGS(
        [unknown], max_iter=n_iterations, max_eval=2 * n_iterations, line_search_fn="strong_wolfe"
    )
    size = max(1, min(BLOCK_ROWS, BLOCK_PREDICTIONS // heads.n_clusters))

    def objective() -> float:
        columns = scale @ unknown.detach()

        def term(rows: slice) -> Tensor:
            """Return the gradient of some rows' loss, and in a last row the loss."""
            targets = torch.from_numpy(labels[rows].toarray()).to(points)
            own, share = columns.clone().requires_grad_(), weight[rows]
            with torch.enable_grad():
                logits = LinearHeads(own, 1)(points[rows])[0]
                loss = share.sum() * soft_cross_entropy(logits, targets, sample_weight=share)
            (gradient,) = torch.autograd.grad(loss, own)
            return torch.cat([gradient, loss.detach().expand(1, gradient.shape[1])])

        total = summed(term, points, size)
        total[:-2] += decay * columns[:-1]
        unknown.grad = scale.T @ total[:-1]
        return float(total[-1, 0]) + 0.5 * decay * float(LinearHeads(columns, 1).square_norm())

    with one_thread():
        search.step(objective)
    return LinearHeads(scale @ unknown.detach(), 1, heads.basis)


def _curvature(
    points: Tensor, weight: Tensor, decay: float, n_clusters: int
) -> tuple[Tensor, Tensor]:
    """Return about the curvatures (D' + 1,) of the loss along orthonormal directions, columns.

    Along these, L-BFGS takes the same steps whatever the rotation of the features. They are of
    float64, which not every device has, and on the CPU.
    """
    padded = torch.cat([points, torch.ones_like(points[:, :1])], 1)
    square = (padded.T @ (padded * weight[:, None])).cpu().double()
    square[-1, -1] = 1
    square *= CURVATURE / n_clusters
    square.diagonal()[:-1] += decay
    curvature, directions = torch.linalg.eigh(square)
    return curvature.clamp_min(SMALLEST_CURVATURE * float(curvature.mean())), directions
