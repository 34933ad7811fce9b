"""Clusterings of other kinds than K-means, which compete with what training finds."""

from __future__ import annotations

import numpy as np
import torch

from skcollision.engine._merging import kept_information, merged
from skcollision.engine._sample import TrainingSample, principal_subspace
from skcollision.engine._starts import first_centres, k_means
from skcollision.graph import KEEPING_STEPS

# Parts that K-means finds for each cluster, at least and at most, the fewest points that they
# should have, and the most parts, as each merge takes their square in time.
LEAST_PARTS_PER_CLUSTER, PARTS_PER_CLUSTER, POINTS_PER_PART, MOST_PARTS = 2, 8, 20, 100

# Of the K-means that finds parts: they are merged, so that their exact borders matter little.
K_MEANS_ITERATIONS = 8


def propose(
    sample: TrainingSample, n_clusters: int, n_tries: int, random_state: np.random.RandomState
) -> list[np.ndarray]:
    """Propose labels (M,): clusters of a layout of the graph, and of parts merged by its walks.

    K-means starts training with balls of one width. In a layout clusters of any shape become balls,
    and unions of small parts may have any shape. Nothing is proposed for too many clusters, which
    four dimensions do not hold apart, or too few points.
    """
    most = min(MOST_PARTS, len(sample.points) // POINTS_PER_PART)
    n_parts = min(PARTS_PER_CLUSTER * n_clusters, most)
    if sample.graph is None or n_parts < LEAST_PARTS_PER_CLUSTER * n_clusters:
        return []
    seeds = random_state.randint(np.iinfo(np.int32).max, size=1 + n_tries)
    first, *others = map(np.random.RandomState, seeds)
    return [
        clusters_of_layout(sample, n_clusters, first),
        *(clusters_of_parts(sample, n_clusters, n_parts, source) for source in others),
    ]


def clusters_of_layout(
    sample: TrainingSample, n_clusters: int, random_state: np.random.RandomState
) -> np.ndarray:
    """Return the clusters (M,) of K-means where a layout of the weighted graph puts the points."""
    from skcollision.graph._layout import DIMENSIONS, layout  # with it comes numba

    assert sample.graph is not None
    basis = principal_subspace(sample.seen, sample.weight, DIMENSIONS, random_state)
    start, seed = (sample.seen @ basis).cpu().numpy(), random_state.randint(np.iinfo(np.int32).max)
    places = torch.from_numpy(layout(sample.graph.weighted_walk, start, seed))
    weight = None if sample.weight is None else sample.weight.to(places)
    centres = first_centres(places, n_clusters, random_state)
    return np.asarray(k_means(places, weight, centres)[1].numpy())


def clusters_of_parts(
    sample: TrainingSample, n_clusters: int, n_parts: int, random_state: np.random.RandomState
) -> np.ndarray:
    """Return the clusters (M,) of small parts, merged by the walks between them."""
    assert sample.graph is not None
    parts = small_parts(sample, n_parts, random_state)
    weight = None if sample.weight is None else sample.weight.cpu().numpy()
    joint = sample.graph.weighted_walk.between(parts, n_parts, KEEPING_STEPS, weight).toarray()
    return merged((joint + joint.T) / 2, kept_information, n_clusters)[parts]


def small_parts(
    sample: TrainingSample, n_parts: int, random_state: np.random.RandomState
) -> np.ndarray:
    """Return the part (M,) of each point, by a few iterations of K-means on what training sees."""
    points = sample.seen
    first = points[random_state.choice(len(points), n_parts, replace=False)]
    return np.asarray(k_means(points, sample.weight, first, K_MEANS_ITERATIONS)[1].cpu().numpy())
