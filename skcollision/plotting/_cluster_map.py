"""ClusterMapDisplay: where the clusters lie, on a map of the plane."""

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from skcollision.plotting._display import INK, Display, certainty_of, predicted_labels
from skcollision.plotting._map import (
    MapRegions,
    as_names,
    check_coordinates,
    cluster_colors,
    coordinates_of,
    regions_of_estimator,
    regions_of_neighbors,
    rgba,
    sorted_names,
)

# Opacity of points and regions of certainty 0 and 1.
_POINTS, _REGIONS = (0.1, 0.9), (0.0, 0.35)


class ClusterMapDisplay(Display):
    """Points on a map, coloured by cluster; the less certain, the more transparent.

    Behind them are the regions of the clusters. A clusterer of two features has its own; of more
    features a map is only a shadow, on which the boundaries are no lines, so each place is given to
    the cluster that most of the 15 nearest points on the map are in. Each cluster's name stands at
    the median of its points. The ten colours are ones that colour-blind readers can tell apart
    (Petroff, arXiv:2107.02270); more than ten clusters repeat them, far from each other.

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

    Attributes
    ----------
    ax_, figure_ : matplotlib Axes and Figure
        Where the map was drawn.
    points_ : matplotlib PathCollection
        The points, in random order; pixels also in vector formats.
    regions_ : matplotlib AxesImage or None
        The regions.
    names_ : dict of str to matplotlib Text
        The name of each cluster on the map; hidden where it would overlap that of a larger one.
    colors_ : dict of str to str
        The colour of each cluster.

    Examples
    --------
    >>> from sklearn.cluster import KMeans
    >>> from skcollision.datasets import make_embeddings
    >>> from skcollision.plotting import ClusterMapDisplay
    >>> X, _ = make_embeddings(200, 3, 16, random_state=0)
    >>> kmeans = KMeans(n_clusters=3, n_init=1, random_state=0).fit(X)
    >>> sorted(ClusterMapDisplay.from_estimator(kmeans, X).names_)
    ['0', '1', '2']
    """

    _figsize = 6.4, 5.6

    def __init__(
        self,
        coordinates: ArrayLike,
        labels: ArrayLike,
        certainty: ArrayLike | None = None,
        regions: MapRegions | None = None,
        axis_names: tuple[str, str] = ("", ""),
    ) -> None:
        name = type(self).__name__
        self.coordinates = check_coordinates(coordinates, name)
        self.labels = as_names(labels, name)
        self.certainty = None if certainty is None else np.asarray(certainty, dtype=np.float64)
        self.regions = regions
        self.axis_names = axis_names
        if len(self.labels) != len(self.coordinates):
            raise ValueError(
                f"The 'coordinates' and 'labels' parameters of {name} must have the same length. "
                f"Got {len(self.coordinates)} and {len(self.labels)} instead."
            )
        if self.certainty is not None and not (
            self.certainty.shape == self.labels.shape
            and (self.certainty >= 0).all()
            and (self.certainty <= 1 + 1e-2).all()  # what half precision makes of 1
        ):
            raise ValueError(
                f"The 'certainty' parameter of {name} must be {len(self.labels)} numbers from 0 "
                f"to 1, one a point. Got {certainty!r} instead."
            )

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: ArrayLike,
        *,
        coordinates: ArrayLike | None = None,
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
        coordinates : array-like of shape (n_samples, 2), default=None
            A map made elsewhere, by t-SNE or UMAP, say. None for X itself if it has two features,
            and its first two principal components if it has more.
        regions, ax
            As :meth:`from_predictions`.

        Raises
        ------
        TypeError
            If the estimator has neither `predict` nor `labels_`.
        ValueError
            If X cannot be mapped and there are no coordinates, or they do not fit.
        """
        labels = predicted_labels(estimator, X, cls.__name__)
        certainty = certainty_of(estimator, X)
        points, axis_names = coordinates_of(X, coordinates, cls.__name__)
        display = cls(points, labels, certainty, None, axis_names)
        is_plane = coordinates is None and np.shape(X)[1] == 2
        if regions and is_plane and hasattr(estimator, "predict"):
            display.regions = regions_of_estimator(estimator, X, display.coordinates)
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

    def add_neighbor_regions(self) -> None:
        """Give each place on the map to the cluster that most of the nearest points are in."""
        self.regions = regions_of_neighbors(self.coordinates, self.labels, self.certainty)

    def plot(self, ax: Any = None, *, colors: Mapping[str, Any] | None = None) -> Self:
        """Draw the map.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None for a new figure.
        colors : mapping of str to colour, default=None
            Colour of each cluster by its name; None for distinguishable ones.

        Returns
        -------
        self
            With the artists as attributes.
        """
        self.colors_ = dict(colors or cluster_colors(self.labels, self.coordinates))
        return super().plot(ax)

    def _draw(self, axes: Any) -> None:
        self.regions_ = None
        if self.regions is not None:
            self.regions_ = axes.imshow(
                rgba(self.regions.labels, self.regions.certainty, self.colors_, _REGIONS),
                extent=self.regions.extent,
                origin="lower",
                interpolation="nearest",
                aspect="auto",
            )
        certainty = np.ones(len(self.labels)) if self.certainty is None else self.certainty
        # At random, or the last cluster would cover the others.
        order = np.random.default_rng(0).permutation(len(self.labels))
        self.points_ = axes.scatter(
            *self.coordinates[order].T,
            c=rgba(self.labels[order], certainty[order], self.colors_, _POINTS),
            s=np.clip(2e4 / len(self.labels), 3, 30),
            linewidths=0,
            rasterized=True,
        )
        self.names_ = self._write_names(axes)
        axes.set(xticks=[], yticks=[], xlabel=self.axis_names[0], ylabel=self.axis_names[1])

    def _write_names(self, axes: Any) -> dict[str, Any]:
        """Write the name of each cluster at the median of its points, the largest cluster first."""
        from matplotlib.patheffects import withStroke

        names = sorted_names(self.labels)
        size = 12 if len(names) <= 20 else 8
        # Extent of a character in pixels, about.
        box = np.array([0.65, 1.1]) * size * self.figure_.dpi / 72
        style: dict[str, Any] = {"ha": "center", "va": "center", "fontweight": "bold"}
        style |= {"path_effects": [withStroke(linewidth=2.5, foreground="white")]}
        texts: dict[str, Any] = {}
        taken: list[tuple[np.ndarray, np.ndarray]] = []
        for name in sorted(names, key=lambda name: -np.count_nonzero(self.labels == name)):
            median = np.median(self.coordinates[self.labels == name], axis=0)
            place, extent = axes.transData.transform(median), box * (len(name), 1)
            is_free = all((2 * abs(place - p) >= extent + e).any() for p, e in taken)
            if is_free:
                taken.append((place, extent))
            texts[name] = axes.text(
                *median, name, color=INK, fontsize=size, visible=is_free, **style
            )
        return texts
