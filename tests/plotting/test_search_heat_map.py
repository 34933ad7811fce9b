import numpy as np
import pytest
from sklearn.cluster import KMeans
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.model_selection import GridSearchCV, HalvingGridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skcollision.plotting import SearchHeatMapDisplay

draw = SearchHeatMapDisplay.from_cv_results


@pytest.fixture(scope="module")
def search(blobs):
    pipeline = make_pipeline(StandardScaler(), KMeans(n_init=1, random_state=0))
    grid = {
        "kmeans__n_clusters": [4, 2, 3],
        "kmeans__max_iter": [1, 10],
        "kmeans__algorithm": ["lloyd", "elkan"],
    }
    return GridSearchCV(pipeline, grid, cv=2).fit(blobs[0])


def test_each_cell_is_the_best_over_the_other_parameters(search, ax):
    display = SearchHeatMapDisplay.from_estimator(search, "n_clusters", "kmeans__max_iter", ax=ax)
    assert display.x_values == [2, 3, 4]
    assert display.y_values == [1, 10]
    results = search.cv_results_
    for (row, column), mean in np.ndenumerate(display.mean):
        rows = [
            i
            for i, params in enumerate(results["params"])
            if params["kmeans__n_clusters"] == display.x_values[column]
            and params["kmeans__max_iter"] == display.y_values[row]
        ]
        assert len(rows) == 2
        best = max(rows, key=lambda i: results["mean_test_score"][i])
        assert mean == results["mean_test_score"][best]
        assert display.std[row, column] == results["std_test_score"][best]
    np.testing.assert_array_equal(display.image_.get_array(), display.mean)
    assert display.mean.max() == search.best_score_
    row, column = np.unravel_index(display.mean.argmax(), display.mean.shape)
    assert display.best_frame_.get_xy() == (column - 0.5, row - 0.5)
    assert [text.get_text() for text in ax.get_xticklabels()] == ["2", "3", "4"]
    assert display.text_[0, 0].get_text().split("\n")[0] == f"{display.mean[0, 0]:.0f}"


def test_parameters_must_be_named_where_there_are_three(search):
    with pytest.raises(ValueError, match=r"'x' .*kmeans__algorithm"):
        SearchHeatMapDisplay.from_estimator(search)


def test_missing_and_failed_candidates_are_blank(ax):
    results = {
        "param_a": [1, 1, 10],
        "param_b": [None, "x", "x"],
        "param_c": [0, 0, 0],
        "mean_test_score": [0.25, np.nan, 0.5],
    }
    display = draw(results, ax=ax)
    assert (display.x, display.y) == ("a", "b")
    np.testing.assert_array_equal(display.mean, [[0.25, np.nan], [np.nan, 0.5]])
    np.testing.assert_array_equal(display.image_.get_array().mask, np.isnan(display.mean))
    written = [["" if text is None else text.get_text() for text in row] for row in display.text_]
    assert written == [["0.25", ""], ["", "0.50"]]


def test_a_halving_search_shows_its_last_iterations(blobs, ax):
    rng = np.random.default_rng(0)
    scores = {}

    def scoring(estimator, X, y=None):
        # The fewer points, the higher: what early losers scored must not win.
        return scores.setdefault((estimator.max_iter, len(X)), rng.random() - len(X))

    search = HalvingGridSearchCV(
        KMeans(3, n_init=1), {"max_iter": [1, 2, 3, 4]}, cv=2, scoring=scoring, min_resources=20
    ).fit(blobs[0])
    display = SearchHeatMapDisplay.from_estimator(search, ax=ax)
    assert display.y is None
    assert display.mean[display.best] == search.best_score_ < display.mean.max()
    assert display.x_values[display.best[1]] == search.best_params_["max_iter"]


def test_one_of_several_metrics(ax):
    several = {"param_a": [1, 2], "mean_test_p": [1, 2], "mean_test_q": [4, 3]}
    np.testing.assert_array_equal(draw(several, metric="q", ax=ax).mean, [[4, 3]])
    with pytest.raises(ValueError, match=r"'metric' .* \['p', 'q'\]"):
        draw(several, ax=ax)


def test_a_random_search_of_many_values_stays_legible(ax):
    rng = np.random.default_rng(0)
    results = {
        "param_a": np.ma.array(rng.random(200)),
        "param_b": np.ma.array(rng.random(200)),
        "mean_test_score": rng.random(200),
    }
    display = draw(results, ax=ax)
    assert display.mean.shape == (200, 200)
    assert np.isfinite(display.mean).sum() == 200
    assert display.text_ is None
    assert len(ax.get_yticks()) < 70


def test_values_are_told_apart_by_type(ax):
    results = {"param_a": [1, True, "1"], "mean_test_score": [0.1, 0.2, 0.3]}
    np.testing.assert_array_equal(draw(results, ax=ax).mean, [[0.1, 0.2, 0.3]])


def test_a_parameter_of_another_grid_is_not_set(ax):
    column = np.ma.array([1, 2, 0], mask=[False, False, True], dtype=object)
    draw({"param_a": column, "mean_test_score": [0.1, 0.2, 0.3]}, ax=ax)
    assert [text.get_text() for text in ax.get_xticklabels()] == ["1", "2", "(not set)"]


@pytest.mark.parametrize(
    ("x", "scores", "message"),
    [
        ("lam", [1.0, 2.0], r"among those searched, \['a'\]. Got 'lam'"),
        ("a", [np.nan, np.nan], "'mean' .* finite"),
    ],
)
def test_bad_arguments_are_named(x, scores, message):
    with pytest.raises(ValueError, match=message):
        draw({"param_a": [1, 2], "mean_test_score": scores}, x)


def test_shapes_must_agree():
    with pytest.raises(ValueError, match=r"\(1, 2\). Got \(2, 2\)"):
        SearchHeatMapDisplay(np.eye(2), None, [1, 2], [1], "a", "b")
