import pickle

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import adjusted_rand_score, v_measure_score
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skcollision import PAPER_RECIPE, CollisionClusterer
from skcollision.datasets import make_embeddings
from skcollision.metrics import clustering_accuracy_score, clustering_accuracy_scorer


@pytest.fixture(scope="module")
def data():
    return make_embeddings(600, 4, 32, spread=1.0, random_state=0)


@pytest.fixture(scope="module")
def fitted(data):
    return CollisionClusterer(4, random_state=0).fit(data[0])


def test_it_finds_the_clusters(data, fitted):
    assert clustering_accuracy_score(data[1], fitted.labels_) > 0.9


def test_attributes(data, fitted):
    X, _ = data
    assert fitted.labels_.dtype == np.int32
    assert fitted.coef_.shape == fitted.cluster_centers_.shape == (4, 32)
    np.testing.assert_allclose(fitted.probabilities_, fitted.predict_proba(X).max(axis=1))
    assert fitted.intercept_.shape == (4,)
    np.testing.assert_allclose(fitted.class_prior_, 0.25)
    curves = fitted.history_
    assert curves["objective"].shape == (fitted.n_iter_, 3)
    assert np.isfinite(next(iter(curves.values()))).all()
    assert 0 <= fitted.duality_gap_ < 0.1
    assert type(fitted.objective_) is type(fitted.duality_gap_) is float
    probs = fitted.predict_proba(X)
    np.testing.assert_allclose(
        fitted.cluster_centers_, probs.T @ X / probs.sum(0)[:, None], rtol=1e-4, atol=1e-5
    )


def test_predictions_agree_with_each_other(data, fitted):
    X, _ = data
    probs = fitted.predict_proba(X)
    np.testing.assert_array_equal(fitted.predict(X), fitted.labels_)
    np.testing.assert_array_equal(fitted.labels_, probs.argmax(1))
    np.testing.assert_array_equal(fitted.transform(X), probs)
    np.testing.assert_allclose(probs.sum(1), 1, rtol=1e-5)
    np.testing.assert_allclose(np.exp(fitted.predict_log_proba(X)), probs, rtol=1e-5)
    logits = fitted.decision_function(X)
    np.testing.assert_allclose(
        np.exp(logits) / np.exp(logits).sum(1, keepdims=True), probs, rtol=1e-4, atol=1e-7
    )


def test_labels_are_never_learned_from(data, fitted):
    X, _ = data
    other = CollisionClusterer(4, random_state=0).fit(X, np.arange(len(X)) % 4)
    np.testing.assert_array_equal(other.coef_, fitted.coef_)


@pytest.mark.parametrize("scale", [1e-3, 1e3])
def test_scale_and_shift_do_not_change_the_clusters(data, fitted, scale):
    moved = CollisionClusterer(4, random_state=0).fit(scale * data[0] + scale)
    assert adjusted_rand_score(moved.labels_, fitted.labels_) > 0.99


@pytest.mark.parametrize("n_features", [32, 160])
def test_a_rotation_turns_the_model_and_nothing_else(n_features):
    """Also where the clusters are poor, and where training takes place in a subspace."""
    X = make_embeddings(400, 5, n_features, spread=2.5, random_state=1)[0].astype(np.float64)
    rotation, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(n_features, n_features)))
    fitted, turned = (CollisionClusterer(5, random_state=0).fit(Z) for Z in (X, X @ rotation))
    # Numbers follow the coordinates of the rows, which a rotation changes.
    number = np.array([turned.labels_[fitted.labels_ == k][0] for k in range(5)])
    np.testing.assert_array_equal(turned.labels_, number[fitted.labels_])
    np.testing.assert_allclose(turned.coef_[number], fitted.coef_ @ rotation, atol=1e-8)


def test_clone_and_pickle(data, fitted):
    X, _ = data
    restored = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(restored.predict_proba(X), fitted.predict_proba(X))
    again = clone(fitted).fit(X)
    np.testing.assert_array_equal(again.coef_, fitted.coef_)


def variants(X):
    pandas, polars = pytest.importorskip("pandas"), pytest.importorskip("polars")
    read_only = X.copy()
    read_only.setflags(write=False)
    names = [f"x{i}" for i in range(X.shape[1])]
    return {
        "fortran": np.asfortranarray(X),
        "strided": np.repeat(X, 2, axis=0)[::2],
        "read-only": read_only,
        "list": X.tolist(),
        "pandas": pandas.DataFrame(X, columns=names),
        "polars": polars.DataFrame(X, schema=names),
    }


@pytest.mark.parametrize("kind", ["fortran", "strided", "read-only", "list", "pandas", "polars"])
def test_every_container_gives_the_same_model(data, fitted, kind):
    other = CollisionClusterer(4, random_state=0).fit(variants(data[0])[kind])
    if kind in ("pandas", "polars"):
        assert list(other.feature_names_in_) == [f"x{i}" for i in range(32)]
    if kind in ("list", "polars"):
        # Lists, and to scikit-learn polars frames of float32 too, are float64: draws of K-means can
        # fall on other points.
        assert other.coef_.dtype == np.float64
        assert adjusted_rand_score(other.labels_, fitted.labels_) > 0.98
        return
    np.testing.assert_array_equal(other.coef_, fitted.coef_)


def test_memory_maps_are_read_in_place(data, fitted, tmp_path):
    np.save(tmp_path / "X.npy", data[0])
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    other = CollisionClusterer(4, random_state=0).fit(mapped)
    np.testing.assert_array_equal(other.coef_, fitted.coef_)


@pytest.mark.parametrize(
    ("dtype", "result"), [("float16", "float32"), ("float32", "float32"), ("float64", "float64")]
)
def test_dtype_of_results(data, dtype, result):
    X = data[0].astype(dtype)
    clusterer = CollisionClusterer(4, random_state=0, max_iter=5).fit(X)
    assert clusterer.coef_.dtype == clusterer.cluster_centers_.dtype == np.dtype(result)
    assert clusterer.predict_proba(X).dtype == np.dtype(result)


def test_float32_and_float64_find_the_same_clusters(data, fitted):
    double = CollisionClusterer(4, random_state=0).fit(data[0].astype(np.float64))
    assert adjusted_rand_score(double.labels_, fitted.labels_) > 0.99


def test_zero_weights_leave_points_out(data):
    X, _ = data
    weight = np.ones(len(X))
    weight[:100] = 0
    weighted = CollisionClusterer(4, random_state=0).fit(X, sample_weight=weight)
    without = CollisionClusterer(4, random_state=0).fit(X[100:])
    assert len(weighted.labels_) == len(X)
    assert adjusted_rand_score(weighted.predict(X), without.predict(X)) > 0.99


def test_clusters_are_balanced_in_weight(data):
    X, y = data
    weight = np.where(y == 0, 3.0, 1.0)
    clusterer = CollisionClusterer(2, random_state=0).fit(X, sample_weight=weight)
    # One class has half of the weight: the two clusters are that class and all the others.
    assert clustering_accuracy_score(y == 0, clusterer.labels_) > 0.95


def test_a_prior_finds_clusters_of_unequal_size():
    X, y = make_embeddings(600, 4, 32, spread=1.0, imbalance=3.0, random_state=0)
    counts = np.bincount(y)
    prior = counts / len(y)
    informed = CollisionClusterer(4, prior=counts, random_state=0).fit(X)
    assert clustering_accuracy_score(y, informed.labels_) > 0.98
    np.testing.assert_allclose(np.bincount(informed.labels_) / len(X), prior, atol=0.02)
    np.testing.assert_allclose(informed.class_prior_, prior)
    uninformed = CollisionClusterer(4, prior="uniform", random_state=0).fit(X)
    assert clustering_accuracy_score(y, uninformed.labels_) < 0.9


def test_estimated_proportions_follow_clusters_of_unequal_size():
    X, y = make_embeddings(1500, 5, 300, spread=1.0, imbalance=10.0, random_state=0)
    estimated = CollisionClusterer(5, random_state=0).fit(X)
    uniform = CollisionClusterer(5, prior="uniform", random_state=0).fit(X)
    gain = clustering_accuracy_score(y, estimated.labels_) - clustering_accuracy_score(
        y, uniform.labels_
    )
    assert gain > 0
    assert estimated.class_prior_.sum() == pytest.approx(1)
    assert estimated.class_prior_.max() > 1.4 * estimated.class_prior_.min()
    np.testing.assert_allclose(uniform.class_prior_, 0.2)


def test_estimated_proportions_of_equal_clusters_are_equal(data, fitted):
    np.testing.assert_allclose(fitted.class_prior_, 0.25, atol=0.02)


def test_the_model_of_a_subspace_acts_on_all_features():
    X, y = make_embeddings(500, 4, 300, spread=0.8, random_state=0)
    fits = [CollisionClusterer(4, n_components=n, random_state=0).fit(X) for n in (20, 128, None)]
    for clusterer in fits:
        assert clusterer.coef_.shape == (4, 300)
        assert clustering_accuracy_score(y, clusterer.labels_) > 0.98
    rows = X - X.mean(0)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    directions = np.linalg.svd(rows, full_matrices=False)[2][:40]
    kept = [np.linalg.norm(c.coef_ @ directions.T) / np.linalg.norm(c.coef_) for c in fits]
    assert kept[0] > 0.999


def test_neighbours_help_where_classes_are_long_and_thin():
    rng = np.random.default_rng(0)
    # Two classes side by side, each ten times as long as they are apart.
    X = np.c_[rng.uniform(-10, 10, 800), np.repeat([-1.0, 1.0], 400)]
    X += 0.15 * rng.normal(size=(800, 2))
    y = np.repeat([0, 1], 400)
    found = CollisionClusterer(2, normalize=False, random_state=0, n_neighbors=15)
    alone = CollisionClusterer(2, normalize=False, random_state=0, n_neighbors=0)
    kmeans = KMeans(2, n_init=10, random_state=0)
    scores = [clustering_accuracy_score(y, m.fit(X).labels_) for m in (found, alone, kmeans)]
    assert scores[0] > max(scores[1:])


def test_few_points_a_cluster_are_no_harder_than_for_k_means():
    X, y = make_embeddings(300, 50, 64, spread=1.0, n_factors=4, random_state=0)
    fits = [
        CollisionClusterer(50, random_state=0),
        CollisionClusterer(50, random_state=0, n_neighbors=0),
        KMeans(50, n_init=10, random_state=0),
    ]
    found, from_random, k_means = (clustering_accuracy_score(y, m.fit(X).labels_) for m in fits)
    assert found > from_random + 0.05
    assert found > k_means - 0.03


def test_score_is_the_mutual_information(data, fitted):
    X, _ = data
    probs = fitted.predict_proba(X).astype(float)
    mean = probs.mean(0)
    expected = -(mean * np.log(mean)).sum() + (probs * np.log(probs)).sum(1).mean()
    assert fitted.score(X) == pytest.approx(expected, rel=1e-5)
    assert fitted.score(X, sample_weight=np.full(len(X), 2.0)) == pytest.approx(expected, rel=1e-5)
    assert 0 < fitted.score(X) < np.log(4)


def test_partial_fit_learns_from_blocks(data):
    X, y = data
    clusterer = CollisionClusterer(4, random_state=0)
    for epoch in range(60):
        for block in np.array_split(np.random.default_rng(epoch).permutation(len(X)), 3):
            clusterer.partial_fit(X[block])
    assert clusterer.n_iter_ == 180
    assert clustering_accuracy_score(y, clusterer.predict(X)) > 0.9


def test_partial_fit_refines_a_fit(data, fitted):
    X, _ = data
    refined = pickle.loads(pickle.dumps(fitted)).partial_fit(X)
    assert refined.n_iter_ == fitted.n_iter_ + 1
    assert (refined.coef_ != fitted.coef_).any()
    assert adjusted_rand_score(refined.labels_, fitted.labels_) > 0.9


def test_empty_clusters_are_reported():
    X = np.repeat(np.random.default_rng(0).normal(size=(3, 5)), 20, axis=0)
    with pytest.warns(ConvergenceWarning, match="of n_clusters=6 clusters ended empty"):
        clusterer = CollisionClusterer(6, random_state=0).fit(X)
    assert np.isfinite(clusterer.cluster_centers_).all()
    assert np.isfinite(clusterer.predict_proba(X)).all()


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"n_clusters": 0}, "'n_clusters' parameter of CollisionClusterer"),
        ({"lam": -1.0}, "'lam' parameter of CollisionClusterer"),
        ({"lam": float("nan")}, "'lam' parameter of CollisionClusterer"),
        ({"fairness_weight": -1.0}, "'fairness_weight' parameter"),
        ({"fairness_weight": float("inf")}, "'fairness_weight' parameter"),
        ({"solver": "simplex"}, "'solver' parameter"),
        ({"prior": [0.5, 0.5]}, "'prior' parameter"),
        ({"prior": [0.4, 0.4, 0.3, -0.1]}, "'prior' parameter"),
        ({"prior": [0.4, 0.4, 0.3, 0.1]}, "'prior' parameter"),
        ({"prior": [4, 4, 3, 0]}, "'prior' parameter"),
        ({"prior": [4, 4, 3, np.inf]}, "'prior' parameter"),
        ({"prior": ["a", "b", "c", "d"]}, "'prior' parameter"),
        ({"prior": "estimated"}, "'prior' parameter"),
        ({"device": "tpu"}, "'device' parameter"),
        ({"weight_decay": "none"}, "'weight_decay' parameter"),
        ({"learning_rate": 0.0}, "'learning_rate' parameter"),
        ({"max_iter": 0}, "'max_iter' parameter"),
        ({"n_neighbors": 10_000}, "'n_neighbors' parameter"),
    ],
)
def test_bad_parameters_are_named(data, parameters, message):
    with pytest.raises(ValueError, match=message):
        CollisionClusterer(**{"n_clusters": 4, **parameters}).fit(data[0])


def bad(X, what):
    X = X.copy()
    if what in ("nan", "inf"):
        X[3, 2] = float(what)
    return {
        "few": X[:3],
        "constant": np.ones_like(X),
        "sparse": sparse.csr_array(X),
        "flat": X[0],
        "text": np.array([["a"] * 3] * 10),
    }.get(what, X)


@pytest.mark.parametrize(
    ("what", "error", "message"),
    [
        ("nan", ValueError, "X contains NaN"),
        ("inf", ValueError, "X contains infinity"),
        ("few", ValueError, "n_samples=3.*n_clusters=4"),
        ("constant", ValueError, "constant features"),
        ("sparse", TypeError, "dense"),
        ("flat", ValueError, "2D array"),
        ("text", ValueError, "could not convert"),
    ],
)
def test_bad_data_is_one_clear_error(data, what, error, message):
    with pytest.raises(error, match=message):
        CollisionClusterer(4).fit(bad(data[0], what))


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        (lambda n: np.zeros(n), "[Ss]ample_?\\s?weight"),
        (lambda n: np.full(n, -1.0), "Negative values"),
        (lambda n: np.full(n, np.nan), "sample_weight contains NaN"),
        (lambda n: np.ones(n - 1), "sample_weight"),
    ],
)
def test_bad_weights_are_one_clear_error(data, weight, message):
    with pytest.raises(ValueError, match=message):
        CollisionClusterer(4).fit(data[0], sample_weight=weight(len(data[0])))


def test_wrong_width_at_predict_is_an_error(data, fitted):
    with pytest.raises(ValueError, match="32 features"):
        fitted.predict(data[0][:, :5])


def test_grid_search_with_and_without_labels(data):
    X, y = data
    grid = {"lam": [1.0, 10.0], "fairness_weight": [0.0, 1.0]}
    clusterer = CollisionClusterer(4, n_init=1, max_iter=30, random_state=0)
    for scoring in (None, clustering_accuracy_scorer):
        search = GridSearchCV(clusterer, grid, scoring=scoring, cv=2).fit(X, y)
        assert np.isfinite(search.cv_results_["mean_test_score"]).all()
        assert set(search.best_params_) == set(grid)


def test_pipeline_and_set_output(data):
    pandas = pytest.importorskip("pandas")
    X, y = data
    pipeline = make_pipeline(StandardScaler(), CollisionClusterer(4, random_state=0))
    assert clustering_accuracy_score(y, pipeline.fit_predict(X)) > 0.85
    frame = pipeline.set_output(transform="pandas").fit_transform(X)
    assert isinstance(frame, pandas.DataFrame)
    assert list(frame.columns) == [f"collisionclusterer{k}" for k in range(4)]


@pytest.mark.filterwarnings("ignore:.*ended empty:sklearn.exceptions.ConvergenceWarning")
def test_paper_recipe_is_a_set_of_parameters(data):
    clusterer = CollisionClusterer(4, random_state=0, **PAPER_RECIPE)
    assert clusterer.get_params()["learning_rate"] == 0.1
    clusterer.fit(100 * data[0])
    assert clusterer.n_iter_ == 10
    assert clusterer.n_init == 1


def test_verbose_prints_a_line_an_epoch(data, capsys):
    CollisionClusterer(4, max_iter=3, random_state=0, verbose=True).fit(data[0])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert lines[0].startswith("CollisionClusterer: epoch 1/3, objective ")


def test_one_cluster_is_trivial(data):
    clusterer = CollisionClusterer(1, random_state=0).fit(data[0])
    assert not clusterer.labels_.any()
    np.testing.assert_allclose(clusterer.predict_proba(data[0]), 1)


@pytest.mark.slow
def test_digits_beat_kmeans():
    X, y = load_digits(return_X_y=True)
    ours = [CollisionClusterer(10, random_state=s).fit_predict(X) for s in range(3)]
    theirs = [KMeans(10, n_init=10, random_state=s).fit_predict(X) for s in range(3)]
    for metric in (clustering_accuracy_score, v_measure_score):
        assert np.mean([metric(y, p) for p in ours]) > np.mean([metric(y, p) for p in theirs])


def test_long_clusters_that_lie_close_are_told_apart():
    """Random starting weights left some of them merged and others cut in two, in every restart."""
    X, y = make_embeddings(1000, 10, 32, spread=1.5, random_state=0)
    labels = CollisionClusterer(10, random_state=0).fit_predict(X)
    assert clustering_accuracy_score(y, labels) > 0.97


def test_a_solver_that_stops_above_its_tolerance_is_warned_of():
    X, _ = make_embeddings(200, 4, 8, random_state=0)
    slow = CollisionClusterer(4, solver="em", lam=1e6, solver_tol=1e-9, max_iter=2, random_state=0)
    with pytest.warns(ConvergenceWarning, match="above solver_tol=1e-09"):
        slow.fit(X)
    # whoever says when to stop need not be told
    slow.set_params(solver_max_iter=5).fit(X)


def test_rows_far_outside_do_not_hide_the_clusters():
    X, y = make_embeddings(600, 5, 32, random_state=0)
    X[:12] *= np.random.default_rng(0).uniform(10, 1000, (12, 1))
    labels = CollisionClusterer(5, random_state=0).fit_predict(X)
    assert clustering_accuracy_score(y[12:], labels[12:]) > 0.95
