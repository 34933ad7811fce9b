import numpy as np
import pytest

from skcollision.deep import SemiSupervisedDeepClassifier


@pytest.fixture
def classifier(linear):
    return SemiSupervisedDeepClassifier(
        backbone=linear,
        augment=None,
        max_iter=15,
        batch_size=60,
        learning_rate=3e-3,
        random_state=0,
    )


def masked(y, n_known):
    known = np.zeros(len(y), dtype=bool)
    for each in np.unique(y):
        known[np.flatnonzero(y == each)[:n_known]] = True
    return known


def test_a_few_labels_name_the_classes(digits, classifier):
    X, y = digits
    known = masked(y, 5)
    classifier.fit(X, np.where(known, y, -1))
    np.testing.assert_array_equal(classifier.classes_, [0, 1])
    assert classifier.score(X[~known], y[~known]) > 0.95


def test_classes_keep_their_names(digits, classifier):
    X, y = digits
    names = np.where(masked(y, 5), np.array(["zero", "one"], dtype=object)[y], -1)
    classifier.fit(X, names)
    assert list(classifier.classes_) == ["one", "zero"]
    assert np.mean(classifier.predict(X) == np.array(["zero", "one"])[y]) > 0.95


@pytest.mark.parametrize("y", [np.full(60, -1), np.where(np.arange(60) < 9, 1, -1)])
def test_fewer_than_two_classes_are_an_error(few, classifier, y):
    with pytest.raises(ValueError, match="needs labels of at least two classes"):
        classifier.fit(few, y)


def test_strings_cannot_be_unknown(few, classifier):
    with pytest.raises(ValueError, match="objects with the integer -1"):
        classifier.fit(few, np.array(["a", "b", "-1"] * 20))
