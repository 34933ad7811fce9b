"""The K-dimensional part of the dual: the fairness terms, their conjugates, the Newton system.

Arrays are (R, K), of NumPy or of torch: ``xp`` is the module. The dual variable is kept as
delta = v - lam: differences of v are of the order of one however large lam is, and with lam
infinite delta is the multiplier of the hard constraint mean(y) = prior.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch

FAIRNESS_ORDERS = ("KL(u||y)", "KL(y||u)")
# Below it a mean counts as it; a normal number in float32 as well.
LEAST_MEAN = 1e-37


def module_of(array: Any) -> Any:
    """Return the module, NumPy or torch, whose functions take the array."""
    return torch if isinstance(array, torch.Tensor) else np


def fairness(mean: Any, prior: Any, lam: float, order: int) -> Any:
    """Return lam KL(prior || mean) or lam KL(mean || prior), lam finite; shape (R,)."""
    xp, ratio = module_of(mean), mean / prior
    if order == 0:
        x = (mean - prior) / prior
        # u ln(u/m) = u (x - ln(1 + x)) - (m - u) with x = m/u - 1: no cancellation for large lam
        # ... and ln(m/u) where x is near -1
        log = xp.where(x < -0.5, xp.log(ratio), xp.log1p(x))
        return lam * (prior * (x - log)).sum(-1)
    return lam * (prior * (ratio * xp.log(ratio.clip(LEAST_MEAN)) - (ratio - 1.0))).sum(-1)


def rounding_cost(mean: Any, share: Any, prior: Any) -> Any:
    """Return what rounding the labels to mean = prior costs at most (see `round_to_prior`).

    It keeps a fraction f_k >= min(prior / mean, 1) of each label, and p = sigma'y falls to
    sum_k share_k f_k p with share_k = sigma_k y_k / p: by Jensen's inequality -ln p rises by
    sum_k share_k ln(1 / f_k) at most. ``share`` has the means over the points.
    """
    return (share * module_of(mean).log((mean / prior).clip(1.0))).sum(-1)


def conjugate(delta: Any, prior: Any, lam: float, order: int) -> Any:
    """Return min over means m of fairness(m) + (lam + delta)'m - lam; shape (R,).

    lam sum u ln(1 + delta/lam) for (11); -lam ln sum u exp(-delta/lam), over means that sum to one,
    for (10); prior'delta for both with lam infinite.
    """
    xp = module_of(delta)
    if math.isinf(lam):
        return (prior * delta).sum(-1)
    if order == 0:
        scaled = (delta / lam).clip(-1.0)
        return lam * (prior * xp.log1p(scaled)).sum(-1)
    low = xp.amin(delta, -1)
    return low - lam * xp.log((prior * xp.exp((low[..., None] - delta) / lam)).sum(-1))


def delta_of_mean(mean: Any, prior: Any, lam: float, order: int) -> Any:
    """Return delta at which the conjugate has this mean.

    v = lam u / mean for (11) and -lam ln(mean/u), up to a shift, for (10).
    """
    ratio = mean.clip(LEAST_MEAN) / prior
    return lam * (1.0 / ratio - 1.0) if order == 0 else -lam * module_of(mean).log(ratio)


def mean_of_delta(delta: Any, prior: Any, lam: float, order: int) -> Any:
    """Return the mean label that the fairness term wants at these prices."""
    if math.isinf(lam):
        return prior + 0.0 * delta
    if order == 0:
        return prior / (1.0 + delta / lam)
    xp = module_of(delta)
    weight = prior * xp.exp((xp.amin(delta, -1)[..., None] - delta) / lam)
    return weight / weight.sum(-1)[..., None]


def linearise(delta: Any, mean: Any, prior: Any, lam: float, order: int) -> tuple[Any, Any]:
    """Return target and curvature of mean + dmean = target - curvature ddelta.

    (11): v m = lam u, linearised like the products y z: target lam u / v, curvature m / v.
    (10): v = c - lam ln(m/u), linearised at m, where Newton may move by a factor that it may not at
    v: curvature m / lam, target m (1 - residual / lam), with c such that the target sums to one.
    lam infinite: m = u.
    """
    if math.isinf(lam):
        return prior, 0.0 * prior
    if order == 0:
        scaled = 1.0 + delta / lam
        return prior / scaled, mean / (lam * scaled)
    mean = mean.clip(LEAST_MEAN)
    residual = delta / lam + module_of(mean).log(mean / prior)
    total = mean.sum(-1)[..., None]
    shift = (mean * residual).sum(-1)[..., None] / total
    return mean * (1.0 - (residual - shift)) / total, mean / lam


def newton_factor(gram: Any, curvature: Any, lam: float, order: int) -> tuple[Any, Any]:
    """Return scaled mean Q + curvature, and the scale, for `newton_solve`.

    ``gram`` is diag(d) - Q, summed. Q 1 = 0, so its diagonal is minus the sum of the rest: exact,
    where the difference would cancel terms of size 1/mu.
    """
    xp = module_of(gram)
    matrix = -gram
    index = xp.arange(gram.shape[1])
    matrix[:, index, index] = 0.0
    diagonal = curvature - matrix.sum(2)
    matrix[:, index, index] = diagonal
    if order == 1 or math.isinf(lam):
        # the dual does not change along 1: fix that direction, which the right-hand side lacks
        total = curvature.sum(1).clip(LEAST_MEAN)[:, None, None]
        lift = (diagonal.sum(1) / gram.shape[1] ** 2)[:, None, None]
        matrix = matrix + lift - curvature[:, :, None] * curvature[:, None, :] / total
        diagonal = matrix[:, index, index]
    scale = diagonal.clip(LEAST_MEAN) ** -0.5
    matrix *= scale[:, :, None]
    matrix *= scale[:, None, :]
    # one, and what rounding may take from the smallest eigenvalue
    matrix[:, index, index] = 1.0 + 100 * float(xp.finfo(gram.dtype).eps)
    return (torch.linalg.cholesky_ex(matrix)[0] if xp is torch else matrix), scale


def newton_solve(factor: tuple[Any, Any], rhs: Any) -> Any:
    """Solve the system of `newton_factor`; NaN where it is singular to rounding."""
    matrix, scale = factor
    rhs = (scale * rhs)[:, :, None]
    if isinstance(rhs, torch.Tensor):
        return scale * torch.cholesky_solve(rhs, matrix)[:, :, 0]
    try:
        return scale * np.linalg.solve(matrix, rhs)[:, :, 0]
    except np.linalg.LinAlgError:
        return scale * np.nan


def round_to_prior(labels: Any, mean: Any, prior: Any) -> Any:
    """Move labels (R, N, K) so that their mean (R, K) becomes the prior.

    Scales columns that have too much, and gives what a row then misses to those that have too
    little.
    """
    keep = (prior / mean.clip(LEAST_MEAN)).clip(None, 1.0)
    fill = (prior - mean).clip(0.0)
    fill = fill / fill.sum(-1)[..., None].clip(LEAST_MEAN)
    labels = labels * keep[:, None, :]
    labels += (1.0 - labels.sum(-1)).clip(0.0)[..., None] * fill[:, None, :]
    return labels
