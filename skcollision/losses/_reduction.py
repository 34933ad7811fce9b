"""Averages over points, weighted or not, and the `reduction` argument of the losses."""

from __future__ import annotations

from typing import Literal, TypeAlias, get_args

from torch import Tensor, nn

from skcollision.losses._validation import check_option

Reduction: TypeAlias = Literal["none", "mean", "sum"]


def check_reduction(reduction: str, caller: str) -> None:
    """Raise unless `reduction` is "none", "mean" or "sum"."""
    check_option(reduction, get_args(Reduction), "reduction", caller)


def reduce_loss(loss: Tensor, reduction: Reduction, sample_weight: Tensor | None = None) -> Tensor:
    """Reduce the losses of all points; "mean" divides by the total weight, like torch's losses.

    Weights that sum to zero give a mean of 0 with zero gradient: there is no point to learn from.
    """
    if sample_weight is None:
        if reduction == "none":
            return loss
        return loss.sum() if reduction == "sum" else loss.mean()
    weight = sample_weight.to(loss.dtype).expand(loss.shape)
    loss = weighted(loss, weight)
    if reduction == "none":
        return loss
    total = loss.sum()
    return total if reduction == "sum" else total / _one_if_zero(weight.sum())


def point_mean(values: Tensor, share: Tensor | None) -> Tensor:
    """Mean over the points (the last dimension) with the shares that `point_shares` returns."""
    return values.mean(-1) if share is None else weighted(values, share).sum(-1)


def point_shares(sample_weight: Tensor | None, like: Tensor) -> Tensor | None:
    """Scale weights to sum to 1 over the points of `like` (..., N, K); all zero stays all zero."""
    if sample_weight is None:
        return None
    weight = sample_weight.to(like.dtype).expand(like.shape[:-1])
    return weight / _one_if_zero(weight.sum(-1, keepdim=True))


def weighted(values: Tensor, weight: Tensor) -> Tensor:
    """Multiply, with 0 x inf = 0: a point of zero weight is absent, whatever its loss."""
    # Only infinite values are masked, so the derivative with respect to a zero weight stays right.
    return values.masked_fill((weight == 0) & values.isinf(), 0.0) * weight


def _one_if_zero(total: Tensor) -> Tensor:
    return total.masked_fill(total == 0, 1.0)


class ReducedLoss(nn.Module):
    """Base of the loss modules: keeps and checks `reduction`."""

    def __init__(self, reduction: Reduction = "mean") -> None:
        super().__init__()
        check_reduction(reduction, type(self).__name__)
        self.reduction: Reduction = reduction

    def extra_repr(self) -> str:
        """Show the settings in the module's repr."""
        return f"reduction={self.reduction!r}"
