"""Terms of clusters: class-based TF-IDF, worked out by hand."""

import math
from collections import Counter

import numpy as np
import pytest
from sklearn.feature_extraction.text import CountVectorizer

from skcollision.inspection import top_terms

TEXTS = ["red red green", "red blue", "blue blue green", "green green black", "green"]
LABELS = np.array([3, 3, 1, 1, 1])


def weights(cluster):
    """Return the weight of each term in a cluster, by the formula."""
    counts = {k: Counter() for k in (1, 3)}
    for text, label in zip(TEXTS, LABELS, strict=True):
        counts[label].update(text.split())
    mean = sum(c.total() for c in counts.values()) / 2
    in_all = counts[1] + counts[3]
    own = counts[cluster]
    return {t: own[t] / own.total() * math.log(1 + mean / in_all[t]) for t in own}


def test_the_heaviest_terms_come_first():
    found = top_terms(TEXTS, LABELS)
    for cluster, terms in zip((1, 3), found, strict=True):
        weight = weights(cluster)
        assert terms == sorted(weight, key=lambda term: (-weight[term], term))


def test_clusters_come_in_the_order_asked_for_and_may_be_empty():
    assert top_terms(TEXTS, LABELS, 1, clusters=[3, 0, 1]) == [["red"], [], ["green"]]
    names = np.array(["a", "b"])[(LABELS == 3).astype(int)]
    assert top_terms(TEXTS, names, 1) == [["green"], ["red"]]


def test_a_vectorizer_of_ones_own_is_left_alone():
    vectorizer = CountVectorizer(ngram_range=(2, 2))
    pairs = top_terms(TEXTS, LABELS, vectorizer=vectorizer)[1]
    assert set(pairs) == {"red red", "red green", "red blue"}
    assert not hasattr(vectorizer, "vocabulary_")


def test_words_that_every_text_has_are_left_out():
    assert top_terms(["the ship and the sea", "the cat and the dog"], [0, 1]) == [
        ["sea", "ship"],
        ["cat", "dog"],
    ]


@pytest.mark.parametrize(
    ("texts", "labels", "options", "message"),
    [
        (["the", "and"], [0, 1], {}, "'texts' .* have terms"),
        ("red green", [0], {}, "'texts' .* sequence of strings"),
        (["red", 5], [0, 1], {}, "'texts' .* Got 5 at index 1"),
        (["red"], [0, 1], {}, "'y_pred' .* same length as 'texts', 1. Got 2"),
        (["red"], [0.5], {}, "'y_pred' .* discrete"),
        (["red"], [0], {"n_terms": 0}, "'n_terms' .* Got 0"),
    ],
)
def test_errors(texts, labels, options, message):
    with pytest.raises(ValueError, match=message):
        top_terms(texts, labels, **options)
