"""Where training starts: a K-means clustering of its own for each restart."""

from __future__ import annotations

import numpy as np
import torch
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import squareform
from torch import Tensor

from skcollision._parallel import run_tasks
from skcollision._threads import one_thread
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

# Empty clusters up to this share of all are an accident of training; more are what was asked for.
MOST_REFILLED = 0.1

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
    centres = points.new_empty(n_restarts, n_clusters, points.shape[1])

    def start(r: int) -> None:
        source = np.random.RandomState(seeds[r])
        centres[r] = k_means(points, sample_weight, first_centres(points, n_clusters, source))[0]

    run_tasks(start, n_restarts)
    slope = sharpness / points.square().sum(1).mean()
    bias = -0.5 * slope * centres.square().sum(2)
    return LinearHeads.of_weights(slope * centres, bias, basis)


def first_centres(points: Tensor, n_clusters: int, random_state: np.random.RandomState) -> Tensor:
    """Return the clusters' means (K, D) by Ward's method, or random points where K is large."""
    n_points = max(WARD_POINTS, WARD_POINTS_PER_CLUSTER * n_clusters)
    n_points = min(n_points, MOST_WARD_POINTS, len(points) // 2)
    if n_points >= 2 * n_clusters:
        values = points[random_state.choice(len(points), n_points, replace=False)]
        labels = fcluster(linkage(_distances(values), "ward"), n_clusters, "maxclust")
        members = torch.from_numpy(labels - 1).to(points.device)
        counts = torch.bincount(members, minlength=n_clusters)
        if counts.all():  # merges at equal distances leave fewer clusters
            sums = torch.zeros_like(values[:n_clusters]).index_add_(0, members, values)
            return sums / counts[:, None]
    return points[random_state.choice(len(points), n_clusters, replace=False)]


def _distances(points: Tensor) -> np.ndarray:
    """Return the distances of all pairs, as SciPy wants them; a product is faster than `pdist`."""
    values = points.cpu().double()  # first: mps has no float64
    squares = values.square().sum(1)
    pairs = torch.addmm(squares + squares[:, None], values, values.T, alpha=-2)
    return squareform(pairs.clamp_min_(0).sqrt_().numpy(), checks=False)


def k_means(
    points: Tensor,
    sample_weight: Tensor | None,
    centres: Tensor,
    n_iterations: int = K_MEANS_ITERATIONS,
) -> tuple[Tensor, Tensor]:
    """Return centres (K, D) and labels (M,) by Lloyd's iterations; an empty cluster's stays."""
    weight = points.new_ones(len(points)) if sample_weight is None else sample_weight
    weighted = torch.cat([points * weight[:, None], weight[:, None]], 1)
    size = max(1, _BLOCK_ENTRIES // len(centres))
    labels, before = points.new_empty(0), None
    for _ in range(n_iterations):
        half_squares = 0.5 * centres.square().sum(1)
        blocks = [
            torch.addmm(half_squares, block, centres.T, alpha=-1).argmin(1)
            for block in points.split(size)
        ]
        labels = torch.cat(blocks)
        if before is not None and torch.equal(labels, before):
            break
        before = labels
        sums = weighted.new_zeros(len(centres), weighted.shape[1]).index_add_(0, labels, weighted)
        masses = sums[:, -1:]
        centres = torch.where(masses > 0, sums[:, :-1] / masses.clamp_min(1e-30), centres)
    return centres, labels


def refilled(
    labels: np.ndarray, points: Tensor, sample_weight: Tensor | None, n_clusters: int
) -> np.ndarray:
    """Give each empty cluster half of the one that is widest by then, as labels (M,).

    The halves are those of K-means, from either side of the mean along the longest direction.
    """
    empty = np.flatnonzero(np.bincount(labels, minlength=n_clusters) == 0)
    if not 0 < len(empty) <= max(1, MOST_REFILLED * n_clusters):
        return labels
    labels = labels.copy()
    weight = points.new_ones(len(points)) if sample_weight is None else sample_weight

    def scatter(cluster: int) -> tuple[Tensor, Tensor, Tensor]:
        rows = torch.from_numpy(np.flatnonzero(labels == cluster)).to(points.device)
        shares = weight[rows, None]
        mean = (shares * points[rows]).sum(0) / shares.sum().clamp_min(1e-30)
        return rows, mean, shares.sqrt() * (points[rows] - mean)

    with one_thread():
        widths = [float(scatter(k)[2].square().sum()) for k in range(n_clusters)]
        for cluster in empty.tolist():
            widest = int(np.argmax(widths))
            rows, mean, spread = scatter(widest)
            if len(rows) < 2 or not widths[widest] > 0:
                break
            _, lengths, directions = torch.linalg.svd(spread, full_matrices=False)
            step = directions[0] * lengths[0] / weight[rows].sum().sqrt()
            ends = torch.stack([mean - step, mean + step])
            halves = k_means(points[rows], weight[rows], ends)[1].cpu().numpy()
            labels[rows.cpu().numpy()[halves == 1]] = cluster
            for each in (widest, cluster):
                widths[each] = float(scatter(each)[2].square().sum())
    return labels
