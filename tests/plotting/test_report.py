"""The report: what it says of each cluster, what the page shows, and that it is whole and safe."""

import html
import re

import numpy as np
import pytest
from sklearn.cluster import KMeans
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skcollision.plotting import ClusterReport

# Two texts on ships, three on cats, and nobody in the third cluster.
TEXTS = ["a ship at sea", "the sea and a sailor", "my cat", "cat and dog", "the dog"]
PROBA = np.array(
    [[0.9, 0.1, 0], [0.6, 0.3, 0.1], [0.2, 0.8, 0], [0.05, 0.9, 0.05], [0.3, 0.55, 0.15]]
)


@pytest.fixture
def report():
    return ClusterReport.from_predictions(PROBA, texts=TEXTS, names=["sea", "pets", "none"])


def test_what_is_said_of_each_cluster(report):
    sea, pets, empty = report.clusters
    assert (sea.name, sea.size, sea.share, sea.terms[0]) == ("sea", 2, 0.4, "sea")
    assert sea.certainty == pytest.approx(0.75)
    assert [name for name, _ in sea.neighbors] == ["pets", "none"]
    assert dict(sea.neighbors)["pets"] == pytest.approx(0.2)
    assert set(pets.terms) == {"cat", "dog"}
    assert (empty.size, empty.terms, empty.neighbors) == (0, [], [])
    assert [each.representative.tolist() for each in report.clusters] == [[0, 1], [3, 2, 4], []]
    assert report.suspects.tolist() == [4, 1, 2, 0, 3]


def test_no_point_of_a_cluster_is_shown_as_both_typical_and_doubtful():
    report = ClusterReport.from_predictions(PROBA, n_points=1)
    assert [each.representative.tolist() for each in report.clusters] == [[0], [3], []]
    assert [each.doubtful.tolist() for each in report.clusters] == [[1], [4], []]


def test_the_page_shows_texts_numbers_and_the_second_cluster(report, tmp_path):
    report.to_html(tmp_path / "report.html")
    page = html.unescape((tmp_path / "report.html").read_text(encoding="utf-8"))
    page = " ".join(page.replace("\xa0", " ").split())
    for text in ("5 points in 3 clusters", "Cluster sea: sea", "2 points (40 %), certainty 75 %"):
        assert text in page
    assert "the dog" in page
    assert "no. 4: cluster pets 55 %, or cluster sea 30 %" in page


def test_a_notebook_gets_the_same_without_the_frame(report, tmp_path):
    report.to_html(tmp_path / "report.html")
    fragment, page = report._repr_html_(), (tmp_path / "report.html").read_text(encoding="utf-8")
    assert fragment.strip() in page
    assert not re.search("<(html|body|head)", fragment)


def test_nothing_that_users_give_is_read_as_markup():
    evil = '<script>alert("1")</script>'
    options = {"texts": [evil] * 5, "names": [evil, "b", "c"]}
    page = ClusterReport.from_predictions(PROBA, **options)._repr_html_()
    assert "<script" not in page
    assert html.escape("<script>") in page


def test_images_are_in_the_page_and_only_those_shown_are_opened():
    rng = np.random.default_rng(0)
    proba = rng.dirichlet([1, 1], 200)
    images = list(rng.random((200, 8, 8)))
    report = ClusterReport.from_predictions(proba, images=images, n_points=2)
    addresses = re.findall(r'<img src="(.*?)"', report._repr_html_())
    assert len(addresses) == 2 * 4 + len(report.suspects)
    assert all(address.startswith("data:image/webp;base64,") for address in addresses)
    missing = set(range(200)) - {i for each in report.clusters for i in [*each[-1], *each[-2]]}
    paths = list(images)
    for i in missing - set(report.suspects):
        paths[i] = "missing.png"
    ClusterReport.from_predictions(proba, images=paths, n_points=2)._repr_html_()
    paths[report.suspects[0]] = "missing.png"
    report = ClusterReport.from_predictions(proba, images=paths, n_points=2)
    with pytest.raises(ValueError, match=r"'images' parameter of ClusterReport .* 'missing.png'"):
        report._repr_html_()


def test_long_texts_are_cut_short():
    texts = ["word " * 1000] * 5
    page = ClusterReport.from_predictions(PROBA, texts=texts)._repr_html_()
    assert max(map(len, re.findall("<span>(.*?)</span>", page))) == 300


def test_estimators_and_pipelines(blobs, kmeans):
    X, y = blobs
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, y)
    report = ClusterReport.from_estimator(model, X, n_points=2)
    assert [each.name for each in report.clusters] == ["ant", "bee", "cat"]
    assert [each.size for each in report.clusters] == [
        np.sum(model.predict(X) == name) for name in model.classes_
    ]
    with pytest.raises(TypeError, match=r"'predict_proba'.*Got KMeans"):
        ClusterReport.from_estimator(KMeans(3, n_init=1).fit(X), X)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"texts": TEXTS[:3]}, "'texts' .* must have 5 entries"),
        ({"texts": [*TEXTS[:4], None]}, "'texts' .* strings. Got None at index 4"),
        ({"images": np.zeros((4, 2, 2))}, "'images' .* must have 5 entries"),
        ({"names": ["a"]}, "'names' .* must have 3 entries"),
        ({"n_points": 0}, "'n_points' .* at least 1. Got 0"),
        ({"y_proba": 2 * PROBA}, "'y_proba' .* from 0 to 1"),
    ],
)
def test_errors_name_the_parameter(options, message):
    with pytest.raises(ValueError, match=message):
        ClusterReport.from_predictions(**{"y_proba": PROBA, **options})


def test_one_cluster():
    page = ClusterReport.from_predictions(np.ones((3, 1)))._repr_html_()
    assert "3 points in 1 cluster<" in page
