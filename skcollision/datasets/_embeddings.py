"""Synthetic data shaped like the output of a pretrained network."""

from numbers import Integral, Real

import numpy as np
from numpy.typing import NDArray
from sklearn.preprocessing import normalize
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, validate_params

from skcollision._errors import wrong

# Share of a cluster's variance along its few factors, about as in real embeddings.
_FACTOR_VARIANCE = 0.8

_AT_LEAST_ONE = Interval(Integral, 1, None, closed="left")
# Far beyond use, and squares of the largest stay exact enough.
_UP_TO_A_MILLION = Interval(Real, 0, 1e6, closed="both")


@validate_params(
    {
        "n_samples": [_AT_LEAST_ONE],
        "n_clusters": [_AT_LEAST_ONE],
        "n_features": [Interval(Integral, 2, None, closed="left")],
        "spread": [_UP_TO_A_MILLION],
        "n_factors": [_AT_LEAST_ONE],
        "offset": [_UP_TO_A_MILLION],
        "imbalance": [Interval(Real, 1, 1e6, closed="both")],
        "random_state": ["random_state"],
    },
    prefer_skip_nested_validation=True,
)
def make_embeddings(
    n_samples: int = 1000,
    n_clusters: int = 10,
    n_features: int = 128,
    *,
    spread: float = 1.5,
    n_factors: int = 4,
    offset: float = 1.0,
    imbalance: float = 1.0,
    random_state: int | np.random.RandomState | None = None,
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Draw clusters that look like the embeddings of a pretrained network.

    Unlike the round blobs of :func:`sklearn.datasets.make_blobs`, and like real embeddings, the
    points lie on the unit sphere and share a mean far from zero, and each cluster is long in a few
    directions of its own and thin in all others.

    A point of cluster k is ``offset * m + c_k + spread * (B_k f + e)``, scaled to norm one: m and
    c_k are random unit vectors, B_k is a random ``n_features`` x ``n_factors`` matrix, and f and e
    are Gaussian. Each column of B_k is half as long as the one before; together they carry 80 % of
    the variance and the white noise e the rest. The expected squared norm of B_k f + e is one.

    Parameters
    ----------
    n_samples, n_clusters, n_features : int, default=1000, 10 and 128
        Numbers of points N, at least K, of clusters K, and of features D, at least 2.
    spread : float, default=1.5
        Width of a cluster, from 0 to 1e6. At 0 the points of a cluster coincide.
    n_factors : int, default=4
        Rank of the long part of a cluster's covariance, from 1 to `n_features`.
    offset : float, default=1.0
        Length of the mean that all points share before they are scaled to norm one, from 0 to 1e6.
    imbalance : float, default=1.0
        Size of the largest cluster over that of the smallest, from 1 to 1e6. Sizes fall
        geometrically.
    random_state : int, RandomState instance or None, default=None
        An int makes the result reproducible.

    Returns
    -------
    X : ndarray of shape (n_samples, n_features), dtype float32
        The points, rows of norm one in random order.
    y : ndarray of shape (n_samples,), dtype int64
        The cluster of each point, in 0 .. K-1; sizes do not rise with the number.

    Raises
    ------
    ValueError
        If a parameter is of another type or outside its range.

    Examples
    --------
    >>> from skcollision.datasets import make_embeddings
    >>> X, y = make_embeddings(300, 3, 64, imbalance=4, random_state=0)
    >>> X.shape, X.dtype
    ((300, 64), dtype('float32'))
    >>> import numpy as np
    >>> np.bincount(y)
    array([171,  86,  43])
    """
    if n_samples < n_clusters:
        raise wrong("n_samples", "make_embeddings", f"be at least {n_clusters=}", n_samples)
    if n_factors > n_features:
        raise wrong("n_factors", "make_embeddings", f"be at most {n_features=}", n_factors)
    rng = check_random_state(random_state)

    # Cluster by cluster, so that the float64 draws never take more room than the largest cluster.
    y = np.repeat(np.arange(n_clusters), _cluster_sizes(n_samples, n_clusters, imbalance))
    X = np.empty((n_samples, n_features), dtype=np.float32)

    def unit_vector() -> NDArray[np.float64]:
        return normalize(rng.standard_normal((1, n_features)))

    mean = offset * unit_vector()
    for cluster in range(n_clusters):
        rows = y == cluster
        deviations = _anisotropic_noise(rng, int(rows.sum()), n_features, n_factors)
        X[rows] = normalize(mean + unit_vector() + spread * deviations)
    order = rng.permutation(n_samples)
    return X[order], y[order]


def _cluster_sizes(n_samples: int, n_clusters: int, imbalance: float) -> NDArray[np.int64]:
    """Sizes that fall geometrically, are at least 1 and sum to `n_samples`."""
    shares = np.geomspace(imbalance, 1.0, n_clusters)
    # One point each is set aside, so that no cluster is empty; cumulated bounds sum to n_samples.
    bounds = np.rint(np.cumsum(shares / shares.sum()) * (n_samples - n_clusters)).astype(np.int64)
    sizes = np.diff(bounds, prepend=0) + 1
    return np.sort(sizes)[::-1]


def _anisotropic_noise(
    rng: np.random.RandomState, n_samples: int, n_features: int, n_factors: int
) -> NDArray[np.float64]:
    """Gaussian rows of expected squared norm 1, long along `n_factors` random directions."""
    basis, _ = np.linalg.qr(rng.standard_normal((n_features, n_factors)))
    scales = 0.5 ** np.arange(n_factors)
    scales *= np.sqrt(_FACTOR_VARIANCE / np.sum(scales**2))
    factors = rng.standard_normal((n_samples, n_factors)) * scales
    white = rng.standard_normal((n_samples, n_features))
    return factors @ basis.T + white * np.sqrt((1.0 - _FACTOR_VARIANCE) / n_features)
