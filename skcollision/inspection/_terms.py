"""The words that tell the texts of one cluster from those of the others."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse
from sklearn.base import clone
from sklearn.feature_extraction.text import CountVectorizer

from skcollision._errors import check_positive, wrong
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
        must = f"have the same length as 'texts', {len(texts)}"
        raise wrong("y_pred", caller, must, len(labels))
    names = np.unique(labels) if clusters is None else np.asarray(clusters)
    counter = CountVectorizer(stop_words="english") if vectorizer is None else clone(vectorizer)
    try:
        counts = sparse.csr_array(counter.fit_transform(texts))
    except ValueError as error:
        raise wrong("texts", caller, "have terms", f"none, {error},") from error
    terms = np.asarray(counter.get_feature_names_out())
    in_all = counts[np.isin(labels, names)].sum(axis=0)
    rarity = np.log1p(in_all.sum() / len(names) / np.maximum(in_all, 1))
    found = []
    for name in names:
        own = counts[labels == name].sum(axis=0)
        # Within a cluster, dividing by the number of its terms changes no order.
        heaviest = np.argsort(-own * rarity, kind="stable")[:n_terms]
        found.append(terms[heaviest[own[heaviest] > 0]].tolist())
    return found


def check_texts(texts: Any, caller: str) -> list[str]:
    """Return texts as a list of strings."""
    found = [] if isinstance(texts, str | bytes) else list(texts)
    bad = next((i for i, text in enumerate(found) if not isinstance(text, str)), None)
    if not found or bad is not None:
        got = repr(texts) if bad is None else f"{found[bad]!r} at index {bad}"
        raise wrong("texts", caller, "be a sequence of strings", got)
    return found
