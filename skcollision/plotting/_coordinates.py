"""Places of points on a map: given, or made of their features."""

from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import issparse
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE
from sklearn.utils import check_array

from skcollision._errors import wrong
from skcollision._extras import import_extra


def coordinates_of(
    X: Any, coordinates: ArrayLike | str | None, caller: str
) -> tuple[np.ndarray, tuple[str, str]]:
    """Return places on a map, by default X or its principal components, and the axes' names."""
    if coordinates is not None and not (isinstance(coordinates, str) and coordinates in _METHODS):
        return check_coordinates(coordinates, caller), ("", "")
    try:
        data = check_array(X, accept_sparse=True, allow_nd=True, ensure_min_samples=2)
        data = data.reshape(len(data), -1) if data.ndim > 2 else data
        if isinstance(coordinates, str):
            return _METHODS[coordinates](data), (coordinates, "")
        if data.shape[1] == 2:
            first, second = getattr(X, "columns", ("feature 0", "feature 1"))
            return check_coordinates(data, caller), (str(first), str(second))
        pca = PCA(n_components=2, random_state=0)
        points = pca.fit_transform(data)
    except ValueError as error:
        must = "be numbers with two features or more unless 'coordinates' are given"
        raise wrong("X", caller, must, f"an error, {error},") from None
    shares = 100 * np.nan_to_num(pca.explained_variance_ratio_)
    first, second = (f"principal component ({share:.0f} % of variance)" for share in shares)
    return points, (f"1st {first}", f"2nd {second}")


def _by_tsne(data: Any) -> np.ndarray:
    init = "random" if issparse(data) else "pca"
    perplexity = min(30.0, (data.shape[0] - 1) / 3)
    return np.asarray(TSNE(init=init, perplexity=perplexity, random_state=0).fit_transform(data))


def _by_umap(data: Any) -> np.ndarray:
    umap = import_extra("umap", "umap", "coordinates='umap'")
    return np.asarray(umap.UMAP(random_state=0).fit_transform(data))


_METHODS: Final = {"tsne": _by_tsne, "umap": _by_umap}


def check_coordinates(coordinates: ArrayLike, caller: str) -> np.ndarray:
    """Return finite float64 coordinates of shape (n_samples, 2)."""
    try:
        points = np.asarray(coordinates, dtype=np.float64)
    except (TypeError, ValueError):
        points = np.empty(0)
    if points.ndim != 2 or points.shape[1] != 2 or not len(points) or not np.isfinite(points).all():
        must = "be finite numbers of shape (n_samples, 2), or for an estimator 'tsne' or 'umap'"
        raise wrong("coordinates", caller, must, repr(coordinates))
    return points
