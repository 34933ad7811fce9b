"""ComparisonDisplay: what several clusterers make of the same points."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike

from skcollision.metrics import match_labels
from skcollision.plotting._cluster_map import ClusterMapDisplay
from skcollision.plotting._colors import cluster_colors
from skcollision.plotting._map_points import as_names, certainty_of, coordinates_of
from skcollision.plotting._matplotlib import row_of_axes
from skcollision.plotting._responses import predicted_labels

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator


class ComparisonDisplay:
    """Maps of several clusterings of the same points, side by side.

    Clusters have the names and colours of what they are matched with: the classes, if they are
    given, or else the clusters of the first clusterer. A cluster without a match keeps its own
    name, in brackets. Use :meth:`from_estimators` or :meth:`from_predictions` to make one.

    Parameters
    ----------
    maps : mapping of str to ClusterMapDisplay
        The map of each clusterer, by its name, with matched labels.
    titles : sequence of str, default=None
        Title of each panel; None for the names.

    Attributes
    ----------
    ax_ : ndarray of shape (n_clusterers,) of matplotlib Axes
        The panels.
    figure_ : matplotlib Figure
        The figure around them.

    Raises
    ------
    ValueError
        If there are no maps, or not as many titles.

    See Also
    --------
    ClusterMapDisplay : One map.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> from sklearn.cluster import AgglomerativeClustering, KMeans
    >>> from skcollision.datasets import make_embeddings
    >>> from skcollision.plotting import ComparisonDisplay
    >>> X, y = make_embeddings(200, 3, 16, spread=0.5, random_state=0)
    >>> clusterers = [KMeans(3, n_init=1, random_state=0), AgglomerativeClustering(3)]
    >>> display = ComparisonDisplay.from_estimators([each.fit(X) for each in clusterers], X, y)
    >>> display.ax_[1].get_title()
    'AgglomerativeClustering: accuracy 1.000'
    """

    def __init__(
        self, maps: Mapping[str, ClusterMapDisplay], titles: Sequence[str] | None = None
    ) -> None:
        self.maps = dict(maps)
        self.titles = list(self.maps) if titles is None else list(titles)
        if not self.maps or len(self.titles) != len(self.maps):
            raise ValueError(
                "The 'maps' parameter of ComparisonDisplay must have one map at least, and "
                f"'titles' as many titles. Got {list(self.maps)} and {self.titles} instead."
            )

    @classmethod
    def from_estimators(
        cls,
        estimators: Mapping[str, BaseEstimator] | Sequence[BaseEstimator],
        X: ArrayLike,
        y: ArrayLike | None = None,
        *,
        coordinates: ArrayLike | None = None,
        regions: bool = True,
        ax: Any = None,
    ) -> Self:
        """Draw the maps of fitted clusterers.

        Parameters
        ----------
        estimators : mapping of str to estimator, or sequence of estimators
            Fitted clusterers, or pipelines or searches that have one, with their names or in
            sequence; the names are then those of their classes. See :class:`ClusterMapDisplay` for
            what they must have.
        X : array-like of shape (n_samples, n_features)
            Features; any input of the estimators if `coordinates` are given.
        y : array-like of shape (n_samples,), default=None
            Classes, to name clusters by; None to name them by those of the first clusterer.
        coordinates : array-like of shape (n_samples, 2), default=None
            A map made elsewhere; None for X itself if it has two features, and its first two
            principal components if it has more.
        regions : bool, default=True
            Whether to draw regions, by the nearest points on the map.
        ax : array-like of matplotlib Axes, one an estimator, or one to divide, default=None
            Where to draw; None for a new figure.

        Returns
        -------
        ComparisonDisplay
            The picture, drawn.

        Raises
        ------
        TypeError
            If an estimator has neither `predict` nor `labels_`.
        ValueError
            If there are no estimators, or as :meth:`from_predictions`.
        """
        named = _with_names(estimators)
        points, axis_names = coordinates_of(X, coordinates, cls.__name__)
        labels = {name: predicted_labels(each, X, cls.__name__) for name, each in named.items()}
        certainty = {name: certainty_of(each, X) for name, each in named.items()}
        return cls._from_matched(points, axis_names, labels, certainty, y, regions).plot(ax)

    @classmethod
    def from_predictions(
        cls,
        coordinates: ArrayLike,
        predictions: Mapping[str, ArrayLike],
        y_true: ArrayLike | None = None,
        *,
        regions: bool = True,
        ax: Any = None,
    ) -> Self:
        """Draw maps of predictions.

        Parameters
        ----------
        coordinates : array-like of shape (n_samples, 2)
            Places of the points.
        predictions : mapping of str to array-like of shape (n_samples,)
            The labels of each clusterer, by its name; -1 is noise.
        y_true : array-like of shape (n_samples,), default=None
            Classes, to name clusters by; None to name them by those of the first clusterer.
        regions : bool, default=True
            Whether to draw regions, by the nearest points on the map.
        ax : array-like of matplotlib Axes, one a clusterer, or one to divide, default=None
            Where to draw; None for a new figure.

        Returns
        -------
        ComparisonDisplay
            The picture, drawn.

        Raises
        ------
        ValueError
            If labels or coordinates are invalid or differ in length.
        """
        certainty = dict.fromkeys(predictions)
        display = cls._from_matched(
            np.asarray(coordinates), ("", ""), predictions, certainty, y_true, regions
        )
        return display.plot(ax)

    @classmethod
    def _from_matched(
        cls,
        points: np.ndarray,
        axis_names: tuple[str, str],
        labels: Mapping[str, ArrayLike],
        certainty: Mapping[str, np.ndarray | None],
        y: ArrayLike | None,
        regions: bool,
    ) -> Self:
        """Match the clusters of each clusterer with the classes, or those of the first."""
        maps: dict[str, ClusterMapDisplay] = {}
        titles = []
        truth = None if y is None else as_names(y, cls.__name__)
        first = truth
        for name, raw in labels.items():
            own = as_names(raw, cls.__name__)
            first = own if first is None else first
            matched = _matched(first, own)
            agreement = np.mean(matched == first)
            if truth is not None:
                titles.append(f"{name}: accuracy {agreement:.3f}")
            else:
                titles.append(f"{name}: agreement {agreement:.3f}" if maps else name)
            maps[name] = ClusterMapDisplay(points, matched, certainty[name], None, axis_names)
            if regions:
                maps[name].add_neighbor_regions()
        return cls(maps, titles)

    def plot(self, ax: Any = None) -> Self:
        """Draw the maps.

        Parameters
        ----------
        ax : array-like of matplotlib Axes, one a clusterer, or one to divide, default=None
            Where to draw; None for a new figure.

        Returns
        -------
        ComparisonDisplay
            Itself, with the artists as attributes; those of each panel are its map's.

        Raises
        ------
        ValueError
            If `ax` is neither None, nor as many axes as maps, nor one of a grid.
        ImportError
            If matplotlib is not installed.
        """
        maps = list(self.maps.values())
        self.ax_ = row_of_axes(type(self).__name__, ax, len(maps), (5.2 * len(maps), 4.8))
        self.figure_ = self.ax_[0].figure
        names = np.concatenate([each.labels for each in maps])
        colors = cluster_colors(names, np.concatenate([each.coordinates for each in maps]))
        for axes, title, each in zip(self.ax_, self.titles, maps, strict=True):
            each.plot(axes, colors=colors)
            axes.set_title(title)
        return self


def _with_names(estimators: Any) -> dict[str, Any]:
    """Name estimators by their classes, with a number where there are several of one."""
    if isinstance(estimators, Mapping):
        return dict(estimators)
    kinds = [type(each).__name__ for each in estimators]
    names = [
        kind if kinds.count(kind) == 1 else f"{kind} {kinds[: i + 1].count(kind)}"
        for i, kind in enumerate(kinds)
    ]
    return dict(zip(names, estimators, strict=True))


def _matched(reference: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Rename clusters after what they are matched with; noise stays noise and matches nothing."""
    if len(reference) != len(labels):
        raise ValueError(
            "The labels that ComparisonDisplay compares must have the same length. "
            f"Got {len(reference)} and {len(labels)} instead."
        )
    known = (labels != "-1") & (reference != "-1")
    renamed = match_labels(reference[known], labels[known]).to_dict() if known.any() else {}
    names, index = np.unique(labels, return_inverse=True)
    return np.array(
        [name if name == "-1" else renamed.get(name, f"({name})") for name in names.tolist()]
    )[index]
