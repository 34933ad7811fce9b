"""The contract of ImageEmbedder with scikit-learn and with those who have broken images."""

import copy
import pickle
import sys

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.utils import get_tags
from sklearn.utils.estimator_checks import (
    check_no_attributes_set_in_init,
    check_parameters_default_constructible,
    check_set_params,
)
from torch import nn

from skcollision import CollisionClusterer
from skcollision.features import ImageEmbedder, image_paths


@pytest.fixture
def broken(folder):
    """The folder with a truncated image at row 1, no image at 4 and a missing one at 10."""
    paths = image_paths(folder)
    Image.effect_noise((64, 64), 50).save(paths[1])
    paths[1].write_bytes(paths[1].read_bytes()[:-1500])
    paths[4].write_text("not an image")
    return [*paths, folder / "gone.jpg"]


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_all_forms_of_images_have_the_same_features(mean_colour, folder, colours, n_jobs):
    expected = colours[:, 0, 0] / 255
    paths = image_paths(folder)
    mixed = [paths[0], colours[1], Image.fromarray(colours[2]), *map(str, paths[3:])]
    embedder = mean_colour(n_jobs=n_jobs).fit()
    for X in (folder, paths, mixed, colours, colours / 255):
        features = embedder.transform(X)
        assert features.dtype == np.float32
        np.testing.assert_allclose(features, expected, atol=1e-6)


def test_features_do_not_depend_on_the_batches(colours):
    network = nn.Sequential(nn.Conv2d(3, 6, 5, stride=4), nn.ReLU())
    features = [ImageEmbedder(network, batch_size=n).fit_transform(colours) for n in (1, 3, 64)]
    for other in features[1:]:
        np.testing.assert_allclose(other, features[0], rtol=1e-4, atol=1e-6)


def test_the_network_is_evaluated_and_the_user_s_left_alone(colours):
    model = nn.Sequential(nn.BatchNorm2d(3), nn.Dropout(), nn.AdaptiveAvgPool2d(1)).train()
    before = copy.deepcopy(model.state_dict())
    embedder = ImageEmbedder(model).fit()
    first = embedder.transform(colours)
    np.testing.assert_array_equal(first, embedder.transform(colours))
    assert model.training
    torch.testing.assert_close(dict(model.state_dict()), dict(before))
    nn.init.zeros_(model[0].weight)  # what happens to it later does not matter either
    np.testing.assert_array_equal(first, embedder.transform(colours))


def test_what_the_caller_has_set_in_torch_does_not_matter(colours, ambient):
    network = nn.Sequential(nn.Conv2d(3, 6, 5, stride=4), nn.ReLU())
    state = torch.get_rng_state()
    expected = ImageEmbedder(network).fit_transform(colours)
    with ambient():
        features = ImageEmbedder(network).fit_transform(colours)
    np.testing.assert_array_equal(features, expected)
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("mixed_precision", [True, False])
def test_a_gpu_computes_the_same(colours, mixed_precision):
    network = nn.Sequential(nn.Conv2d(3, 6, 5, stride=4), nn.ReLU())
    expected = ImageEmbedder(network, device="cpu").fit_transform(colours)
    embedder = ImageEmbedder(network, device="cuda", mixed_precision=mixed_precision)
    features = embedder.fit_transform(colours)
    np.testing.assert_allclose(features, expected, rtol=1e-2, atol=1e-2)
    assert next(embedder.network_.parameters()).device.type == "cpu"


def test_names_frames_and_pickles(mean_colour, colours):
    embedder = mean_colour().fit()
    names = ["imageembedder0", "imageembedder1", "imageembedder2"]
    assert embedder.get_feature_names_out().tolist() == names
    features = embedder.transform(colours)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(embedder)).transform(colours), features)
    np.testing.assert_array_equal(clone(embedder).fit_transform(colours), features)
    for kind in ("pandas", "polars"):
        frame = embedder.set_output(transform=kind).transform(list(colours))
        assert type(frame).__module__.split(".")[0] == kind
        assert list(frame.columns) == names
        np.testing.assert_array_equal(frame, features)


def test_conventions_of_estimators():
    # scikit-learn's other checks need an estimator of 2-D arrays, and skip those of images.
    name, embedder = "ImageEmbedder", ImageEmbedder(nn.Flatten())
    check_no_attributes_set_in_init(name, embedder)
    check_parameters_default_constructible(name, embedder)
    check_set_params(name, embedder)
    tags = get_tags(embedder).input_tags
    assert (tags.two_d_array, tags.three_d_array, tags.string) == (False, True, True)
    with pytest.raises(NotFittedError):
        embedder.transform(np.zeros((1, 4, 4)))


@pytest.mark.parametrize(
    ("params", "error", "message"),
    [
        ({"model": 3}, ValueError, "'model' parameter .* Got 3"),
        ({"batch_size": 0}, ValueError, "'batch_size' parameter"),
        ({"on_error": "drop"}, ValueError, "'on_error' parameter"),
        ({"device": "tpu"}, ValueError, "'device' parameter"),
        ({"model": nn.Conv2d(1, 2, 3)}, ValueError, r"of shape \(1, 3, 8, 8\). It raised Runtime"),
        ({"model": nn.Flatten(0)}, ValueError, r"Got Tensor of shape \(192,\) for 1 images"),
        ({"model": nn.LSTM(8, 2)}, ValueError, "'model' parameter"),
        ({"preprocess": np.asarray}, ValueError, "'preprocess' .* Got ndarray"),
        ({"preprocess": lambda image: torch.full((3, 2, 2), torch.nan)}, ValueError, "gave NaN"),
    ],
)
def test_bad_parameters_are_one_error(mean_colour, params, error, message):
    with pytest.raises(error, match=message):
        mean_colour(**params).fit()


def test_images_of_several_shapes_need_other_preprocessing(mean_colour):
    images = [np.zeros((4, 4, 3), dtype=np.uint8), np.zeros((5, 4, 3), dtype=np.uint8)]
    embedder = mean_colour(
        preprocess=lambda image: torch.from_numpy(np.asarray(image).T / 255)
    ).fit()
    with pytest.raises(ValueError, match=r"'preprocess' .*one shape. Got \[\(3, 4, 4\), \(3, 4, 5"):
        embedder.transform(images)


@pytest.mark.parametrize("n_jobs", [None, 2])
@pytest.mark.parametrize(("row", "name"), [(1, "a1.PNG"), (4, "a4.PNG"), (10, "gone.jpg")])
def test_a_broken_image_is_named(mean_colour, broken, n_jobs, row, name):
    # Only this one, among whole ones.
    images = [broken[0], *broken[2:4], broken[row]]
    with pytest.raises(ValueError, match=rf"image 3 \(.*{name}\): .*on_error='mask'"):
        mean_colour(n_jobs=n_jobs).fit_transform(images)


def test_broken_images_are_masked(mean_colour, broken, colours):
    embedder = mean_colour(on_error="mask").fit()
    with pytest.warns(UserWarning, match=r"3 of 11 images .*image 1 .*a1.PNG.*image 4 .*gone.jpg"):
        features = embedder.transform(broken)
    assert list(embedder.failures_) == [1, 4, 10]
    assert "truncated" in embedder.failures_[1]
    assert "cannot identify" in embedder.failures_[4]
    assert "No such file" in embedder.failures_[10]
    assert not features[[1, 4, 10]].any()
    whole = [0, 2, 3, 5, 6, 7, 8, 9]
    np.testing.assert_allclose(features[whole], colours[whole, 0, 0] / 255, atol=1e-6)
    embedder.transform(colours)
    assert embedder.failures_ == {}


def test_arrays_with_nan_are_broken_images(mean_colour, colours):
    images = colours / 255
    images[3, 2, 2, 1] = np.nan
    with pytest.raises(ValueError, match=r"image 3: .*from nan"):
        mean_colour().fit_transform(images)
    with pytest.warns(UserWarning, match="1 of 10"):
        features = mean_colour(on_error="mask").fit_transform(images)
    assert np.isfinite(features).all()


def test_masking_them_all_is_an_error(mean_colour, broken):
    with pytest.raises(ValueError, match=r"2 of 2 images cannot be read: image 0 \(.*a1.PNG"):
        mean_colour(on_error="mask").fit_transform([broken[1], broken[4]])


def test_a_mistake_in_preprocessing_is_no_broken_image(mean_colour, colours):
    def preprocess(image):
        return torch.zeros(3, 2, 2) if image.size[0] > 99 else 1 / 0

    with pytest.raises(ZeroDivisionError):
        mean_colour(preprocess=preprocess, on_error="mask").fit().transform(colours)


@pytest.mark.filterwarnings("ignore:3 of 103 images:UserWarning")
def test_a_pipeline_goes_on_without_broken_images(mean_colour, broken):
    rng = np.random.default_rng(0)
    groups = rng.integers(0, 2, 92)
    images = 40 + 150 * groups[:, None, None, None] + rng.integers(0, 9, (92, 4, 4, 3))
    X = [*broken, *images.astype(np.uint8)]
    clusterer = CollisionClusterer(2, random_state=0, max_iter=20)
    pipeline = make_pipeline(mean_colour(on_error="mask"), clusterer)
    labels = pipeline.fit_predict(X)
    assert len(labels) == len(X)
    assert np.isfinite(pipeline.predict_proba(X)).all()
    # Out of the fit altogether, and out of the labels.
    embedder = mean_colour(on_error="mask")
    features = embedder.fit_transform(X)
    weight = np.ones(len(X))
    weight[list(embedder.failures_)] = 0
    labels = clusterer.fit(features, sample_weight=weight).labels_
    alone = clone(clusterer).fit(np.delete(features, list(embedder.failures_), axis=0)).labels_
    labels[list(embedder.failures_)] = -1
    assert (labels == -1).sum() == 3
    assert len(np.unique(np.c_[labels[labels >= 0], alone], axis=0)) == 2


def test_progress_is_shown_on_demand(mean_colour, colours, capsys):
    mean_colour().fit_transform(colours)
    assert capsys.readouterr() == ("", "")
    mean_colour(verbose=True).fit_transform(colours)
    assert "10/10" in capsys.readouterr().err


def test_the_bar_moves_within_a_batch(mean_colour, colours, monkeypatch):
    steps = []
    monkeypatch.setattr("tqdm.tqdm.update", lambda bar, n=1: steps.append(n))
    mean_colour(verbose=True).fit_transform(colours)
    assert [n for n in steps if n] == [1] * 10


@pytest.mark.parametrize("module", ["PIL.Image", "tqdm"])
def test_missing_libraries_are_named(mean_colour, colours, monkeypatch, module):
    monkeypatch.setitem(sys.modules, module, None)
    embedder = mean_colour(verbose=True)
    with pytest.raises(ImportError, match=rf"needs {module[:3]}.*skcollision\[images\]"):
        embedder.fit_transform(colours)
