"""Predictions from logits: probabilities, their logarithms, their mean and its logarithm."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from skcollision.losses._reduction import point_shares


def at_least_float32(logits: Tensor) -> Tensor:
    """Convert half precision to float32 and leave the rest alone."""
    return logits if logits.dtype in (torch.float32, torch.float64) else logits.float()


def log_probs(logits: Tensor) -> Tensor:
    """Log-softmax over classes: finite, and in float32 at least."""
    log_p = torch.log_softmax(at_least_float32(logits), -1)
    # A class masked out by a logit of -inf must give 0 * ln 0 = 0 downstream, not NaN. A quarter of
    # the range leaves room to double.
    return log_p.clamp_min(torch.finfo(log_p.dtype).min / 4)


def entropy(probs: Tensor, log_p: Tensor) -> Tensor:
    """Shannon entropy over the last dimension, from probabilities and their logarithms."""
    return -(probs * log_p).sum(-1)


def mean_probs(probs: Tensor, sample_weight: Tensor | None) -> Tensor:
    """(Weighted) mean prediction over the points: (..., N, K) to (..., K).

    Over no points at all (weights that sum to zero) it is uniform.
    """
    share = point_shares(sample_weight, probs)
    if share is None:
        return probs.sum(-2) / probs.shape[-2]
    mean = (probs * share.unsqueeze(-1)).sum(-2)
    return mean.masked_fill(_no_points(share), 1 / probs.shape[-1])


def log_mean_probs(log_p: Tensor, sample_weight: Tensor | None) -> Tensor:
    """Logarithm of the (weighted) mean prediction over the points: (..., N, K) to (..., K).

    The mean is a ``logsumexp``, so a cluster that no point predicts any more still has a finite
    logarithm, and a gradient that says which point is nearest to it. Over no points at all
    (weights that sum to zero) the mean prediction is uniform.
    """
    share = point_shares(sample_weight, log_p)
    if share is None:
        return log_p.logsumexp(-2) - math.log(log_p.shape[-2])
    empty = _no_points(share)
    # The first fill only keeps the branch that is not taken free of NaN.
    log_share = share.log().masked_fill(empty, 0.0)
    log_mean = (log_p + log_share.unsqueeze(-1)).logsumexp(-2)
    return log_mean.masked_fill(empty, -math.log(log_p.shape[-1]))


def entropy_of_mean(mean: Tensor) -> Tensor:
    """Shannon entropy of mean predictions, which may have underflowed to exact zeros."""
    return entropy(mean, mean.clamp_min(torch.finfo(mean.dtype).tiny).log())


def _no_points(share: Tensor) -> Tensor:
    return (share == 0).all(-1, keepdim=True)
