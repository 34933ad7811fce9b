"""ReliabilityDisplay and RiskCoverageDisplay."""

from itertools import pairwise

import numpy as np
import pytest

from skcollision.metrics import clustering_calibration_error, risk_coverage_curve
from skcollision.plotting import ReliabilityDisplay, RiskCoverageDisplay


@pytest.fixture(scope="module")
def soft():
    rng = np.random.default_rng(0)
    y_proba = rng.dirichlet([0.4] * 4, 400)
    y_proba[:50] = 0.25  # ties
    y = np.array([rng.choice(4, p=p) for p in y_proba])
    return y, y_proba


@pytest.mark.parametrize("n_bins", [1, 7, 15])
def test_reliability_agrees_with_the_definition_and_the_metric(soft, n_bins, ax):
    y, y_proba = soft
    display = ReliabilityDisplay.from_predictions(y, y_proba, n_bins=n_bins, ax=ax)
    certainty, right = y_proba.max(axis=1), y_proba.argmax(axis=1) == y
    edges = np.linspace(0, 1, n_bins + 1)
    bins = [(certainty > low) & (certainty <= high) for low, high in pairwise(edges)]
    bins = [rows for rows in bins if rows.any()]
    np.testing.assert_allclose(display.certainty, [certainty[rows].mean() for rows in bins])
    np.testing.assert_allclose(display.accuracy, [right[rows].mean() for rows in bins], atol=1e-12)
    np.testing.assert_allclose(display.share, [rows.mean() for rows in bins])
    error = clustering_calibration_error(y, y_proba, n_bins=n_bins)
    np.testing.assert_allclose(display.calibration_error, error)
    np.testing.assert_array_equal(
        display.line_.get_xydata(), np.c_[display.certainty, display.accuracy]
    )
    assert f"ECE = {error:.3f}" in ax.get_legend_handles_labels()[1]
    sizes = display.markers_.get_sizes()
    np.testing.assert_allclose(np.diff(sizes), 500 * np.diff(display.share), atol=1e-9)


def test_risk_coverage_draws_the_curve(soft, ax):
    display = RiskCoverageDisplay.from_predictions(*soft, ax=ax)
    curve = risk_coverage_curve(*soft)
    np.testing.assert_array_equal(display.line_.get_xydata(), np.c_[curve.coverage, curve.risk])
    assert ax.get_legend() is None


@pytest.mark.parametrize("display_class", [ReliabilityDisplay, RiskCoverageDisplay])
def test_several_share_axes_in_colours_of_their_own(display_class, soft, ax):
    displays = [display_class.from_predictions(*soft, name=name, ax=ax) for name in "pq"]
    assert displays[0].line_.get_color() != displays[1].line_.get_color()
    names = [text.get_text() for text in ax.get_legend().get_texts()]
    assert sum("perfectly" in name for name in names) == (display_class is ReliabilityDisplay)
    assert [name[0] for name in names if "perfectly" not in name] == ["p", "q"]


@pytest.mark.parametrize("display_class", [ReliabilityDisplay, RiskCoverageDisplay])
def test_bad_arguments_are_named(display_class, soft):
    y, y_proba = soft
    with pytest.raises(ValueError, match=r"'y_proba'.* sum to 1"):
        display_class.from_predictions(y, 2 * y_proba.clip(0, 0.5))
    with pytest.raises(ValueError, match="same shape"):
        display_class(*([[0.5, 0.6]] * (3 if display_class is ReliabilityDisplay else 2))[:-1], [1])


def test_bins_are_counted(soft):
    with pytest.raises(ValueError, match="'n_bins'"):
        ReliabilityDisplay.from_predictions(*soft, n_bins=0)
