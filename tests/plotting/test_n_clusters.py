import subprocess
import sys

import numpy as np
import pytest
from sklearn.cluster import KMeans
from sklearn.exceptions import NotFittedError

from skcollision.model_selection import NClustersSearch
from skcollision.plotting import NClustersDisplay


@pytest.fixture(scope="module")
def search():
    X = np.random.default_rng(0).standard_normal((200, 3))
    X[::2] += 9
    return NClustersSearch(KMeans(n_init=1), [2, 3, 4, 21, 22], random_state=0).fit(X)


def test_draws_the_results_of_the_search(search, ax):
    display = NClustersDisplay.from_estimator(search, ax)
    assert display.ax_ is ax
    assert display.figure_ is ax.figure
    np.testing.assert_array_equal(display.line_.get_xdata(), search.results_["n_clusters"])
    np.testing.assert_array_equal(display.line_.get_ydata(), search.results_["separation"])
    assert set(display.best_line_.get_xdata()) == {search.best_n_clusters_} == {2}


def test_names_the_axes_and_the_numbers(search, ax):
    NClustersDisplay.from_estimator(search, ax)
    assert ax.get_xlabel() == "number of clusters"
    assert ax.get_ylabel() == "separation (nats)"
    assert "best: 2" in [text.get_text() for text in ax.get_legend().get_texts()]
    # 22 is too near to 21 for both names to fit.
    assert [text.get_text() for text in ax.get_xticklabels()] == ["2", "3", "4", "21"]


def test_needs_a_fitted_search():
    with pytest.raises(NotFittedError):
        NClustersDisplay.from_estimator(NClustersSearch())
    with pytest.raises(TypeError, match=r"'search' .* 'results_' once fitted. Got KMeans"):
        NClustersDisplay.from_estimator(KMeans(1).fit([[0.0]]))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([2, 3], [0.1], 2), "same shape"),
        (([2, 3], [0.1, 0.2], 4), "'best_n_clusters' .*Got 4"),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        NClustersDisplay(*arguments)


def test_matplotlib_is_not_imported_before_it_is_used():
    code = "import sys, skcollision.plotting; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
