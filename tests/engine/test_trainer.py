import dataclasses

import numpy as np
import pytest
import torch
from scipy import sparse

from skcollision.criteria import CollisionCriterion
from skcollision.engine import (
    LinearHeads,
    MatchedPrior,
    NormalisedRows,
    PriorEstimate,
    Progress,
    Trainer,
    TrainingSettings,
    fit_normalisation,
)
from skcollision.engine._distillation import DISTILLATION_DECAY

CPU = torch.device("cpu")
SETTINGS = {
    "n_epochs": 40,
    "batch_size": 1000,
    "optimizer": "adam",
    "learning_rate": 1.0,
    "schedule": "cosine",
    "weight_decay": 1e-3,
    "tol": 0.0,
}


@pytest.fixture
def X():
    rng = np.random.default_rng(0)
    return rng.normal(size=(4, 6))[rng.integers(0, 4, 120)] + 0.3 * rng.normal(size=(120, 6))


@pytest.fixture
def weight():
    return np.random.default_rng(1).uniform(-0.4, 0.4, (2, 4, 6))


def trainer_of(weight, prior=None, basis=None, **settings):
    weight = torch.from_numpy(weight)
    heads = LinearHeads.of_weights(weight, torch.zeros_like(weight[..., 0]), basis)
    criterion = CollisionCriterion(lam=10.0, fairness_weight=1.0, solver_tol=1e-8)
    settings = TrainingSettings(**{**SETTINGS, **settings})
    return Trainer(heads, criterion, settings, np.random.RandomState(0), prior)


def go_on(epoch, measures):
    return False


def run(trainer, X, sample_weight=None, on_epoch_end=go_on, **options):
    weight = None if sample_weight is None else torch.from_numpy(sample_weight)
    return trainer.run(torch.from_numpy(X), weight, on_epoch_end, **options)


def assert_same_weights(a, b, atol=1e-8):
    for mine, yours in zip(a.heads.numpy(), b.heads.numpy(), strict=True):
        np.testing.assert_allclose(mine, yours, rtol=0, atol=atol)


def test_the_objective_falls(X, weight):
    history = run(trainer_of(weight), X).as_dict()
    assert history["objective"].shape == (40, 2)
    assert (history["objective"][-1] < history["objective"][0] - 0.3).all()
    assert (np.diff(history["seconds"]) >= 0).all()


def test_evaluate_agrees_with_the_definition_and_moves_nothing(X, weight):
    trainer = trainer_of(weight)
    measures = trainer.evaluate(torch.from_numpy(X), None)
    criterion, logits = trainer.criterion, trainer.heads(torch.from_numpy(X))
    solved = criterion.solve(logits, None)
    decay = 0.5 * 1e-3 * (weight**2).sum((1, 2))
    expected = criterion.loss(logits, solved, None) + solved.cost + torch.from_numpy(decay)
    np.testing.assert_allclose(measures.objective, expected, rtol=1e-6)
    mean = logits.softmax(2).mean(1).numpy()
    np.testing.assert_allclose(measures.marginal_entropy, -(mean * np.log(mean)).sum(1))
    assert (measures.duality_gap <= 1e-7).all()
    assert_same_weights(trainer, trainer_of(weight), atol=0)


def test_names_of_clusters_do_not_matter(X, weight):
    order = [2, 0, 3, 1]
    plain, renamed = trainer_of(weight), trainer_of(weight[:, order])
    curves = [run(t, X).as_dict()["objective"] for t in (plain, renamed)]
    # Sums over clusters are rounded in another order, and labels are solved to 1e-8.
    np.testing.assert_allclose(curves[1], curves[0], rtol=1e-8)
    np.testing.assert_allclose(
        renamed.heads.numpy()[0], plain.heads.numpy()[0][:, order], rtol=0, atol=1e-7
    )


def test_restarts_do_not_touch_each_other(X, weight):
    both, alone = trainer_of(weight), trainer_of(weight[1:])
    for trainer in (both, alone):
        run(trainer, X)
    both.keep(1)
    assert_same_weights(both, alone, atol=1e-6)


def test_weights_count_like_repetitions(X, weight):
    counts = np.random.default_rng(2).integers(1, 4, len(X))
    weighted, repeated = trainer_of(weight), trainer_of(weight)
    histories = (
        run(weighted, X, counts.astype(float)),
        run(repeated, np.repeat(X, counts, axis=0)),
    )
    assert_same_weights(weighted, repeated, atol=1e-6)
    objectives = [history.as_dict()["objective"] for history in histories]
    np.testing.assert_allclose(*objectives, rtol=1e-7)


class Recorded:
    """Rows that remember when they were asked for."""

    def __init__(self, X):
        self.X, self.asked = torch.from_numpy(X), []

    def __len__(self):
        return len(self.X)

    def __getitem__(self, rows):
        self.asked.append(np.array(rows))
        return self.X[rows]


def test_every_point_is_visited_once_an_epoch_in_batches_of_nearly_equal_size(X, weight):
    features = Recorded(X)
    trainer_of(weight, n_epochs=2, batch_size=50).run(features, None, go_on)
    assert [len(rows) for rows in features.asked] == [40] * 6
    epochs = [np.concatenate(features.asked[:3]), np.concatenate(features.asked[3:])]
    for epoch in epochs:
        np.testing.assert_array_equal(np.sort(epoch), np.arange(120))
    assert (epochs[0] != epochs[1]).any()


def test_rows_normalised_on_demand_train_like_a_tensor(X, weight):
    rows = NormalisedRows(X, fit_normalisation(X, None), CPU)
    trainers = [trainer_of(weight, batch_size=50) for _ in range(2)]
    for trainer, features in zip(trainers, (rows, rows.matrix()), strict=True):
        trainer.run(features, None, go_on)
    assert_same_weights(*trainers, atol=0)


def test_keep_goes_on_as_that_restart_alone(X, weight):
    both, alone = (trainer_of(w, schedule="constant") for w in (weight, weight[1:]))
    X = torch.from_numpy(X)
    for trainer in (both, alone):
        trainer.run_once(X, None)
    both.keep(1)
    for trainer in (both, alone):
        trainer.run_once(X, None)
    assert_same_weights(both, alone)


def test_clusters_can_be_reordered_at_any_time(X, weight):
    order = [2, 0, 3, 1]
    plain, renamed = (trainer_of(weight[:1], schedule="constant") for _ in range(2))
    X = torch.from_numpy(X)
    for trainer in (plain, renamed):
        trainer.run_once(X, None)
    renamed.join(np.eye(4)[:, order])
    for trainer in (plain, renamed):
        trainer.run_once(X, None)
    plain.join(np.eye(4)[:, order])
    assert_same_weights(plain, renamed)


def test_the_start_is_remembered_and_can_be_kept(X, weight):
    trainer = trainer_of(weight, PriorEstimate(2, 4))
    before = trainer.heads.numpy()[0]
    trainer.remember_start()
    run(trainer, X)
    assert np.abs(trainer.heads.numpy()[0] - before).max() > 0.1
    trainer = Trainer.from_state(trainer.state(), trainer.criterion, CPU)
    np.testing.assert_array_equal(trainer.start.numpy()[0], before)
    trainer.keep(1, trainer.start, np.array([0.4, 0.3, 0.2, 0.1]))
    np.testing.assert_array_equal(trainer.heads.numpy()[0], before[1:])
    assert trainer.start is None
    assert (np.diff(trainer.prior.proportions[0]) < 0).all()
    np.testing.assert_array_equal(trainer.criterion.prior, trainer.prior.proportions)


def test_training_stops_when_told_to(X, weight):
    history = run(trainer_of(weight), X, on_epoch_end=lambda epoch, measures: epoch == 4)
    assert len(history.seconds) == 5


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
@pytest.mark.parametrize(
    "prior",
    [lambda: None, lambda: PriorEstimate(2, 4), lambda: MatchedPrior(2, np.arange(1, 5) / 10)],
)
def test_training_goes_on_bit_for_bit_from_what_was_saved(X, weight, prior, optimizer):
    saved = []
    whole = trainer_of(weight, prior(), optimizer=optimizer, batch_size=50, tol=0.5)

    def save(trainer, progress):
        saved.append((trainer.state(), progress.state()))

    history = run(whole, X, save=save)
    assert len(saved) == len(history.seconds)
    for state, progress in (saved[10], saved[-1]):
        again = Trainer.from_state(state, whole.criterion, CPU)
        resumed = run(again, X, progress=Progress.from_state(progress))
        assert_same_weights(again, whole, atol=0)
        for name in ("objective", "marginal_entropy", "duality_gap"):
            np.testing.assert_array_equal(resumed.as_dict()[name], history.as_dict()[name])
        if prior() is not None:
            np.testing.assert_array_equal(again.prior.proportions, whole.prior.proportions)
    for trainer in (again, whole):
        trainer.run_once(torch.from_numpy(X), None)  # the optimiser's moments are there too
    assert_same_weights(again, whole, atol=0)


def test_sgd_follows_the_gradient(X, weight):
    trainer = trainer_of(weight, optimizer="sgd", schedule="constant", learning_rate=0.1)
    before = torch.tensor(weight, requires_grad=True)
    logits = torch.einsum("nd,rkd->rnk", torch.from_numpy(X), before)
    solved = trainer.criterion.solve(logits.detach(), None)
    loss = trainer.criterion.loss(logits, solved, None) + 0.5e-3 * before.square().sum((1, 2))
    loss.sum().backward()
    trainer.run_once(torch.from_numpy(X), None)
    np.testing.assert_allclose(
        trainer.heads.numpy()[0], weight - 0.1 * before.grad.numpy(), rtol=1e-9, atol=1e-12
    )


def test_training_on_a_basis_is_training_on_what_it_spans(X, weight):
    basis = np.linalg.qr(np.random.default_rng(2).normal(size=(6, 3)))[0]
    inside, start = X @ basis, weight[..., :3]
    few = trainer_of(start, basis=torch.from_numpy(basis))
    # What the basis does not span has neither weight nor gradient in the whole space.
    whole = trainer_of(start @ basis.T)
    for trainer, features in ((few, inside), (whole, inside @ basis.T)):
        run(trainer, features, on_epoch_end=lambda epoch, measures: epoch == 9)
        trainer.keep(1)
        trainer.lift()
        trainer.settings = dataclasses.replace(trainer.settings, schedule="constant", n_epochs=3)
    assert_same_weights(few, whole)
    # The optimiser's moments are lifted too: both go on alike.
    for trainer in (few, whole):
        run(trainer, inside @ basis.T)
    assert_same_weights(few, whole)


def test_distillation_solves_multinomial_logistic_regression(X, weight):
    labels = np.random.default_rng(3).dirichlet(np.ones(4), len(X))
    sample_weight = np.arange(len(X)) % 3.0
    trainer = trainer_of(weight[:1], weight_decay=1.0)
    points, weights = torch.from_numpy(X), torch.from_numpy(sample_weight)
    trainer.distil(points, sparse.csr_array(labels), weights, n_iterations=30)
    W, b = trainer.heads.numpy()
    logits = X @ W[0].T + b[0]
    probs = np.exp(logits - logits.max(1, keepdims=True))
    residual = sample_weight[:, None] * (probs / probs.sum(1, keepdims=True) - labels)
    gradient = residual.T @ X / sample_weight.sum() + DISTILLATION_DECAY * W[0]
    assert np.abs(gradient).max() < 1e-3
    assert np.abs(residual.sum(0) / sample_weight.sum()).max() < 1e-3
