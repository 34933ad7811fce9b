"""One page of what is in each cluster, for a notebook or a file."""

import base64
import io
import os
from collections.abc import Iterator
from dataclasses import KW_ONLY, dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from numpy.typing import ArrayLike

from skcollision._errors import check_positive, wrong
from skcollision.inspection import top_terms
from skcollision.inspection._points import by_certainty
from skcollision.inspection._terms import check_texts
from skcollision.metrics._calibration import check_proba
from skcollision.plotting import _display as base
from skcollision.plotting._gallery import by_position, thumbnails

_N_TERMS, _N_NEIGHBORS, _N_SUSPECTS = 6, 3, 20
_LEAST = 0.005  # mean probability of a neighbour: less would be shown as 0 %
_LONGEST = 300  # characters of a text
_SIDE = 96  # pixels of a picture


class ClusterSummary(NamedTuple):
    """What a :class:`ClusterReport` says of a cluster.

    Attributes
    ----------
    name : str
        Its name.
    terms : list of str
        Terms that tell its texts from others, the heaviest first; none without texts.
    size, share : int and float
        Number of its points, and their share of all.
    certainty : float
        Mean probability that they are in it; 0 for an empty cluster.
    neighbors : list of tuple (str, float)
        Up to three clusters that its points are most likely to be in instead, and the mean
        probability, at least 0.005.
    representative, doubtful : ndarray of int
        Indices of its most certain points, the most certain first, and of others that are least
        certain, the least certain first.

    Examples
    --------
    >>> from skcollision.plotting import ClusterReport
    >>> report = ClusterReport.from_predictions([[0.6, 0.4], [0.9, 0.1], [0.2, 0.8]])
    >>> report.clusters[1].size, report.clusters[1].neighbors
    (1, [('0', 0.2)])
    """

    name: str
    terms: list[str]
    size: int
    share: float
    certainty: float
    neighbors: list[tuple[str, float]]
    representative: np.ndarray
    doubtful: np.ndarray


@dataclass(eq=False, repr=False)
class ClusterReport:
    """A page that shows what is in each cluster: sizes, certainty, typical and doubtful points.

    In a notebook it is shown as the value of a cell; :meth:`to_html` writes a file that needs
    nothing else. Neighbours of a cluster are those that its points are most likely to be in
    instead. A certainty is the probability of a point's cluster.

    Parameters
    ----------
    y_proba : array-like of shape (n_samples, n_clusters)
        Probability of each cluster; rows sum to 1.
    texts : sequence of n_samples str, default=None
        What to show of each point, up to 300 characters of it; clusters then have terms, too.
    images : sequence of n_samples images, default=None
        Pictures of the points, as :class:`ImageGalleryDisplay` takes them; only those that are
        shown are opened. Without texts and images points are numbers.
    names : array-like of shape (n_clusters,), default=None
        Names of the clusters; None for numbers.
    n_points : int, default=5
        Most points of a cluster that are shown as typical, and as doubtful.
    vectorizer : transformer, default=None
        As in :func:`~skcollision.inspection.top_terms`.

    Attributes
    ----------
    clusters : list of ClusterSummary
        What the page says of each cluster.
    suspects : ndarray of int
        Indices of the 20 points that are least certain of all, the least certain first.

    Raises
    ------
    ValueError
        If `y_proba` is not one distribution a row, others do not fit its shape, texts are not
        strings or hold no term, or `n_points` is not a positive integer.

    Examples
    --------
    >>> from skcollision.plotting import ClusterReport
    >>> texts = ["a ship at sea", "the sea, the sailor", "a cat"]
    >>> y_proba = [[0.6, 0.4], [0.9, 0.1], [0.2, 0.8]]
    >>> report = ClusterReport.from_predictions(y_proba, texts=texts)
    >>> report.clusters[0].terms
    ['sea', 'sailor', 'ship']
    >>> report.to_html("report.html")  # doctest: +SKIP
    """

    y_proba: Any
    _: KW_ONLY
    texts: Any = None
    images: Any = None
    names: Any = None
    n_points: int = 5
    vectorizer: Any = None

    def __post_init__(self) -> None:
        name = type(self).__name__
        check_positive(self.n_points, "n_points", name)
        self.y_proba = check_proba(self.y_proba, name)
        n_samples, n_clusters = self.y_proba.shape
        if self.texts is not None:
            self.texts = check_texts(self.texts, name)
        self.images = by_position(self.images)
        self.names = np.arange(n_clusters) if self.names is None else np.asarray(self.names)
        for kind, wanted in (("texts", n_samples), ("images", n_samples), ("names", n_clusters)):
            items = getattr(self, kind)
            if items is not None and len(items) != wanted:
                must = f"have {wanted} entries, as 'y_proba' has shape {self.y_proba.shape}"
                raise wrong(kind, name, must, len(items))
        self.suspects = np.argsort(self.y_proba.max(axis=1), kind="stable")[:_N_SUSPECTS]
        terms: list[list[str]] = [[]] * n_clusters
        if self.texts is not None:
            options = {"clusters": np.arange(n_clusters), "vectorizer": self.vectorizer}
            terms = top_terms(self.texts, self.y_proba.argmax(axis=1), _N_TERMS, **options)
        members = by_certainty(self.y_proba)
        self.clusters = [self._summary(k, members[k], terms[k]) for k in range(n_clusters)]

    @classmethod
    def from_estimator(cls, estimator: Any, X: ArrayLike, **options: Any) -> Self:
        """Report on a fitted clusterer.

        Parameters
        ----------
        estimator : estimator
            Fitted, with `predict_proba`; pipelines and searches too.
        X : array-like of shape (n_samples, ...)
            What it predicts from.
        **options
            Parameters of the class, such as `texts`.
        """
        probs = base.predicted_proba(estimator, X, cls.__name__)
        names = getattr(base.final_estimator(estimator), "classes_", None)
        return cls(probs, **{"names": names, **options})

    @classmethod
    def from_predictions(cls, y_proba: ArrayLike, **options: Any) -> Self:
        """Report on soft assignments, with the parameters of the class."""
        return cls(y_proba, **options)

    def _summary(self, k: int, members: np.ndarray, terms: list[str]) -> ClusterSummary:
        """Say what is in cluster `k`, whose members are given by falling certainty."""
        mean = self.y_proba[members].sum(axis=0) / max(len(members), 1)
        others = [j for j in np.argsort(-mean, kind="stable") if j != k and mean[j] >= _LEAST]
        return ClusterSummary(
            name=str(self.names[k]),
            terms=terms,
            size=len(members),
            share=len(members) / len(self.y_proba),
            certainty=float(mean[k]),
            neighbors=[(str(self.names[j]), float(mean[j])) for j in others[:_N_NEIGHBORS]],
            representative=members[: self.n_points],
            doubtful=members[self.n_points :][::-1][: self.n_points],
        )

    def to_html(self, path: str | os.PathLike[str]) -> None:
        """Write the page to a file.

        Parameters
        ----------
        path : path-like
            Where to; a file that is there is replaced.
        """
        Path(path).write_text(self._page(is_file=True), encoding="utf-8")

    def _repr_html_(self) -> str:
        return self._page(is_file=False)

    def _page(self, *, is_file: bool) -> str:
        """Return the page, for a notebook without the frame of a document."""
        shown = [part for each in self.clusters for part in (each.representative, each.doubtful)]
        points = self._points(np.unique(np.concatenate([self.suspects, *shown])).tolist())
        return _template().render(
            report=self,
            points=points,
            is_file=is_file,
            certainty=float(self.y_proba.max(axis=1).mean()),
            largest=max(each.share for each in self.clusters),
            longest=_LONGEST,
        )

    def _points(self, indices: list[int]) -> dict[int, dict[str, Any]]:
        """Return what is shown of each point, by its index."""
        images: list[str] = []
        if self.images is not None:
            shown = [self.images[i] for i in indices]
            images = list(_as_data(thumbnails(shown, type(self).__name__)))
        return {
            i: {
                "text": None if self.texts is None else self.texts[i],
                "image": images[place] if images else None,
                "clusters": [
                    (str(self.names[k]), float(self.y_proba[i, k]))
                    for k in np.argsort(-self.y_proba[i], kind="stable")[:2]
                ],
            }
            for place, i in enumerate(indices)
        }


def _as_data(pictures: list[np.ndarray]) -> Iterator[str]:
    """Yield the addresses of images, which hold the images themselves."""
    from PIL import Image

    for pixels in pictures:
        factor = max(1, _SIDE // len(pixels))  # a browser would blur small ones
        enlarged = pixels.repeat(factor, axis=0).repeat(factor, axis=1)
        file = io.BytesIO()
        Image.fromarray(enlarged).save(file, "WEBP", lossless=factor > 1)
        yield f"data:image/webp;base64,{base64.b64encode(file.getvalue()).decode()}"


@cache
def _template() -> Template:
    """Return the page to be filled; what is filled in is escaped."""
    options: dict[str, Any] = {"undefined": StrictUndefined, "trim_blocks": True}
    loader = PackageLoader("skcollision", "plotting")
    return Environment(loader=loader, autoescape=True, **options).get_template("report.html")
