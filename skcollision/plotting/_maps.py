"""Maps of the plane: where the clusters lie."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from textwrap import wrap
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.neighbors import NearestNeighbors

from skcollision._errors import wrong
from skcollision._extras import import_extra
from skcollision.metrics._matching import check_labels
from skcollision.plotting._coordinates import check_coordinates, coordinates_of
from skcollision.plotting._display import PALETTE, Display, certainty_of, predicted_labels
from skcollision.plotting._map_names import write_names

# Cells of the regions in either direction, and the margin around the points as a share of the map.
_RESOLUTION, _MARGIN = 200, 0.04
_N_NEIGHBORS = 15
_TINY = np.finfo(np.float64).tiny
# Opacity of points and regions of certainty 0 and 1.
_POINTS, _REGIONS = (0.1, 0.9), (0.0, 0.35)


class MapRegions(NamedTuple):
    """Cluster and certainty of each cell of a regular grid, rows from the bottom up."""

    extent: tuple[float, ...]  # left, right, bottom, top
    labels: np.ndarray
    certainty: np.ndarray


def as_names(labels: ArrayLike, caller: str) -> np.ndarray:
    """Return the name of each point's cluster, a string."""
    checked = check_labels(labels, "labels", caller)
    return (checked.astype(np.int64) if checked.dtype.kind == "f" else checked).astype(str)


def sorted_names(labels: np.ndarray) -> list[str]:
    """Return the distinct names of clusters, numbers by value, without noise."""
    names = set(np.unique(labels).tolist()) - {"-1"}
    return sorted(names, key=lambda name: (not name.isdigit(), len(name) * name.isdigit(), name))


def cluster_colors(labels: np.ndarray, coordinates: np.ndarray) -> dict[str, str]:
    """Give each cluster a colour, that which is farthest away on the map; noise, "-1", is grey."""
    scale = np.maximum(coordinates.std(axis=0), _TINY)
    colors = {"-1": "#d0d0d0"}
    bearers: list[list[np.ndarray]] = [[] for _ in PALETTE]
    for name in sorted_names(labels):
        center = np.median(coordinates[labels == name] / scale, axis=0)
        gaps = [min((math.dist(center, each) for each in held), default=np.inf) for held in bearers]
        choice = int(np.argmax(gaps))
        bearers[choice].append(center)
        colors[name] = PALETTE[choice]
    return colors


def rgba(
    names: np.ndarray,
    certainty: np.ndarray,
    colors: Mapping[str, Any],
    opacity: tuple[float, float],
) -> np.ndarray:
    """Return colours with four channels; certainties 0 and 1 have the opacities given."""
    from matplotlib.colors import to_rgba_array

    distinct, index = np.unique(names, return_inverse=True)
    result = to_rgba_array([colors[name] for name in distinct])[index.reshape(names.shape)]
    result[..., 3] = np.interp(certainty, [0, 1], opacity)
    return result


def _grid(coordinates: np.ndarray) -> tuple[tuple[float, ...], np.ndarray]:
    """Return the extent of a map and the centres of its cells, row by row from the bottom."""
    low, high = coordinates.min(axis=0), coordinates.max(axis=0)
    margin = np.where(high > low, _MARGIN * (high - low), 1.0)
    low, high = low - margin, high + margin
    steps = (np.arange(_RESOLUTION) + 0.5) / _RESOLUTION
    x, y = (low + steps[:, None] * (high - low)).T
    grid = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
    return tuple(np.ravel([low, high], "F").tolist()), grid


@dataclass(eq=False, repr=False)
class ClusterMapDisplay(Display):
    """Points on a map, coloured by cluster; the less certain, the more transparent.

    Behind them are the regions of the clusters. A clusterer of two features has its own; of more
    features a map is only a shadow, so each place is given to the cluster that most of the 15
    nearest points on the map are in. Each cluster's name stands at the median of its points, or as
    near as there is place. More than ten clusters repeat colours, far from each other.

    Parameters
    ----------
    coordinates : array-like of shape (n_samples, 2)
        Places of the points.
    labels : array-like of shape (n_samples,)
        Cluster of each point, an integer or a string; -1 is noise, drawn in grey.
    certainty : array-like of shape (n_samples,), default=None
        From 0 to 1; None for all certain.
    regions : named tuple (extent, labels, certainty), default=None
        Left, right, bottom and top of a regular grid, and the name and certainty of the cluster in
        each cell, of shape (n_rows, n_columns), from the bottom up; None for no regions.
    axis_names : tuple of 2 str, default=("", "")
        What the coordinates are.
    colors : mapping of str to colour, default=None
        Colour of each cluster by its name; None for distinguishable ones.

    Attributes
    ----------
    points_, regions_ : matplotlib PathCollection, and AxesImage or None
        The points, in random order, pixels also in vector formats; and the regions.
    names_ : dict of str to matplotlib Text
        The name of each cluster. Where it would overlap that of a larger one, it stands beside its
        cluster, with a line to it, or where there is no place either, in a legend beside the map.
    colors_ : dict of str to str
        The colour of each cluster.

    Examples
    --------
    >>> from sklearn.cluster import KMeans
    >>> from skcollision.datasets import make_embeddings
    >>> from skcollision.plotting import ClusterMapDisplay
    >>> X, _ = make_embeddings(200, 3, 16, random_state=0)
    >>> kmeans = KMeans(n_clusters=3, n_init=10, random_state=0).fit(X)
    >>> sorted(ClusterMapDisplay.from_estimator(kmeans, X).names_)
    ['0', '1', '2']
    """

    coordinates: Any
    labels: Any
    certainty: Any = None
    regions: MapRegions | None = None
    axis_names: tuple[str, str] = ("", "")
    colors: Mapping[str, Any] | None = None
    _figsize = 6.4, 5.6

    def __post_init__(self) -> None:
        name = type(self).__name__
        self.coordinates = check_coordinates(self.coordinates, name)
        self.labels = as_names(self.labels, name)
        n_points = len(self.coordinates)
        if len(self.labels) != n_points:
            must = f"have the same length as 'coordinates', {n_points}"
            raise wrong("labels", name, must, len(self.labels))
        if self.certainty is None:
            return
        self.certainty = values = np.asarray(self.certainty, dtype=np.float64)
        # Half precision may make a little more of 1.
        if values.shape != (n_points,) or not ((values >= 0) & (values <= 1.01)).all():
            must = f"be {n_points} numbers from 0 to 1, one a point"
            raise wrong("certainty", name, must, repr(values))

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: ArrayLike,
        *,
        coordinates: ArrayLike | str | None = None,
        regions: bool = True,
        ax: Any = None,
    ) -> Self:
        """Draw the map of a fitted clusterer.

        Parameters
        ----------
        estimator : estimator
            Fitted clusterer, or a pipeline or search that has one. Certainty is the largest of its
            `predict_proba`, if it has one. Without `predict`, its `labels_` are used, and X must be
            the data of its fit.
        X : array-like of shape (n_samples, n_features)
            Features; any input of the estimator if `coordinates` are given.
        coordinates : array-like of shape (n_samples, 2), "tsne" or "umap", default=None
            A map made elsewhere, or how to make one of X: "umap" needs the extra umap. None for X
            itself if it has two features, and its first two principal components if it has more.
        regions, ax
            As :meth:`from_predictions`.

        Raises
        ------
        TypeError, ValueError
            If the estimator has neither `predict` nor `labels_`; if X cannot be mapped and there
            are no coordinates, or they do not fit.
        """
        labels = predicted_labels(estimator, X, cls.__name__)
        certainty = certainty_of(estimator, X)
        points, axis_names = coordinates_of(X, coordinates, cls.__name__)
        display = cls(points, labels, certainty, None, axis_names)
        is_plane = coordinates is None and np.shape(X)[1] == 2 and hasattr(estimator, "predict")
        if regions and is_plane:
            display._add_own_regions(estimator, X)
        elif regions:
            display.add_neighbor_regions()
        return display.plot(ax)

    @classmethod
    def from_predictions(
        cls,
        coordinates: ArrayLike,
        y_pred: ArrayLike,
        *,
        certainty: ArrayLike | None = None,
        regions: bool = True,
        ax: Any = None,
    ) -> Self:
        """Draw a map of predictions.

        Parameters
        ----------
        coordinates, y_pred, certainty
            As `coordinates`, `labels` and `certainty` of the class.
        regions : bool, default=True
            Whether to draw regions.
        ax : matplotlib Axes, default=None
            Where to draw; None for a new figure.
        """
        display = cls(coordinates, y_pred, certainty)
        if regions:
            display.add_neighbor_regions()
        return display.plot(ax)

    def _add_own_regions(self, estimator: Any, X: Any) -> None:
        """Give each place of two features to the cluster that the estimator predicts."""
        extent, grid = _grid(self.coordinates)
        points: Any = grid
        if hasattr(X, "columns"):  # estimators warn of columns that have lost their names
            points = type(X)(dict(zip(X.columns, grid.T, strict=True)))
        certainty = certainty_of(estimator, points)
        names = np.asarray(estimator.predict(points)).astype(str)
        self._set_regions(extent, names, np.ones(len(grid)) if certainty is None else certainty)

    def add_neighbor_regions(self) -> None:
        """Give each place on the map to the cluster that most of the nearest points are in."""
        extent, grid = _grid(self.coordinates)
        scale = np.maximum(self.coordinates.std(axis=0), _TINY)
        n_neighbors = min(_N_NEIGHBORS, len(self.labels))
        search = NearestNeighbors(n_neighbors=n_neighbors).fit(self.coordinates / scale)
        distance, nearest = search.kneighbors(grid / scale)
        # Each neighbour votes with its certainty; the winner's share is the place's certainty.
        names, index = np.unique(self.labels, return_inverse=True)
        weight = self._certainty()
        votes = np.zeros((len(grid), len(names)))
        np.add.at(votes, (np.arange(len(grid))[:, None], index[nearest]), weight[nearest])
        share = votes.max(axis=1) / n_neighbors
        # Away from the points the vote says nothing: it fades where the last neighbour is far.
        reach = np.quantile(search.kneighbors(self.coordinates / scale)[0][:, -1], 0.95)
        share *= np.clip(reach / np.maximum(distance[:, -1], _TINY), 0, 1) ** 2
        self._set_regions(extent, names[votes.argmax(axis=1)], share)

    def _set_regions(
        self, extent: tuple[float, ...], names: np.ndarray, certainty: np.ndarray
    ) -> None:
        shape = (_RESOLUTION, _RESOLUTION)
        self.regions = MapRegions(extent, names.reshape(shape), certainty.reshape(shape))

    def interactive(self, items: Sequence[Any] | None = None) -> Any:
        """Make a map to move about in, which shows the item of the point under the mouse.

        Parameters
        ----------
        items : sequence of length n_samples, default=None
            What to show of each point, such as its text; None for its number.

        Returns
        -------
        plotly Figure
            Shown by a notebook; its ``write_html`` writes a file. It needs the extra "interactive".

        Raises
        ------
        ValueError
            If there is not one item a point.
        """
        plotly = import_extra("plotly.graph_objects", "interactive", "An interactive map")
        items = range(len(self.labels)) if items is None else items
        texts = np.array(["<br>".join(wrap(escape(str(item)))) for item in items])
        if len(texts) != len(self.labels):
            must = f"have one entry a point, {len(self.labels)}"
            raise wrong("items", f"{type(self).__name__}.interactive", must, len(texts))
        colors = self.colors or cluster_colors(self.labels, self.coordinates)
        opacity = np.interp(self._certainty(), [0, 1], _POINTS)
        axis = {"visible": False}
        figure = plotly.Figure(layout={"template": "none", "xaxis": axis, "yaxis": axis})
        # Little around the map, or a narrow screen would have no place for it.
        figure.update_layout(margin={"l": 10, "r": 10, "t": 30, "b": 10}, legend_title="cluster")
        for name in [*sorted_names(self.labels), *({"-1"} & {*self.labels})]:
            rows = self.labels == name
            x, y = self.coordinates[rows].T
            style = {"marker": {"color": colors[name], "opacity": opacity[rows]}, "mode": "markers"}
            style |= {"name": name, "text": texts[rows], "hoverinfo": "text+name"}
            figure.add_scattergl(x=x, y=y, **style)
        return figure

    def _certainty(self) -> np.ndarray:
        return np.ones(len(self.labels)) if self.certainty is None else self.certainty

    def _draw(self, axes: Any) -> None:
        self.colors_ = dict(self.colors or cluster_colors(self.labels, self.coordinates))
        self.regions_ = None
        if self.regions is not None:
            colors = rgba(self.regions.labels, self.regions.certainty, self.colors_, _REGIONS)
            style: dict[str, Any] = {"origin": "lower", "interpolation": "nearest"}
            style |= {"extent": self.regions.extent, "aspect": "auto"}
            self.regions_ = axes.imshow(colors, **style)
        # At random, or the last cluster would cover the others.
        order = np.random.default_rng(0).permutation(len(self.labels))
        colors = rgba(self.labels[order], self._certainty()[order], self.colors_, _POINTS)
        style = {"s": np.clip(2e4 / len(order), 3, 30), "linewidths": 0, "rasterized": True}
        self.points_ = axes.scatter(*self.coordinates[order].T, c=colors, **style)
        shown = {name: self.colors_[name] for name in sorted_names(self.labels)}
        self.names_ = write_names(axes, self.coordinates, self.labels, shown)
        legend = axes.get_legend()
        if self._is_new_figure and legend is not None:  # beside the map, which stays as wide
            width = legend.get_window_extent().width / self.figure_.dpi
            self.figure_.set_figwidth(self._figsize[0] + width)
        axes.set(xticks=[], yticks=[], xlabel=self.axis_names[0], ylabel=self.axis_names[1])
