"""How the points are shared among the clusters, and which classes the clusters hold."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from skcollision._errors import wrong
from skcollision.metrics import _matching as matching
from skcollision.plotting import _display as base
from skcollision.plotting._display import INK, PALETTE, Display, write_cells


@dataclass(eq=False, repr=False)
class ClusterSizesDisplay(Display):
    """Sizes of the clusters, the largest first, beside the proportions that were aimed at.

    Parameters
    ----------
    sizes : array-like of shape (n_clusters,)
        Points, or their total weight, in each cluster.
    clusters : array-like of shape (n_clusters,)
        Names of the clusters.
    prior : array-like of shape (n_clusters,), default=None
        Target proportions, which sum to 1; None for none.

    Attributes
    ----------
    bars_, prior_ : matplotlib BarContainer, and LineCollection or None
        Share of the points in each cluster, falling, and its target, a line across the bar.

    Examples
    --------
    >>> from skcollision.plotting import ClusterSizesDisplay
    >>> display = ClusterSizesDisplay.from_predictions([0, 2, 2, 2], clusters=[0, 1, 2])
    >>> [float(bar.get_height()) for bar in display.bars_]
    [0.75, 0.25, 0.0]
    """

    sizes: Any
    clusters: Any
    prior: Any = None

    def __post_init__(self) -> None:
        caller = type(self).__name__
        base.as_vectors(self, "sizes", "clusters")
        self._figsize = max(6.4, 0.16 * len(self.sizes)), 4.0
        if not (self.sizes >= 0).all() or not np.isfinite(self.sizes.sum()) or not self.sizes.any():
            raise wrong("sizes", caller, "be non-negative, finite and not all zero", self.sizes)
        if self.prior is None:
            return
        self.prior = np.asarray(self.prior, dtype=np.float64)
        is_valid = self.prior.shape == self.sizes.shape and (self.prior >= 0).all()
        if not is_valid or not np.isclose(self.prior.sum(), 1, atol=1e-3):
            must = f"be {len(self.sizes)} proportions that sum to 1, one a cluster"
            raise wrong("prior", caller, must, self.prior)

    @classmethod
    def from_estimator(cls, estimator: Any, X: ArrayLike, **options: Any) -> Self:
        """Draw the sizes of a fitted clusterer's clusters, empty ones among them.

        Parameters
        ----------
        estimator, X
            As :meth:`ClusterMapDisplay.from_estimator`; `class_prior_`, if there is one, is the
            target.
        **options
            `sample_weight` and `ax` of :meth:`from_predictions`.
        """
        labels = base.predicted_labels(estimator, X, cls.__name__)
        model = base.final_estimator(estimator)
        prior = getattr(model, "class_prior_", None)
        clusters = getattr(model, "classes_", None if prior is None else range(len(prior)))
        return cls.from_predictions(labels, clusters=clusters, prior=prior, **options)

    @classmethod
    def from_predictions(
        cls,
        y_pred: ArrayLike,
        *,
        clusters: ArrayLike | None = None,
        prior: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
        ax: Any = None,
    ) -> Self:
        """Draw the sizes of clusters.

        Parameters
        ----------
        y_pred, sample_weight : array-like of shape (n_samples,)
            Cluster of each point, integers or strings, and its weight, None for 1.
        clusters : array-like of shape (n_clusters,), default=None
            All clusters, so that empty ones are shown; None for those in `y_pred`.
        prior : array-like of shape (n_clusters,), default=None
            Target proportions in the order of `clusters`.
        ax : matplotlib Axes, default=None
            Where to draw; None for a new figure, wider for many clusters.

        Raises
        ------
        ValueError
            If labels, weights or prior are invalid, or a point's cluster is not in `clusters`.
        """
        labels = matching.check_labels(y_pred, "y_pred", cls.__name__)
        weight = matching.check_weights(sample_weight, len(labels), cls.__name__)
        names = np.unique(labels) if clusters is None else np.asarray(clusters)
        unknown = np.setdiff1d(labels, names).tolist()
        if unknown:
            got = f"{names.tolist()}, without {unknown[:5]},"
            raise wrong("clusters", cls.__name__, "have every label of 'y_pred'", got)
        order = np.argsort(names)
        index = order[np.searchsorted(names, labels, sorter=order)]
        sizes = np.bincount(index, weights=weight, minlength=len(names))
        return cls(sizes, names, prior).plot(ax)

    def _draw(self, axes: Any) -> None:
        order = np.argsort(-self.sizes, kind="stable")
        positions = np.arange(len(order))
        shares = self.sizes[order] / self.sizes.sum()
        self.bars_ = axes.bar(positions, shares, color=PALETTE[0], label="share of points")
        self.prior_ = None
        if self.prior is not None:
            style: dict[str, Any] = {"color": INK, "linewidth": 2, "label": "target (prior)"}
            lines = self.prior[order], positions - 0.45, positions + 0.45
            self.prior_ = axes.hlines(*lines, **style)
            axes.legend()
        axes.set(xlabel="cluster", ylabel="share of points", xlim=(-0.7, len(order) - 0.3))
        base.name_ticks(axes.xaxis, [str(name) for name in self.clusters[order]])


_TOTALS = {"true": 1, "pred": 0, "all": None}


@dataclass(eq=False, repr=False)
class MatchedConfusionMatrixDisplay(Display):
    """Confusion matrix of classes and clusters, each cluster in the column of its class.

    Clusters are matched one-to-one with classes, as :func:`~skcollision.metrics.match_labels` does,
    so what is on the diagonal is right. Classes without a cluster are the last rows, clusters
    without a class the last columns. Empty cells are zero.

    Parameters
    ----------
    confusion_matrix : array-like of shape (n_classes, n_clusters)
        Points, or shares of them, of each class in each cluster; pairs on the diagonal.
    classes, clusters : array-like of shape (n_classes,) and (n_clusters,)
        Names of the rows and the columns.
    accuracy : float, default=None
        Clustering accuracy, a fraction, for the title.

    Attributes
    ----------
    image_, text_ : matplotlib AxesImage, and ndarray (n_classes, n_clusters) of Text or None
        The matrix and its values; None for zeros, and altogether where they do not fit.

    Examples
    --------
    >>> from skcollision.plotting import MatchedConfusionMatrixDisplay
    >>> y_true, y_pred = ["ant", "ant", "bee", "bee"], [1, 1, 0, 1]
    >>> display = MatchedConfusionMatrixDisplay.from_predictions(y_true, y_pred)
    >>> display.confusion_matrix.tolist(), display.clusters.tolist()
    ([[2, 0], [1, 1]], [1, 0])
    """

    confusion_matrix: Any
    classes: Any
    clusters: Any
    accuracy: float | None = None

    def __post_init__(self) -> None:
        self.confusion_matrix = np.asarray(self.confusion_matrix)
        self.classes, self.clusters = np.asarray(self.classes), np.asarray(self.clusters)
        shape, wanted = self.confusion_matrix.shape, (*self.classes.shape, *self.clusters.shape)
        if shape != wanted:
            must = f"have a row for each class and a column for each cluster, {wanted}"
            raise wrong("confusion_matrix", type(self).__name__, must, f"shape {shape}")
        # At 0.2 inches a row all names can be read.
        self._figsize = max(6.0, 2.0 + 0.2 * shape[1]), max(5.0, 1.0 + 0.2 * shape[0])

    @classmethod
    def from_estimator(cls, estimator: Any, X: ArrayLike, y: ArrayLike, **options: Any) -> Self:
        """Draw the matrix of a fitted clusterer.

        Parameters
        ----------
        estimator, X
            As :meth:`ClusterMapDisplay.from_estimator`.
        y, **options
            As `y_true` and the keyword parameters of :meth:`from_predictions`.
        """
        y_pred = base.predicted_labels(estimator, X, cls.__name__)
        return cls.from_predictions(y, y_pred, **options)

    @classmethod
    def from_predictions(
        cls,
        y_true: ArrayLike,
        y_pred: ArrayLike,
        *,
        sample_weight: ArrayLike | None = None,
        normalize: str | None = None,
        ax: Any = None,
    ) -> Self:
        """Draw the matrix of classes and clusters.

        Parameters
        ----------
        y_true, y_pred : array-like of shape (n_samples,)
            Class and cluster of each point: integers, booleans or strings.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights of the points.
        normalize : {"true", "pred", "all"}, default=None
            Divide by the totals of classes, clusters or all points.
        ax : matplotlib Axes, default=None
            Where to draw; None for a new figure, larger for many classes.

        Raises
        ------
        ValueError
            If labels or weights are invalid, or `normalize` is none of the above.
        """
        name = cls.__name__
        if normalize is not None and normalize not in _TOTALS:
            raise wrong("normalize", name, f"be None or one of {[*_TOTALS]}", repr(normalize))
        clusters, classes, table = matching.contingency_table(y_true, y_pred, sample_weight, name)
        rows, columns = matching.optimal_pairs(table)
        accuracy = float(table[rows, columns].sum() / table.sum())
        by_class = np.argsort(columns)
        columns = _with_the_rest(columns[by_class], len(classes))
        rows = _with_the_rest(rows[by_class], len(clusters))
        matrix = table[np.ix_(rows, columns)].T
        if normalize is not None:
            total = matrix.sum(axis=_TOTALS[normalize], keepdims=True)
            matrix = matrix / np.where(total > 0, total, 1)
        return cls(matrix, classes[columns], clusters[rows], accuracy).plot(ax)

    def _draw(self, axes: Any) -> None:
        self.image_ = axes.imshow(self.confusion_matrix, cmap="Blues", vmin=0)
        self.figure_.colorbar(self.image_, ax=axes, shrink=0.7)
        axes.set(xlabel="cluster", ylabel="class")
        if self.accuracy is not None:
            axes.set_title(f"clustering accuracy {self.accuracy:.3f}")
        base.name_ticks(axes.xaxis, [str(name) for name in self.clusters])
        base.name_ticks(axes.yaxis, [str(name) for name in self.classes])
        self.text_ = write_cells(axes, self.image_, np.vectorize(_as_text)(self.confusion_matrix))


def _with_the_rest(chosen: np.ndarray, n: int) -> np.ndarray:
    """Append those of 0, ..., n - 1 that are not among the chosen."""
    return np.r_[chosen, np.setdiff1d(np.arange(n), chosen)]


def _as_text(value: float) -> str:
    if value == 0:
        return ""
    return f"{value:.0f}" if value == round(value) and value > 1 else f"{value:.2g}"
