import builtins
import pickle
from functools import partial

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

from skcollision.criteria import ClusteringCriterion, SCANCriterion, SureLabelsCriterion
from skcollision.deep import VGG4, DeepClusterer, VirtualAdversary
from skcollision.deep._samples import Samples
from skcollision.metrics import clustering_accuracy_score

pytestmark = pytest.mark.filterwarnings(
    "ignore:.*clusters ended empty:sklearn.exceptions.ConvergenceWarning"
)


def weights(clusterer):
    return torch.cat([value.double().ravel() for value in clusterer.network_.state_dict().values()])


@pytest.mark.slow
def test_zeros_and_ones_are_told_apart(digits):
    X, y = digits
    network = partial(VGG4, width=0.1)
    clusterer = DeepClusterer(2, backbone=network, max_iter=10, batch_size=60, random_state=0)
    labels = clusterer.fit_predict(X)
    assert clustering_accuracy_score(y, labels) > 0.9
    np.testing.assert_array_equal(clusterer.predict(X), labels)
    probs = clusterer.predict_proba(X)
    np.testing.assert_allclose(probs.sum(1), 1, rtol=1e-5)
    np.testing.assert_array_equal(probs.argmax(1), labels)
    assert clusterer.transform(X).shape == (len(X), clusterer.network_.n_features)
    assert len(clusterer.get_feature_names_out()) == clusterer.network_.n_features
    assert {len(curve) for curve in clusterer.history_.values()} == {10}
    assert clusterer.history_["objective"][-1] < clusterer.history_["objective"][0]


def test_the_seed_decides_and_torch_keeps_its_own(quick, few):
    before = torch.get_rng_state()
    first, second = (quick(augment="auto").fit(few) for _ in range(2))
    assert torch.equal(weights(first), weights(second))
    assert not torch.equal(weights(first), weights(quick(random_state=1).fit(few)))
    assert torch.equal(before, torch.get_rng_state())


def test_what_the_caller_has_set_in_torch_does_not_matter(quick, few, small_vgg4, ambient):
    def fit():
        clusterer = quick(backbone=small_vgg4, augment="auto", n_neighbors=2, max_iter=1).fit(few)
        return [
            clusterer.network_,
            *(f(few) for f in (clusterer.predict_proba, clusterer.transform)),
        ]

    expected = fit()
    with ambient():
        found = fit()
    for one, other in zip(expected[0].parameters(), found[0].parameters(), strict=True):
        assert torch.equal(one, other)
    np.testing.assert_array_equal(found[1], expected[1])
    np.testing.assert_array_equal(found[2], expected[2])


def test_networks_and_images_made_in_inference_mode_can_be_trained(quick, few, small_vgg4):
    with torch.inference_mode():
        backbone, images = small_vgg4((1, 8, 8)), torch.as_tensor(few, dtype=torch.float32)
        clusterer = quick(backbone=backbone, augment=VirtualAdversary(), max_iter=1).fit(images)
        assert clusterer.predict(images).shape == (60,)
    assert next(clusterer.network_.parameters()).requires_grad


class Interrupt:
    """A callback that stops the process's fit after an epoch, as a kill would."""

    def __init__(self, epoch):
        self.epoch = epoch

    def setup(self, estimator, context):
        pass

    def teardown(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context):
        pass

    def on_fit_task_end(self, estimator, context):
        self.epoch -= context.task_name == "epoch"
        if self.epoch == 0:
            raise KeyboardInterrupt


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"criterion": "sela", "label_rounds": 2},
        {"augment": "auto"},
        {"backbone": partial(VGG4, width=0.05)},
    ],
)
def test_a_killed_fit_resumes_bitwise(quick, few, tmp_path, parameters):
    pytest.importorskip("sklearn.callback")
    whole = quick(max_iter=4, **parameters).fit(few)
    stopped = quick(max_iter=4, checkpoint=tmp_path / "fit.pt", **parameters)
    with pytest.raises(KeyboardInterrupt):
        clone(stopped).set_callbacks(Interrupt(3)).fit(few)
    resumed = clone(stopped).fit(few)
    assert torch.equal(weights(whole), weights(resumed))
    assert len(resumed.history_["objective"]) == resumed.n_iter_ == 4
    np.testing.assert_array_equal(whole.history_["objective"], resumed.history_["objective"])


def test_a_checkpoint_of_another_run_is_an_error(quick, few, tmp_path):
    path = tmp_path / "fit.pt"
    quick(checkpoint=path).fit(few)
    with pytest.raises(ValueError, match="of another fit: the parameters differ"):
        quick(checkpoint=path, learning_rate=0.1).fit(few)
    with pytest.raises(ValueError, match="of another fit: the samples differ"):
        quick(checkpoint=path).fit(few[::-1])
    path.write_bytes(b"text")
    with pytest.raises(ValueError, match="not a checkpoint of skcollision"):
        quick(checkpoint=path).fit(few)


def test_a_fit_without_a_seed_resumes_with_the_one_it_had(quick, few, tmp_path):
    made = [quick(checkpoint=tmp_path / "fit.pt", random_state=None).fit(few) for _ in range(2)]
    assert torch.equal(weights(made[0]), weights(made[1]))


class Spy(ClusteringCriterion):
    """Records the sizes of what is solved for, and trains on labels that are all the first."""

    def __init__(self):
        self.solved, self.trained = [], []

    def solve(self, logits, sample_weight):
        from skcollision.criteria import PseudoLabels

        self.solved.append(logits.shape[1])
        labels = torch.zeros_like(logits)
        labels[..., 0] = 1
        return PseudoLabels(labels, torch.zeros(1), torch.zeros(1))

    def loss(self, logits, solved, sample_weight):
        self.trained.append(tuple(solved.labels.shape))
        return -(logits.log_softmax(2) * solved.labels).sum(2).mean(1)


def test_labels_of_the_whole_set_are_solved_for_in_rounds(quick, few):
    spy = Spy()
    quick(criterion=spy, label_rounds=2, max_iter=4).fit(few)
    assert spy.solved == [60, 60]
    assert spy.trained == [(1, 30, 2)] * 8


def test_labels_of_each_batch_are_the_default(quick, few):
    spy = Spy()
    quick(criterion=spy, max_iter=2).fit(few)
    assert spy.solved == [30] * 4


@pytest.mark.parametrize(
    ("n_samples", "batch_size", "sizes"), [(7, 2, [2, 2, 3]), (3, 2, [3]), (5, 1, [2, 3])]
)
def test_no_batch_is_a_single_image(quick, few, small_vgg4, n_samples, batch_size, sizes):
    """Which normalisation over the batch would refuse."""
    spy = Spy()
    clusterer = quick(criterion=spy, backbone=small_vgg4, max_iter=2, batch_size=batch_size)
    with pytest.warns(UserWarning, match=f"Batches of {batch_size} points are too few for 2"):
        clusterer.fit(few[:n_samples])
    assert sorted(spy.solved[: len(sizes)]) == sizes
    assert len(spy.solved) == 2 * len(sizes)


def test_values_that_overflow_in_the_network_are_an_error(quick, few):
    clusterer = quick(max_iter=1).fit(few)
    with pytest.raises(ValueError, match="X has values so far from those"):
        clusterer.predict_proba(few.astype(np.float32) * np.float32(3e38))


def test_overclustering_trains_a_second_head(quick, few):
    clusterer = quick(criterion="iic", overclustering=7, augment="auto").fit(few)
    assert clusterer.predict_proba(few).shape == (60, 2)
    assert clusterer.network_.head.out_features == 9


def test_neighbours_are_the_second_view(few):
    """A network that memorised pairs would agree: identical images in pairs are neighbours."""
    twins = np.repeat(few[:20], 2, axis=0)

    class Pairs(SCANCriterion):
        def pair_loss(self, logits, view, solved, sample_weight):
            torch.testing.assert_close(logits, view)
            return super().pair_loss(logits, view, solved, sample_weight)

    DeepClusterer(
        2,
        criterion=Pairs(),
        backbone=torch.nn.Flatten(),
        augment=None,
        n_neighbors=1,
        max_iter=2,
        batch_size=20,
    ).fit(twins)


def test_scan_goes_on_with_sure_labels(quick, few):
    scan = quick(criterion="scan", n_neighbors=5, random_state=0).fit(few)
    before = weights(scan)
    scan.set_params(criterion=SureLabelsCriterion(0.5), n_neighbors=0, warm_start=True, max_iter=1)
    scan.set_params(learning_rate=1e-9, weight_decay=0.0).fit(few)
    torch.testing.assert_close(weights(scan), before, rtol=0, atol=1e-6)


def test_warm_start_needs_the_same_clusters(quick, few):
    clusterer = quick(warm_start=True).fit(few)
    with pytest.raises(ValueError, match="warm_start=True needs the clusters"):
        clusterer.set_params(n_clusters=3).fit(few)


def test_a_backbone_can_rest(quick, few, small_vgg4):
    torch.manual_seed(0)
    backbone = small_vgg4((1, 8, 8))
    clusterer = quick(backbone=backbone, backbone_learning_rate=0.0).fit(few)
    for name, value in backbone.state_dict().items():
        assert torch.equal(clusterer.network_.backbone.state_dict()[name], value)


def test_a_backbone_rests_while_its_virtual_adversaries_are_sought(quick, few, small_vgg4):
    """Looking for them takes evaluation mode, after which each part is as it was before."""
    torch.manual_seed(0)
    backbone = small_vgg4((1, 8, 8))
    clusterer = quick(
        backbone=backbone, backbone_learning_rate=0.0, criterion="imsat", augment=VirtualAdversary()
    ).fit(few)
    for name, value in backbone.state_dict().items():
        assert torch.equal(clusterer.network_.backbone.state_dict()[name], value)


def test_training_starts_from_pretrained_weights(quick, few, small_vgg4):
    trained = small_vgg4((1, 8, 8))
    clusterer = quick(
        backbone=small_vgg4, pretrained=trained.state_dict(), backbone_learning_rate=0.0
    ).fit(few)
    first = next(iter(trained.state_dict().values()))
    torch.testing.assert_close(next(iter(clusterer.network_.backbone.state_dict().values())), first)


@pytest.mark.parametrize(
    "criterion", ["mutual_information", "miadm", "sela", "imsat", "iic", "scan"]
)
def test_every_named_criterion_trains(quick, few, criterion):
    clusterer = quick(criterion=criterion, augment="auto").fit(few)
    assert np.isfinite(clusterer.history_["objective"]).all()


def test_virtual_adversaries_are_views(quick, few):
    clusterer = quick(criterion="imsat", augment=VirtualAdversary()).fit(few)
    assert np.isfinite(clusterer.objective_)


def test_half_precision(quick, few):
    clusterer = quick(precision="bf16-mixed").fit(few)
    assert clusterer.predict_proba(few).dtype == np.float32


def test_no_more_than_a_batch_is_read_at_once(quick, few, monkeypatch):
    sizes, batch = [], Samples.batch

    def record(self, *rows_and_device):
        read = batch(self, *rows_and_device)
        sizes.append(len(read))
        return read

    monkeypatch.setattr(Samples, "batch", record)
    many = np.concatenate([few] * 10)
    clusterer = quick(n_neighbors=2, criterion="sela", label_rounds=1, max_iter=1).fit(many)
    clusterer.transform(many)
    # 64 rows tell data sets apart where there is a checkpoint; a block without gradient is two.
    assert max(sizes) <= 60


def test_kinds_of_input_give_the_same(quick, few):
    labels = quick().fit(few.astype(np.float32)).labels_
    for X in (torch.from_numpy(few).float(), few[..., None].astype(np.float32)):
        np.testing.assert_array_equal(quick().fit(X).labels_, labels)
    flat = quick(image_shape=(8, 8)).fit(few.reshape(60, -1).astype(np.float32))
    np.testing.assert_array_equal(flat.labels_, labels)
    column = pd.Series(list(few.astype(np.float32)))
    np.testing.assert_array_equal(quick().fit(column).labels_, labels)


def test_pickles_and_clones(quick, few):
    clusterer = quick().fit(few)
    again = pickle.loads(pickle.dumps(clusterer))
    np.testing.assert_array_equal(again.predict_proba(few), clusterer.predict_proba(few))
    assert not hasattr(clone(clusterer), "network_")


def test_the_users_images_and_network_stay(quick, few, small_vgg4):
    backbone, images = small_vgg4((1, 8, 8)), few.astype(np.float32)
    before = pickle.dumps(backbone.state_dict()["0.weight"].numpy()), images.copy()
    quick(backbone=backbone, augment=lambda batch: batch.mul_(0.5)).fit(images)
    assert pickle.dumps(backbone.state_dict()["0.weight"].numpy()) == before[0]
    np.testing.assert_array_equal(images, before[1])


class OneLoss(ClusteringCriterion):
    """Forgets that there may be several restarts."""

    def loss(self, logits, solved, sample_weight):
        return logits.softmax(2).square().mean()


@pytest.mark.parametrize(
    ("change", "parameters", "match"),
    [
        (lambda X: np.where(X > 0.9, np.nan, X), {}, "contains NaN"),
        (lambda X: X[:1], {}, "X has n_samples=1 samples, fewer than n_clusters"),
        (lambda X: X[:1], {"n_clusters": 1}, "X has the same sample in every row"),
        (lambda X: X[:1].repeat(9, axis=0), {}, "nothing to cluster"),
        (lambda X: X, {"augment": lambda batch: batch[:1]}, "must keep the shape of a batch"),
        (lambda X: X, {"n_neighbors": 60}, "'n_neighbors' parameter of DeepClusterer"),
        (lambda X: X, {"image_shape": (4, 4)}, "'image_shape' parameter of DeepClusterer"),
        (lambda X: X, {"criterion": "unknown"}, "'criterion' parameter of DeepClusterer"),
        (lambda X: X, {"criterion": OneLoss()}, r"The loss of OneLoss .* Got shape \(\) instead"),
        (lambda X: X, {"n_clusters": True}, "'n_clusters' .* must not be a boolean"),
        (lambda X: X, {"learning_rate": 1e30, "optimizer": "sgd"}, "Lower 'learning_rate'"),
    ],
)
def test_bad_input_is_one_error(quick, few, change, parameters, match):
    with pytest.raises(ValueError, match=match):
        quick(**parameters).fit(change(few))


def test_other_images_in_predict_are_an_error(quick, few):
    clusterer = quick().fit(few)
    with pytest.raises(ValueError, match=r"fitted on samples of shape \(1, 8, 8\)"):
        clusterer.predict(np.zeros((5, 9, 9)))


def test_empty_clusters_are_told(quick, few):
    with pytest.warns(ConvergenceWarning, match="1 of n_clusters=2 clusters ended empty"):
        quick(criterion=Spy(), learning_rate=0.5).fit(few)


@pytest.mark.parametrize(("library", "augment"), [("lightning_fabric", None), ("kornia", "auto")])
def test_a_missing_library_is_named(quick, few, monkeypatch, library, augment):
    import skcollision._extras

    real = skcollision._extras.import_module

    def missing(name):
        if name.startswith(library):
            raise builtins.ImportError(name)
        return real(name)

    monkeypatch.setattr(skcollision._extras, "import_module", missing)
    with pytest.raises(ImportError, match=rf"needs {library}.*skcollision\[deep\]"):
        quick(augment=augment).fit(few)


def test_no_row_beyond_the_network_gets_a_label():
    X = np.random.default_rng(0).normal(size=(20, 4))
    backbone = torch.nn.Linear(4, 3)
    model = DeepClusterer(2, backbone=backbone, max_iter=1, random_state=0).fit(X)
    for method in (model.predict, model.predict_proba, model.transform):
        with pytest.raises(ValueError, match="X has values so far from those"):
            method(1e300 * X)
