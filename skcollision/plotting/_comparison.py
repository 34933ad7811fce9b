"""Maps side by side: what several clusterers make of the same points."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from skcollision._errors import wrong
from skcollision.metrics import match_labels
from skcollision.plotting._coordinates import coordinates_of
from skcollision.plotting._display import Display, certainty_of, predicted_labels
from skcollision.plotting._maps import ClusterMapDisplay, as_names, cluster_colors


@dataclass(eq=False, repr=False)
class ComparisonDisplay(Display):
    """Maps of several clusterings of the same points, side by side.

    Clusters have the names and colours of what they are matched with: the classes, if they are
    given, or else the clusters of the first clusterer. A cluster without a match keeps its own
    name, in brackets.

    Parameters
    ----------
    maps : mapping of str to ClusterMapDisplay
        The map of each clusterer, by its name, with matched labels.
    titles : sequence of str, default=None
        Title of each panel; None for the names.

    Attributes
    ----------
    ax_ : ndarray of shape (n_clusterers,) of matplotlib Axes
        Where the maps were drawn. The artists of a panel are attributes of its map.

    Examples
    --------
    >>> from sklearn.cluster import AgglomerativeClustering, KMeans
    >>> from skcollision.datasets import make_embeddings
    >>> from skcollision.plotting import ComparisonDisplay
    >>> X, y = make_embeddings(200, 3, 16, spread=0.5, random_state=0)
    >>> clusterers = [KMeans(3, n_init=10, random_state=0), AgglomerativeClustering(3)]
    >>> display = ComparisonDisplay.from_estimators([each.fit(X) for each in clusterers], X, y)
    >>> display.ax_[1].get_title()
    'AgglomerativeClustering: accuracy 1.000'
    """

    maps: Mapping[str, ClusterMapDisplay]
    titles: Sequence[str] | None = None

    def __post_init__(self) -> None:
        n_maps, titles = len(self.maps), [*(self.maps if self.titles is None else self.titles)]
        if not n_maps or len(titles) != n_maps:
            must = "have one map at least, and 'titles' as many titles"
            raise wrong("maps", type(self).__name__, must, f"{[*self.maps]} and {titles}")
        self.titles, self._figsize, self._n_panels = titles, (5.2 * n_maps, 4.8), n_maps

    @classmethod
    def from_estimators(
        cls,
        estimators: Mapping[str, Any] | Sequence[Any],
        X: ArrayLike,
        y: ArrayLike | None = None,
        *,
        coordinates: ArrayLike | str | None = None,
        regions: bool = True,
        ax: Any = None,
    ) -> Self:
        """Draw the maps of fitted clusterers.

        Parameters
        ----------
        estimators : mapping of str to estimator, or sequence of estimators
            Fitted clusterers with their names, or in sequence, named by their classes.
        X, coordinates
            As :meth:`ClusterMapDisplay.from_estimator`, as is each estimator.
        y, regions, ax
            As `y_true` and so on of :meth:`from_predictions`.
        """
        points, axis_names = coordinates_of(X, coordinates, cls.__name__)
        maps = {}
        if not isinstance(estimators, Mapping):
            kinds = [type(each).__name__ for each in estimators]
            # With a number where there are several of one class.
            names = [
                kind if kinds.count(kind) == 1 else f"{kind} {kinds[: i + 1].count(kind)}"
                for i, kind in enumerate(kinds)
            ]
            estimators = dict(zip(names, estimators, strict=True))
        for name, each in estimators.items():
            labels, certainty = predicted_labels(each, X, cls.__name__), certainty_of(each, X)
            maps[name] = ClusterMapDisplay(points, labels, certainty, None, axis_names)
        return cls._matched(maps, y, regions).plot(ax)

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

        Raises
        ------
        ValueError
            If labels or coordinates are invalid or differ in length.
        """
        maps = {name: ClusterMapDisplay(coordinates, y) for name, y in predictions.items()}
        return cls._matched(maps, y_true, regions).plot(ax)

    @classmethod
    def _matched(
        cls, maps: dict[str, ClusterMapDisplay], y: ArrayLike | None, regions: bool
    ) -> Self:
        """Rename the clusters of each map after the classes, or those of the first map."""
        reference = None if y is None else as_names(y, cls.__name__)
        titles: list[str] = []
        for name, each in maps.items():
            reference = each.labels if reference is None else reference
            each.labels = _renamed(each.labels, reference)
            score = np.mean(each.labels == reference)
            kind = "agreement" if y is None else "accuracy"
            is_reference = y is None and not titles
            titles.append(name if is_reference else f"{name}: {kind} {score:.3f}")
            if regions:
                each.add_neighbor_regions()
        return cls(maps, titles)

    def _draw(self, axes: Any) -> None:
        maps = list(self.maps.values())
        names = np.concatenate([each.labels for each in maps])
        colors = cluster_colors(names, np.concatenate([each.coordinates for each in maps]))
        for panel, title, each in zip(axes, self.titles or [], maps, strict=True):
            each.colors = colors
            each.plot(panel)
            panel.set_title(title)


def _renamed(labels: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Name clusters after what they are matched with; noise stays noise and matches nothing."""
    if len(reference) != len(labels):
        must = f"have labels of the same length, {len(reference)}"
        raise wrong("predictions", "ComparisonDisplay", must, len(labels))
    known = (labels != "-1") & (reference != "-1")
    renamed = match_labels(reference[known], labels[known]).to_dict() if known.any() else {}
    names, index = np.unique(labels, return_inverse=True)
    return np.array(
        [name if name == "-1" else renamed.get(name, f"({name})") for name in names.tolist()]
    )[index]
