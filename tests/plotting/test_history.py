import numpy as np
import pytest

from skcollision.plotting import HistoryDisplay


def history(n_epochs, n_restarts):
    rng = np.random.default_rng(0)
    return {name: rng.random((n_epochs, n_restarts)) for name in ("objective", "marginal_entropy")}


@pytest.mark.parametrize(("n_epochs", "n_restarts"), [(1, 1), (30, 5), (30, 40)])
def test_draws_each_restart_over_the_epochs(n_epochs, n_restarts):
    curves = history(n_epochs, n_restarts)
    display = HistoryDisplay(curves, 7).plot()
    assert display.lines_.shape == (2, n_restarts)
    for lines, values in zip(display.lines_, curves.values(), strict=True):
        for line, value in zip(lines, values.T, strict=True):
            np.testing.assert_array_equal(line.get_xdata(), np.arange(1, n_epochs + 1))
            np.testing.assert_array_equal(line.get_ydata(), value)
    assert set(display.balance_line_.get_ydata()) == {np.log(7)}
    # A legend of forty restarts would cover the curves, one of a single one says nothing.
    assert (display.ax_[0].get_legend() is not None) == (n_restarts == 5)
    colors = {line.get_color() for line in display.lines_[0]}
    assert len(colors) == (n_restarts if n_restarts <= 10 else 1)


def test_without_the_number_of_clusters_there_is_no_line():
    assert HistoryDisplay(history(3, 2)).plot().balance_line_ is None


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"objective": [[np.nan, 1.0]] * 2}, "finite curves"),
        ({"objective": [], "marginal_entropy": []}, r"finite curves .*\(0, 1\)"),
        ({"objective": [[1.0]]}, r"of one shape.*Got .*\(1, 1\).*\(2, 2\)"),
    ],
)
def test_bad_curves_are_named(changes, message):
    with pytest.raises(ValueError, match=message):
        HistoryDisplay({**history(2, 2), **changes})


def test_a_missing_curve_is_named():
    with pytest.raises(ValueError, match=r"'history' .* 'marginal_entropy' .*\(0, 1\)"):
        HistoryDisplay({"objective": [1.0]})
