"""Tables as users bring them: columns of vectors, row numbers, columns of another unit."""

import warnings
from decimal import Decimal
from fractions import Fraction
from functools import partial

import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine
from sklearn.metrics import adjusted_rand_score
from sklearn.preprocessing import scale

from skcollision import CollisionClassifier, CollisionClusterer, FeatureBlocks
from skcollision._array_api import stacked
from skcollision.datasets import make_embeddings
from skcollision.metrics import clustering_accuracy_score, get_scorer
from skcollision.model_selection import NClustersSearch

pd = pytest.importorskip("pandas")
pytestmark = pytest.mark.filterwarnings("ignore:.*ended empty", "ignore:The best number of clust")
X = make_embeddings(60, 3, 8, random_state=0)[0]


def fit(X, **parameters):
    return CollisionClusterer(3, n_init=1, max_iter=2, random_state=0, **parameters).fit(X)


@pytest.mark.parametrize("cells", [list(X), X.tolist()], ids=["arrays", "lists"])
def test_a_pandas_column_of_vectors_is_a_matrix(cells):
    frame = pd.DataFrame({"embedding": cells})
    expected = fit(X)
    for column in (frame["embedding"], frame[["embedding"]]):
        np.testing.assert_array_equal(fit(column).labels_, expected.labels_)
        np.testing.assert_array_equal(expected.predict(column), expected.labels_)


def test_a_polars_column_of_vectors_is_a_matrix():
    pl = pytest.importorskip("polars")
    expected = fit(X.astype(float)).labels_
    for dtype in (pl.List(pl.Float64), pl.Array(pl.Float64, 8)):
        frame = pl.DataFrame({"embedding": X.astype(float).tolist()}, schema={"embedding": dtype})
        for column in (frame["embedding"], frame):
            np.testing.assert_array_equal(fit(column).labels_, expected)


def vectors_of_pyarrow():
    pa = pytest.importorskip("pyarrow")
    for kind in (pa.list_(pa.float64()), pa.large_list(pa.float64()), pa.list_(pa.float64(), 8)):
        cells = pa.array(X.astype(float).tolist(), kind)
        chunks = pa.chunked_array([cells[:20], cells[20:]])
        yield from (cells, chunks, pa.table({"e": cells}), pa.table({"e": chunks}))
        yield pa.RecordBatch.from_pydict({"e": cells})


def test_tables_of_pyarrow_and_plans_of_polars_are_matrices():
    pa, pl = map(pytest.importorskip, ("pyarrow", "polars"))
    rows = X.astype(float)
    numbers = {f"x{i}": rows[:, i] for i in range(8)}
    tables = [*vectors_of_pyarrow(), pa.table(numbers), pl.LazyFrame(numbers)]
    tables += [pa.RecordBatch.from_pydict(numbers), pl.LazyFrame({"e": rows.tolist()})]
    model, y = fit(rows), np.arange(60) % 3
    classifier = CollisionClassifier(max_iter=1, random_state=0)
    expected = model.labels_, classifier.fit(rows, y).predict(rows)
    names = ("neighbor_info", "held_out_mutual_info", "resample_agreement")
    scores = [get_scorer(name)(model, rows) for name in names]
    for table in tables:
        np.testing.assert_array_equal(fit(table).labels_, expected[0])
        np.testing.assert_array_equal(classifier.fit(table, y).predict(table), expected[1])
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="X has feature names")
            assert [get_scorer(name)(model, table) for name in names] == scores


def test_blocks_are_tables_too():
    rows = X.astype(float)
    numbers = {f"x{i}": rows[:, i] for i in range(8)}
    pl = pytest.importorskip("polars")
    tables = [pd.DataFrame(numbers), pl.DataFrame(numbers), pl.LazyFrame(numbers)]
    tables += [pd.Series(list(rows)), *vectors_of_pyarrow()]
    for table in tables:
        for source, copies in ((table, 1), ([table, table], 2)):
            blocks = FeatureBlocks(source)
            expected = fit(np.tile(rows, (copies, 1)))
            np.testing.assert_array_equal(fit(blocks).labels_, expected.labels_)


def test_a_dataset_is_told_where_to_go():
    dataset = pytest.importorskip("pyarrow.dataset")
    data = dataset.dataset([*vectors_of_pyarrow()][2])
    classifier = partial(CollisionClassifier().fit, y=np.arange(60) % 3)
    for use in (fit, fit(X).predict, classifier, NClustersSearch().fit):
        with pytest.raises(TypeError, match=r"pass skcollision.FeatureBlocks\(dataset\)"):
            use(data)


def with_dates():
    frame = pd.DataFrame(
        {"x": X[:, 0], "day": pd.Timestamp("2020") + pd.to_timedelta(range(60), "D")}
    )
    yield from (frame, frame[["day"]], frame["day"].to_numpy()[:, None])
    yield frame.assign(day=frame["day"] - frame["day"][0])
    pa, pl = map(pytest.importorskip, ("pyarrow", "polars"))
    for kind in (pa.timestamp("us"), pa.date32()):
        table = pa.table({"x": X[:, 0], "day": pa.array(frame["day"]).cast(kind)})
        yield from (table, pl.from_arrow(table))


def test_dates_are_one_clear_error():
    for table in with_dates():
        for use in (fit, CollisionClassifier().fit, NClustersSearch().fit):
            with pytest.raises(ValueError, match="X has dates or times, of type"):
                use(table, *([np.arange(60) % 3] if "Classifier" in repr(use) else []))


def test_what_a_mask_hides_is_missing():
    masked = np.ma.array(X, mask=np.zeros(X.shape, dtype=bool))
    np.testing.assert_array_equal(fit(masked).labels_, fit(X).labels_)
    masked.mask[3, 2] = True
    for use in (fit, fit(X).predict, lambda rows: fit(FeatureBlocks(rows))):
        with pytest.raises(ValueError, match="contains NaN"):
            use(masked)


@pytest.mark.parametrize("exact", [Decimal, Fraction])
def test_exact_numbers_are_numbers(exact):
    cells = np.array([[exact(float(value)) for value in row] for row in X], dtype=object)
    np.testing.assert_array_equal(fit(cells).labels_, fit(X.astype(float)).labels_)


@pytest.mark.parametrize("source", [range(9), {1, 2}, [[1.0, 2.0], [3.0, 4.0]]], ids=str)
def test_blocks_are_matrices(source):
    with pytest.raises(ValueError, match=r"X has a block of shape \(2?,?\)"):
        FeatureBlocks(source)
    for sparse in (csr_array(X), [csr_array(X)]):
        with pytest.raises(TypeError, match="FeatureBlocks needs dense rows"):
            FeatureBlocks(sparse)


def test_an_array_of_vectors_is_a_matrix():
    cells = np.empty(60, dtype=object)
    cells[:] = list(X)
    np.testing.assert_array_equal(fit(cells).labels_, fit(X).labels_)
    with pytest.raises(ValueError, match="dim 3"):
        fit(pd.Series(list(X.reshape(60, 2, 4))))


def test_vectors_of_different_lengths_are_one_clear_error():
    with pytest.raises(ValueError, match="X is a column of vectors of different lengths"):
        fit(pd.Series([[1.0, 2.0], [1.0]] * 10))


@pytest.mark.parametrize("place", [0, 30])
def test_a_missing_vector_is_one_clear_error(place):
    cells = X.tolist()
    cells[place] = None
    for column in (pd.Series(cells), pd.Series(cells).to_frame()):
        with pytest.raises(ValueError, match=r"of different lengths.* Got shapes \[\(\), \(8,\)\]"):
            fit(column)
    with pytest.raises(ValueError, match="X has 2 columns, and 'embedding' holds vectors"):
        fit(pd.DataFrame({"embedding": cells, "price": 1.0}))


def test_a_column_of_vectors_among_others_is_named():
    with pytest.raises(ValueError, match="X has 2 columns, and 'embedding' holds vectors"):
        fit(pd.DataFrame({"embedding": list(X), "price": 1.0}))
    pl = pytest.importorskip("polars")
    pa = pytest.importorskip("pyarrow")
    columns = {"price": np.ones(60), "embedding": X.tolist()}
    for table in (pl.DataFrame(columns), pl.LazyFrame(columns), pa.table(columns)):
        for use in (fit, FeatureBlocks):
            with pytest.raises(ValueError, match="X has 2 columns, and 'embedding' holds vectors"):
                use(table)
    twins = pd.DataFrame(X, columns=list("aabbccdd"))  # columns of one name are no vector
    assert stacked(twins) is twins


def test_searches_and_scorers_take_a_column_of_vectors():
    column, model = pd.Series(list(X)), fit(X)
    search = NClustersSearch(model, [2, 3, 4], random_state=0)
    np.testing.assert_array_equal(search.fit(column).labels_, search.fit(X).labels_)
    for name in ("neighbor_info", "held_out_mutual_info", "stability"):
        assert get_scorer(name)(model, column) == get_scorer(name)(model, X)


@pytest.mark.parametrize("size", [1, 2, 5])
def test_batches_too_small_for_proportions_are_named(size):
    with pytest.warns(UserWarning, match=f"Batches of {size} .* for 3 clusters.* to 6 or more"):
        CollisionClusterer(3, batch_size=size, max_iter=1, n_neighbors=0, random_state=0).fit(X)
    streamed = CollisionClusterer(3, random_state=0).partial_fit(X)
    with pytest.warns(UserWarning, match=f"Batches of {size} points are too few"):
        streamed.partial_fit(X[:size])


def test_small_batches_of_two_points_a_cluster_are_enough():
    rows, y = make_embeddings(300, 3, 16, spread=0.5, random_state=0)
    model = CollisionClusterer(3, batch_size=6, max_iter=3, n_init=2, random_state=0).fit(rows)
    assert clustering_accuracy_score(y, model.labels_) > 0.9


def test_true_is_no_number_of_clusters():
    with pytest.raises(ValueError, match="'n_clusters' parameter of CollisionClusterer"):
        CollisionClusterer(True).fit(X)


def test_a_row_number_is_named():
    digits = load_digits().data[:300]
    numbered = np.c_[digits[:, :5], np.arange(300), digits[:, 5:]]
    with pytest.warns(UserWarning, match="column 5 numbers the rows"):
        fit(numbered)
    with pytest.warns(UserWarning, match="column 5 numbers the rows"):  # also seen in a sample
        CollisionClusterer(3, max_iter=2, max_samples=100, random_state=0).fit(numbered)
    shuffled = np.random.default_rng(0).permutation(300)[2:]  # and two rows left out
    with pytest.warns(UserWarning, match="column 5 numbers the rows"):
        fit(numbered[shuffled])
    frame = pd.DataFrame(digits, columns=[f"pixel{i}" for i in range(64)])
    with pytest.warns(UserWarning, match="column 'row' numbers the rows"):
        fit(frame.assign(row=np.arange(300)))


def test_a_column_of_nearly_all_variance_is_named():
    table = load_iris().data.copy()
    table[:, 2] *= 1000
    with pytest.warns(UserWarning, match="column 2 holds 100.00% of the variance"):
        fit(table)
    wine = load_wine(as_frame=True).data
    with pytest.warns(UserWarning, match="column 'proline' holds 99.77% of the variance"):
        fit(wine)


def test_a_column_is_named_before_its_noise_decides():
    table = scale(load_wine().data)
    noise = np.random.default_rng(0).normal(size=len(table))
    expected, named, decides = fit(table).labels_, [], []
    for share in (0.2, 0.3, 0.91, 0.95, 0.996):
        size = np.sqrt(share / (1 - share) * table.shape[1])
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            labels = fit(np.c_[table, size * scale(noise)]).labels_
        named.append(any("column 13 holds" in str(each.message) for each in caught))
        decides.append(adjusted_rand_score(expected, labels) < 0.3)
    assert named == decides == [False, False, True, True, True]


@pytest.mark.parametrize("load", [load_iris, load_digits, load_breast_cancer])
def test_ordinary_tables_give_no_such_warning(load):
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message="In X, column")
        fit(load().data[:300])
        fit(scale(load().data))
        fit(X)
