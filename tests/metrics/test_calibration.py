import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skcollision.metrics import (
    accuracy_at_coverage,
    clustering_accuracy_score,
    clustering_calibration_error,
    match_labels,
    risk_coverage_curve,
)

METRICS = [clustering_calibration_error, risk_coverage_curve, accuracy_at_coverage]
SMALL = st.integers(0, 2**32 - 1)


def planted(certainty, accuracy, n=40_000, k=4, seed=0):
    """Soft assignments of the given certainties that are right with the given probabilities."""
    rng = np.random.default_rng(seed)
    certainty = np.broadcast_to(certainty, n)
    y = rng.integers(0, k, n)
    right = rng.random(n) < accuracy
    cluster = np.where(right, y, (y + rng.integers(1, k, n)) % k)
    proba = np.repeat((1 - certainty[:, None]) / (k - 1), k, axis=1)
    proba[np.arange(n), cluster] = certainty
    # Names of clusters mean nothing.
    return y, proba[:, rng.permutation(k)]


def random_case(seed):
    rng = np.random.default_rng(seed)
    n, k = rng.integers(1, 40), rng.integers(1, 6)
    return rng.integers(0, 4, n), rng.dirichlet(np.ones(k), n)


def by_bins(y, proba, n_bins):
    """The definition, bin by bin."""
    clusters, certainty = proba.argmax(1), proba.max(1)
    matched = match_labels(y, clusters).to_dict()
    right = np.array([matched.get(c) == t for c, t in zip(clusters, y, strict=True)])
    total = 0.0
    for low in np.arange(n_bins) / n_bins:
        rows = (certainty > low) & (certainty <= low + 1 / n_bins)
        if rows.any():
            total += rows.mean() * abs(right[rows].mean() - certainty[rows].mean())
    return total


@given(SMALL, st.sampled_from([1, 2, 4, 8, 16]))
def test_calibration_error_is_the_mean_over_bins(seed, n_bins):
    y, proba = random_case(seed)
    found = clustering_calibration_error(y, proba, n_bins=n_bins)
    assert found == pytest.approx(by_bins(y, proba, n_bins), abs=1e-12)


def test_calibrated_predictions_have_no_error():
    certainty = np.random.default_rng(1).uniform(0.4, 1.0, 40_000)
    assert clustering_calibration_error(*planted(certainty, certainty)) < 0.01


@pytest.mark.parametrize(("certainty", "accuracy"), [(0.95, 0.6), (0.5, 0.8), (1.0, 0.7)])
def test_error_is_the_planted_gap(certainty, accuracy):
    y, proba = planted(certainty, accuracy)
    gap = abs(certainty - accuracy)
    assert clustering_calibration_error(y, proba) == pytest.approx(gap, abs=0.01)


def test_surplus_clusters_are_wrong():
    proba = np.eye(3)[[0, 0, 1, 2]]
    assert clustering_calibration_error([7, 7, 7, 8], proba) == pytest.approx(0.25)
    assert accuracy_at_coverage([7, 7, 7, 8], proba, coverage=1.0) == 0.75


@given(SMALL)
def test_full_coverage_is_the_clustering_accuracy(seed):
    y, proba = random_case(seed)
    accuracy = clustering_accuracy_score(y, proba.argmax(1))
    curve = risk_coverage_curve(y, proba)
    assert curve.coverage[-1] == 1
    assert 1 - curve.risk[-1] == pytest.approx(accuracy)
    assert accuracy_at_coverage(y, proba, coverage=1.0) == pytest.approx(accuracy)


@given(SMALL)
def test_the_curve_and_one_point_of_it_agree(seed):
    y, proba = random_case(seed)
    curve = risk_coverage_curve(y, proba)
    assert (np.diff(curve.coverage) > 0).all()
    assert (np.diff(curve.threshold) < 0).all()
    for coverage, risk, threshold in zip(*curve, strict=True):
        assert coverage == pytest.approx(np.mean(proba.max(1).clip(max=1.0) >= threshold))
        assert accuracy_at_coverage(y, proba, coverage=coverage) == pytest.approx(1 - risk)


def test_the_certain_half_is_the_planted_one():
    certainty = np.repeat([0.9, 0.5], 20_000)
    y, proba = planted(certainty, np.repeat([0.85, 0.4], 20_000))
    assert accuracy_at_coverage(y, proba, coverage=0.5) == pytest.approx(0.85, abs=0.01)
    curve = risk_coverage_curve(y, proba)
    assert curve.coverage == pytest.approx([0.5, 1.0])
    assert curve.risk == pytest.approx([0.15, 0.375], abs=0.01)
    assert curve.threshold == pytest.approx([0.9, 0.5])


@given(SMALL)
def test_the_order_of_rows_does_not_matter(seed):
    y, proba = random_case(seed)
    # Few values, so that there are ties.
    proba = np.round(proba * 4 + 0.5) + np.arange(proba.shape[1]) * 1e-3
    proba /= proba.sum(1, keepdims=True)
    order = np.random.default_rng(seed).permutation(len(y))
    for metric in (clustering_calibration_error, accuracy_at_coverage):
        assert metric(y[order], proba[order]) == pytest.approx(metric(y, proba))


def test_precision_of_the_input_does_not_matter():
    y, proba = planted(0.9, 0.7, n=500)
    as_half = clustering_calibration_error(y.astype(str), proba.astype(np.float16))
    assert as_half == pytest.approx(clustering_calibration_error(y, proba), abs=2e-3)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize(
    ("y_true", "y_proba", "message"),
    [
        ([0, 1], [0.5, 0.5], r"'y_proba' .*Got shape \(2,\)"),
        ([0, 1], [[0.5, 0.4], [0.5, 0.5]], "'y_proba' .*sum to 1.*0.1"),
        ([0, 1], [[1.5, -0.5], [0.5, 0.5]], "'y_proba' .*from 0 to 1"),
        ([0, 1], [[np.nan, 0.5], [0.5, 0.5]], "'y_proba' .*finite"),
        ([0, 1], [["a", "b"]], "'y_proba' .*numbers"),
        ([0, 1, 1], [[1.0, 0.0], [0.5, 0.5]], "same length. Got 3 and 2"),
        ([0.5, 1], [[1.0, 0.0], [0.5, 0.5]], "'y_true' .*continuous"),
        (["a", "-1"], [[1.0, 0.0], [0.5, 0.5]], "'y_true' .*'-1' among labels of text"),
        ([np.nan, 1], [[1.0, 0.0], [0.5, 0.5]], "'y_true' .*NaN"),
        ([], np.empty((0, 2)), "'y_true' .*non-empty"),
    ],
)
def test_bad_input_is_named(metric, y_true, y_proba, message):
    with pytest.raises(ValueError, match=message) as error:
        metric(y_true, y_proba)
    assert metric.__name__ in str(error.value)


@pytest.mark.parametrize("n_bins", [0, 1.5, True, "many"])
def test_bad_number_of_bins(n_bins):
    with pytest.raises(ValueError, match=r"'n_bins' .*at least 1"):
        clustering_calibration_error([0], [[1.0]], n_bins=n_bins)


@pytest.mark.parametrize("coverage", [0, 1.1, True, float("nan"), "half"])
def test_bad_coverage(coverage):
    with pytest.raises(ValueError, match=r"'coverage' .*\(0, 1\]"):
        accuracy_at_coverage([0], [[1.0]], coverage=coverage)
