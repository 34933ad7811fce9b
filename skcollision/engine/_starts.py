"""Where training starts: a K-means clustering of its own for each restart."""

from __future__ import annotations

import numpy as np
import torch
from scipy.cluster.hierarchy import fcluster, linkage
from torch import Tensor

from skcollision.engine._heads import LinearHeads

# A start needs no more of K-means than this.
K_MEANS_ITERATIONS = 20

# Points that Ward's method merges before K-means, drawn for each restart: at most half of them, so
# that restarts differ, and no more than this, as it takes their square in time and memory.
WARD_POINTS = 1000
WARD_POINTS_PER_CLUSTER = 20
MOST_WARD_POINTS = 4000

# Slope of the starting logits along the squared distance from a centre, in units of the mean
# squared length: unsure enough that training can still move whole groups of points.
SHARPNESS = 5.0

# Entries of the distances that are computed at a time.
_BLOCK_ENTRIES = 2**22


def heads_of_k_means(
    points: Tensor,
    sample_weight: Tensor | None,
    n_clusters: int,
    n_restarts: int,
    *,
    sharpness: float = SHARPNESS,
    basis: Tensor | None = None,
    random_state: np.random.RandomState,
) -> LinearHeads:
    """Start every restart from a K-means clustering of at least K points (M, D).

    From random weights, long clusters that lie close together are often cut in two or merged, and
    no restart finds them all. K-means on neighbourhoods, which are rounder than the clusters, does.
    It begins at the clusters that Ward's method finds in a sample: these differ less from sample to
    sample than what K-means makes of randomly chosen points, and so do results from seed to seed.
    A head is that of Gaussians of one width around the centres c: logits b (x'c - |c|^2 / 2).
    """
    seeds = random_state.randint(np.iinfo(np.int32).max, size=n_restarts)
    first = [_first_centres(points, n_clusters, np.random.RandomState(seed)) for seed in seeds]
    centres = _k_means(points, sample_weight, torch.stack(first))
    slope = sharpness / points.square().sum(1).mean()
    bias = -0.5 * slope * centres.square().sum(2)
    return LinearHeads.of_weights(slope * centres, bias, basis)


def _first_centres(points: Tensor, n_clusters: int, random_state: np.random.RandomState) -> Tensor:
    """Return the clusters' means (K, D) by Ward's method, or random points where K is large."""
    n_points = max(WARD_POINTS, WARD_POINTS_PER_CLUSTER * n_clusters)
    n_points = min(n_points, MOST_WARD_POINTS, len(points) // 2)
    if n_points >= 2 * n_clusters:
        values = points[random_state.choice(len(points), n_points, replace=False)]
        distances = torch.pdist(values.double().cpu()).numpy()
        labels = fcluster(linkage(distances, "ward"), n_clusters, "maxclust")
        members = torch.from_numpy(labels - 1).to(points.device)
        counts = torch.bincount(members, minlength=n_clusters)
        if counts.all():  # merges at equal distances leave fewer clusters
            sums = torch.zeros_like(values[:n_clusters]).index_add_(0, members, values)
            return sums / counts[:, None]
    return points[random_state.choice(len(points), n_clusters, replace=False)]


def _k_means(points: Tensor, sample_weight: Tensor | None, centres: Tensor) -> Tensor:
    """Return centres (R, K, D) after Lloyd's iterations; a centre without points stays."""
    n_restarts, n_clusters, _ = centres.shape
    offsets = n_clusters * torch.arange(n_restarts, device=points.device)
    weight = points.new_ones(len(points)) if sample_weight is None else sample_weight
    weighted = torch.cat([points * weight[:, None], weight[:, None]], 1)
    size = max(1, _BLOCK_ENTRIES // (n_restarts * n_clusters))
    before = None
    for _ in range(K_MEANS_ITERATIONS):
        flat = centres.flatten(0, 1)
        half_squares = 0.5 * flat.square().sum(1)
        labels = torch.cat(
            [
                torch.addmm(half_squares[:, None], flat, block.T, alpha=-1)
                .view(n_restarts, n_clusters, -1)
                .argmin(1)
                for block in points.split(size)
            ],
            1,
        )
        if before is not None and torch.equal(labels, before):
            break
        before = labels
        sums = weighted.new_zeros(n_restarts * n_clusters, weighted.shape[1])
        for of_restart, offset in zip(labels, offsets, strict=True):
            sums.index_add_(0, of_restart + offset, weighted)
        masses = sums[:, -1:]
        flat = torch.where(masses > 0, sums[:, :-1] / masses.clamp_min(1e-30), flat)
        centres = flat.view_as(centres)
    return centres
