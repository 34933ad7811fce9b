from itertools import permutations

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score

from skcollision.metrics import clustering_accuracy_score


@st.composite
def labelled_points(draw, max_names=4):
    """Classes and clusters of the same points, in different numbers."""
    name = st.integers(0, max_names - 1)
    pairs = draw(st.lists(st.tuples(name, name), min_size=1, max_size=30))
    y_true, y_pred = np.array(pairs).T
    return y_true, y_pred


def brute_force(y_true, y_pred, weight=None):
    """Best accuracy over all injections between names, with blanks for the smaller side."""
    classes, clusters = np.unique(y_true), np.unique(y_pred)
    size = max(len(classes), len(clusters))
    candidates = [*classes, *[-1] * (size - len(classes))]
    return max(
        accuracy_score(
            y_true,
            [dict(zip(clusters, names, strict=False))[label] for label in y_pred],
            sample_weight=weight,
        )
        for names in permutations(candidates)
    )


@settings(max_examples=40)
@given(labelled_points())
def test_agrees_with_trying_every_permutation(points):
    y_true, y_pred = points
    assert clustering_accuracy_score(y_true, y_pred) == pytest.approx(brute_force(y_true, y_pred))


@settings(max_examples=40)
@given(labelled_points(), st.data())
def test_weighted_agrees_with_trying_every_permutation(points, data):
    y_true, y_pred = points
    size = len(y_true)
    weight = data.draw(st.lists(st.floats(0.01, 100), min_size=size, max_size=size))
    value = clustering_accuracy_score(y_true, y_pred, sample_weight=weight)
    assert value == pytest.approx(brute_force(y_true, y_pred, weight))


@given(labelled_points(max_names=9), st.permutations(range(9)), st.permutations(range(9)))
def test_names_and_the_order_of_points_and_arguments_do_not_matter(points, first, second):
    y_true, y_pred = points
    value = clustering_accuracy_score(y_true, y_pred)
    renamed = np.array([f"class {i}" for i in first])[y_true]
    assert clustering_accuracy_score(renamed, np.array(second)[y_pred]) == value
    assert clustering_accuracy_score(y_true[::-1], y_pred[::-1]) == value
    assert clustering_accuracy_score(y_pred, y_true) == value


@given(labelled_points(max_names=9))
def test_lies_between_one_over_k_and_one(points):
    y_true, y_pred = points
    larger = max(len(set(y_true)), len(set(y_pred)))
    largest_cell = np.bincount(9 * y_true + y_pred).max() / len(y_true)
    value = clustering_accuracy_score(y_true, y_pred)
    assert isinstance(value, float)
    assert max(1 / larger, largest_cell) - 1e-12 <= value <= 1
    # Matching cannot do worse than taking the names as they are.
    assert value >= accuracy_score(y_true, y_pred)


@given(st.lists(st.integers(-5, 5), min_size=1), st.permutations(range(-5, 6)), st.data())
def test_identical_partitions_score_exactly_one(y_true, names, data):
    y_pred = [names[label + 5] for label in y_true]
    positive = st.floats(1e-3, 1e9)
    weight = data.draw(st.lists(positive, min_size=len(y_true), max_size=len(y_true)))
    assert clustering_accuracy_score(y_true, y_pred) == 1
    assert clustering_accuracy_score(y_true, y_pred, sample_weight=weight) == 1


@pytest.mark.parametrize(
    ("y_true", "y_pred", "expected"),
    [
        # Splitting a class costs its smaller part, merging two costs the smaller class.
        ([0, 0, 0, 1, 1, 1], [0, 0, 2, 1, 1, 1], 5 / 6),
        ([0, 0, 1, 2, 2, 2], [0, 0, 0, 1, 1, 1], 5 / 6),
        ([0, 0, 0, 0], [1, 2, 3, 4], 1 / 4),
        ([1, 2, 3, 4], [0, 0, 0, 0], 1 / 4),
        # Greedy matching would take the largest cell (5) and end at 6 of 12.
        ([0] * 5 + [0] * 4 + [1] * 3, [0] * 5 + [1] * 4 + [0] * 3, 7 / 12),
    ],
)
def test_when_the_numbers_of_clusters_and_classes_differ(y_true, y_pred, expected):
    assert clustering_accuracy_score(y_true, y_pred) == pytest.approx(expected)


def test_text_of_integers_may_be_negative():
    assert clustering_accuracy_score(["-1", "0", "0"], ["2", "-1", "-1"]) == 1


def test_integer_weights_repeat_points():
    y_true, y_pred = np.random.default_rng(0).integers(0, 5, size=(2, 40))
    counts = np.arange(40) % 4
    assert clustering_accuracy_score(y_true, y_pred, sample_weight=counts) == pytest.approx(
        clustering_accuracy_score(np.repeat(y_true, counts), np.repeat(y_pred, counts))
    )


@pytest.mark.parametrize(
    "convert",
    [
        list,
        tuple,
        np.array,
        pd.Series,
        pl.Series,
        lambda y: np.array(y, dtype=object),
        lambda y: pd.Series(y, dtype="category"),
        lambda y: pd.Series(y, dtype="string"),
        lambda y: np.array(y, dtype=bytes),
        lambda y: [label == "a" for label in y],
        lambda y: np.array([ord(label) for label in y], dtype=np.uint8),
        lambda y: np.array([float(ord(label)) for label in y]),
        lambda y: pd.Series([ord(label) for label in y], dtype="Int64"),
    ],
)
def test_any_kind_of_labels(convert):
    assert clustering_accuracy_score(convert(["b", "a", "a", "b"]), [3, 3, 4, 3]) == 0.75
    assert clustering_accuracy_score([3, 3, 4, 3], convert(["b", "a", "a", "b"])) == 0.75


GOOD = [0, 1, 1]


@pytest.mark.parametrize(
    ("y_true", "y_pred", "message"),
    [
        ([], [], r"'y_true'.*non-empty.*\(0,\)"),
        (GOOD, [0, 1], "same length. Got 3 and 2"),
        (GOOD, [GOOD], r"'y_pred'.*one-dimensional.*\(1, 3\)"),
        (None, GOOD, "'y_true'.*one-dimensional"),
        (GOOD, [0.0, np.nan, 1.0], "'y_pred'.*NaN"),
        (GOOD, np.array([0.0, np.inf, 1.0]), "'y_pred'.*NaN or infinity"),
        (GOOD, [0.0, 0.5, 1.0], "'y_pred'.*discrete.*continuous"),
        (["a", None, "b"], GOOD, "'y_true'.*missing.*NoneType, str"),
        (["a", np.nan, "b"], GOOD, "'y_true'.*missing.*float, str"),
        (pd.Series([1, None, 2], dtype="Int64"), GOOD, "'y_true'.*NaN"),
        (pd.Series(["a", None, "b"], dtype="string"), GOOD, "'y_true'.*missing"),
        ([1, "1", 2], GOOD, "'y_true'.*one type.*int, str"),
        ([1j, 2j, 3j], GOOD, "'y_true'.*complex"),
        ([[1], [2, 3], [4]], GOOD, "'y_true'.*list"),
        (["a", "-1", "b"], GOOD, "'y_true'.*label for every point.*'-1' among labels of text"),
        (GOOD, np.array(["a", np.nan, "b"]), "'y_pred'.*label for every point.*'nan' among"),
    ],
)
def test_bad_labels_are_named(y_true, y_pred, message):
    with pytest.raises(ValueError, match=message):
        clustering_accuracy_score(y_true, y_pred)


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        ([1, 1], r"shape \(3,\).*\(2,\)"),
        ([1, -1, 1], "non-negative"),
        ([1, np.nan, 1], "finite"),
        ([1e308, 1e308, 1], "finite"),
        ([0, 0, 0], "positive sum"),
        (["x", "y", "z"], "hold numbers"),
    ],
)
def test_bad_weights_are_named(weight, message):
    with pytest.raises(ValueError, match=f"'sample_weight' .*score must .*{message}"):
        clustering_accuracy_score(GOOD, GOOD, sample_weight=weight)
