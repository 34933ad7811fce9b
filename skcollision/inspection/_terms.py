"""The words that tell the texts of one cluster from those of the others."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse
from sklearn.base import clone
from sklearn.feature_extraction.text import CountVectorizer

from skcollision.inspection._points import check_positive
from skcollision.metrics._matching import check_labels


def top_terms(
    texts: Sequence[str],
    y_pred: ArrayLike,
    n_terms: int = 10,
    *,
    clusters: ArrayLike | None = None,
    vectorizer: Any = None,
) -> list[list[str]]:
    r"""Find the terms that tell the texts of each cluster from those of the others.

    They are those of highest class-based TF-IDF: the texts of a cluster count as one, and a term t
    weighs in cluster c

    .. math:: \frac{n_{tc}}{\sum_s n_{sc}} \ln \Bigl( 1 + \frac{A}{\sum_d n_{td}} \Bigr)

    where n are counts and A is the mean number of terms in a cluster.

    Parameters
    ----------
    texts : sequence of n_samples str
        The texts.
    y_pred : array-like of shape (n_samples,)
        Cluster of each text: integers or strings.
    n_terms : int, default=10
        Most terms of a cluster.
    clusters : array-like of shape (n_clusters,), default=None
        Clusters to find terms of; None for those in `y_pred`, sorted.
    vectorizer : transformer, default=None
        What counts terms, not yet fitted; None for ``CountVectorizer(stop_words="english")``. One
        with ``ngram_range=(1, 2)`` finds pairs of words, too.

    Returns
    -------
    list of n_clusters lists of str
        Terms, the heaviest first; none for a cluster without any.

    Raises
    ------
    ValueError
        If `texts` are not as many strings as labels or hold no term, labels are invalid, or
        `n_terms` is not a positive integer.

    References
    ----------
    M. Grootendorst, "BERTopic: Neural topic modeling with a class-based TF-IDF procedure",
    arXiv:2203.05794, section 3.3.

    Examples
    --------
    >>> from skcollision.inspection import top_terms
    >>> texts = ["a ship at sea", "the sea, the sailor", "a cat", "the cat and the dog"]
    >>> top_terms(texts, [0, 0, 1, 1], n_terms=1)
    [['sea'], ['cat']]
    """
    caller = "top_terms"
    check_positive(n_terms, "n_terms", caller)
    texts = check_texts(texts, caller)
    labels = check_labels(y_pred, "y_pred", caller)
    if len(labels) != len(texts):
        raise ValueError(
            f"The 'texts' and 'y_pred' parameters of {caller} must have the same length. "
            f"Got {len(texts)} and {len(labels)} instead."
        )
    names = np.unique(labels) if clusters is None else np.asarray(clusters)
    counter = CountVectorizer(stop_words="english") if vectorizer is None else clone(vectorizer)
    try:
        counts = sparse.csr_array(counter.fit_transform(texts))
    except ValueError as error:
        raise ValueError(f"The 'texts' parameter of {caller} has no terms: {error}") from error
    terms = np.asarray(counter.get_feature_names_out())
    counts = sparse.csr_array((labels == names[:, None]).astype(float)) @ counts
    return [terms[row].tolist() for row in _heaviest(counts, n_terms)]


def _heaviest(counts: sparse.csr_array, n_terms: int) -> list[np.ndarray]:
    """Return the terms of highest weight in each cluster from their counts (K, T) in clusters."""
    in_cluster, in_all = counts.sum(axis=1), counts.sum(axis=0)
    rarity = np.log1p(in_cluster.mean() / np.maximum(in_all, 1))  # one that nobody has: unused
    counts.sort_indices()  # so that of equal weights the first in the alphabet comes first
    rows = np.split(np.arange(counts.nnz), counts.indptr[1:-1])
    # Within a cluster, dividing by the number of its terms changes no order.
    orders = [np.argsort(-counts.data[i] * rarity[counts.indices[i]], kind="stable") for i in rows]
    return [counts.indices[i][o[:n_terms]] for i, o in zip(rows, orders, strict=True)]


def check_texts(texts: Any, caller: str) -> list[str]:
    """Return texts as a list of strings."""
    found = [] if isinstance(texts, str | bytes) else list(texts)
    wrong = next((i for i, text in enumerate(found) if not isinstance(text, str)), None)
    if not found or wrong is not None:
        got = repr(texts) if wrong is None else f"{found[wrong]!r} at index {wrong}"
        raise ValueError(
            f"The 'texts' parameter of {caller} must be a sequence of strings. Got {got} instead."
        )
    return found
