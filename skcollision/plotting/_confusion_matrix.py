"""MatchedConfusionMatrixDisplay: which classes the clusters hold."""

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from skcollision.metrics._matching import contingency_table, optimal_pairs
from skcollision.plotting._display import Display, name_ticks, predicted_labels, write_cells

_TOTALS = {"true": 1, "pred": 0, "all": None}


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
    ax_, figure_ : matplotlib Axes and Figure
        Where the matrix was drawn.
    image_ : matplotlib AxesImage
        The matrix.
    text_ : ndarray of shape (n_classes, n_clusters) of matplotlib Text or None, or None
        The values, None for zeros; None altogether where they do not fit.

    Examples
    --------
    >>> from skcollision.plotting import MatchedConfusionMatrixDisplay
    >>> y_true, y_pred = ["ant", "ant", "bee", "bee"], [1, 1, 0, 1]
    >>> display = MatchedConfusionMatrixDisplay.from_predictions(y_true, y_pred)
    >>> display.confusion_matrix.tolist(), display.clusters.tolist()
    ([[2, 0], [1, 1]], [1, 0])
    """

    def __init__(
        self,
        confusion_matrix: ArrayLike,
        classes: ArrayLike,
        clusters: ArrayLike,
        accuracy: float | None = None,
    ) -> None:
        self.confusion_matrix = np.asarray(confusion_matrix)
        self.classes = np.asarray(classes)
        self.clusters = np.asarray(clusters)
        self.accuracy = accuracy
        if self.confusion_matrix.shape != (*self.classes.shape, *self.clusters.shape):
            raise ValueError(
                "The 'confusion_matrix' parameter of MatchedConfusionMatrixDisplay must have a row "
                "for each of 'classes' and a column for each of 'clusters'. Got shape "
                f"{self.confusion_matrix.shape} for {self.classes.shape} and "
                f"{self.clusters.shape} instead."
            )
        n_rows, n_columns = self.confusion_matrix.shape
        # At 0.2 inches a row all names can be read.
        self._figsize = max(6.0, 2.0 + 0.2 * n_columns), max(5.0, 1.0 + 0.2 * n_rows)

    @classmethod
    def from_estimator(cls, estimator: Any, X: ArrayLike, y: ArrayLike, **options: Any) -> Self:
        """Draw the matrix of a fitted clusterer.

        Parameters
        ----------
        estimator : estimator
            Fitted clusterer, or a pipeline or search that has one. Without `predict`, its
            `labels_` are used, and X must be the data of its fit.
        X : array-like of shape (n_samples, n_features)
            Features.
        y : array-like of shape (n_samples,)
            Classes: integers, booleans or strings.
        **options
            Keyword parameters of :meth:`from_predictions`.
        """
        y_pred = predicted_labels(estimator, X, cls.__name__)
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
        if normalize is not None and normalize not in _TOTALS:
            raise ValueError(
                f"The 'normalize' parameter of {cls.__name__} must be None, 'true', 'pred' or "
                f"'all'. Got {normalize!r} instead."
            )
        clusters, classes, table = contingency_table(y_true, y_pred, sample_weight, cls.__name__)
        rows, columns = optimal_pairs(table)
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
        name_ticks(axes.xaxis, [str(name) for name in self.clusters])
        name_ticks(axes.yaxis, [str(name) for name in self.classes])
        self.text_ = write_cells(axes, self.image_, np.vectorize(_as_text)(self.confusion_matrix))


def _with_the_rest(chosen: np.ndarray, n: int) -> np.ndarray:
    """Append those of 0, ..., n - 1 that are not among the chosen."""
    return np.r_[chosen, np.setdiff1d(np.arange(n), chosen)]


def _as_text(value: float) -> str:
    if value == 0:
        return ""
    return f"{value:.0f}" if value == round(value) and value > 1 else f"{value:.2g}"
