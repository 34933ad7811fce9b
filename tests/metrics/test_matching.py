import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score

from skcollision.metrics import clustering_accuracy_score, match_labels

LABELS = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=40)


@given(LABELS)
def test_relabelled_predictions_have_the_clustering_accuracy(pairs):
    y_true, y_pred = np.array(pairs).T
    relabelled = match_labels(y_true, y_pred).relabel(y_pred, unmatched=-1)
    score = clustering_accuracy_score(y_true, y_pred)
    assert accuracy_score(y_true, relabelled) == pytest.approx(score)


@given(LABELS)
def test_is_one_to_one_and_leaves_nothing_out(pairs):
    y_true, y_pred = np.array(pairs).T
    matching = match_labels(y_true, y_pred)
    assert len(matching.clusters) == len(matching.classes)
    assert not (len(matching.unmatched_clusters) and len(matching.unmatched_classes))
    clusters = [*matching.clusters, *matching.unmatched_clusters]
    classes = [*matching.classes, *matching.unmatched_classes]
    assert sorted(clusters) == sorted(set(y_pred.tolist()))
    assert sorted(classes) == sorted(set(y_true.tolist()))
    assert (np.diff(matching.clusters) > 0).all()
    assert matching.to_dict() == dict(zip(matching.clusters, matching.classes, strict=True))


@given(st.permutations(range(6)))
def test_recovers_a_permutation(order):
    y_true = np.arange(60) % 6
    matching = match_labels(y_true, np.array(order)[y_true])
    assert matching.to_dict() == {order[label]: label for label in range(6)}
    np.testing.assert_array_equal(matching.relabel(np.array(order)[y_true]), y_true)


def test_weights_decide():
    y_true, y_pred = ["a", "b", "a", "b"], [0, 0, 1, 1]
    assert match_labels(y_true, y_pred, sample_weight=[1, 5, 5, 1]).to_dict() == {0: "b", 1: "a"}
    assert match_labels(y_true, y_pred, sample_weight=[5, 1, 1, 5]).to_dict() == {0: "a", 1: "b"}


def test_relabel_handles_new_points_and_unseen_clusters():
    matching = match_labels(["cat", "dog"], [3, 1])
    assert matching.relabel([1, 3, 3]).tolist() == ["dog", "cat", "cat"]
    unseen = matching.relabel([0, 1, 2, 9], unmatched="unknown animal")
    assert unseen.tolist() == ["unknown animal", "dog", "unknown animal", "unknown animal"]


def test_relabel_widens_the_dtype():
    matching = match_labels(np.array([0, 1], dtype=np.uint8), ["x", "y"])
    assert matching.relabel(["x", "z"], unmatched=-1).tolist() == [0, -1]


@pytest.mark.parametrize(
    ("y_pred", "unmatched", "message"),
    [
        ([1, 7, 7], None, r"'y_pred' .* relabel .* Got 2 points .*\(7\)"),
        ([1, 7], "cat", "'unmatched' .* classes, <U3, and none of them.*'cat'"),
        ([1, 7], "elk", "'unmatched' .* classes, <U3, and none of them.*'elk'"),
        ([1, 7], -1, "'unmatched' .* type of the classes.*-1"),
        ([1, 7], ["a", "b"], "'unmatched' .* one label"),
        (["1", "7"], "none", "'y_pred' .* type of the matched clusters"),
        ([0.5, 1.0], "none", "'y_pred' .*continuous"),
        ([], "none", "'y_pred' .*non-empty"),
    ],
)
def test_bad_arguments_of_relabel_are_named(y_pred, unmatched, message):
    matching = match_labels(["cat", "cat", "dog", "elk"], [1, 1, 2, 2])
    assert matching.to_dict().keys() == {1, 2}
    with pytest.raises(ValueError, match=message):
        matching.relabel(y_pred, unmatched=unmatched)


def test_bad_input_names_the_function():
    with pytest.raises(ValueError, match="parameters of match_labels"):
        match_labels([0, 1], [0])
