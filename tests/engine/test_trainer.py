import dataclasses

import numpy as np
import pytest
import torch

from skcollision.criteria import CollisionCriterion
from skcollision.engine import (
    FeatureSource,
    LinearHeads,
    PriorEstimate,
    Progress,
    Trainer,
    TrainingSettings,
)
from skcollision.engine._batches import random_batches
from skcollision.engine._schedule import (
    EXTRA_DECAY,
    PATIENCE_EPOCHS,
    PATIENCE_STEPS,
    Plateau,
)
from skcollision.engine._trainer import DISTILLATION_DECAY

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


def trainer_of(weight, criterion=None, **settings):
    heads = LinearHeads(weight, np.zeros(weight.shape[:2]), CPU)
    criterion = criterion or CollisionCriterion(lam=10.0, fairness_weight=1.0, solver_tol=1e-8)
    settings = TrainingSettings(**{**SETTINGS, **settings})
    return Trainer(heads, criterion, settings, np.random.RandomState(0))


def run(trainer, X, sample_weight=None, on_epoch_end=lambda epoch, measures: False):
    return trainer.run(FeatureSource(X, None, CPU), sample_weight, on_epoch_end)


def test_the_objective_falls(X, weight):
    history = run(trainer_of(weight), X).as_dict()
    assert history["objective"].shape == (40, 2)
    assert (history["objective"][-1] < history["objective"][0] - 0.3).all()
    assert (np.diff(history["seconds"]) >= 0).all()


def test_evaluate_agrees_with_the_definition_and_moves_nothing(X, weight):
    trainer = trainer_of(weight)
    before = trainer.heads.numpy()[0]
    source = FeatureSource(X, None, CPU)
    objective = trainer.evaluate(source, None).objective
    criterion, logits = trainer.criterion, trainer.heads(source.batch(slice(None))).detach()
    solved = criterion.solve(logits, None)
    decay = 0.5 * 1e-3 * (weight**2).sum((1, 2))
    expected = criterion.loss(logits, solved, None) + solved.cost + torch.from_numpy(decay)
    np.testing.assert_allclose(objective, expected, rtol=1e-6)
    np.testing.assert_array_equal(trainer.heads.numpy()[0], before)


def test_names_of_clusters_do_not_matter(X, weight):
    order = [2, 0, 3, 1]
    plain, renamed = trainer_of(weight), trainer_of(weight[:, order])
    curves = [run(t, X).as_dict()["objective"] for t in (plain, renamed)]
    # Sums over clusters are rounded in another order, which 40 steps carry on.
    np.testing.assert_allclose(curves[1], curves[0], rtol=1e-9)
    np.testing.assert_allclose(
        renamed.heads.numpy()[0], plain.heads.numpy()[0][:, order], rtol=0, atol=1e-8
    )


def test_restarts_do_not_touch_each_other(X, weight):
    both, alone = trainer_of(weight), trainer_of(weight[1:])
    for trainer in (both, alone):
        run(trainer, X)
    np.testing.assert_allclose(
        both.heads.numpy()[0][1], alone.heads.numpy()[0][0], rtol=1e-6, atol=1e-9
    )


def test_weights_count_like_repetitions(X, weight):
    counts = np.random.default_rng(2).integers(0, 3, len(X))
    weighted, repeated = trainer_of(weight), trainer_of(weight)
    run(weighted, X, counts.astype(float))
    run(repeated, np.repeat(X, counts, axis=0))
    np.testing.assert_allclose(
        weighted.heads.numpy()[0], repeated.heads.numpy()[0], rtol=0, atol=1e-8
    )


def test_every_point_with_weight_is_visited_once_an_epoch():
    sample_weight = np.array([0.0, 1.0, 2.0] * 10)
    batches = random_batches(30, 7, sample_weight, np.random.RandomState(0))
    assert sorted(np.concatenate(batches)) == list(np.flatnonzero(sample_weight))
    assert {len(batch) for batch in batches} == {6, 7}


def test_keep_goes_on_as_that_restart_alone(X, weight):
    both, alone = (
        trainer_of(weight, schedule="constant"),
        trainer_of(weight[1:], schedule="constant"),
    )
    source = FeatureSource(X, None, CPU)
    for trainer in (both, alone):
        trainer.run_once(source, None)
    both.keep(1)
    for trainer in (both, alone):
        trainer.run_once(source, None)
    np.testing.assert_allclose(both.heads.numpy()[0], alone.heads.numpy()[0], rtol=1e-9, atol=1e-12)


def test_some_restarts_return_to_their_start(X, weight):
    trainer = trainer_of(weight)
    trainer.prior = PriorEstimate(2, 4)
    before = trainer.heads.numpy()[0]
    trainer.remember_start()
    run(trainer, X)
    after, proportions = trainer.heads.numpy()[0], trainer.prior.proportions.copy()
    assert np.abs(after - before).max() > 0.1
    trainer = Trainer.from_state(trainer.state(), trainer.criterion, CPU)
    trainer.return_to_start(np.array([1]), np.array([[0.4, 0.3, 0.2, 0.1]]))
    np.testing.assert_array_equal(trainer.heads.numpy()[0], np.stack([after[0], before[1]]))
    np.testing.assert_array_equal(trainer.prior.proportions[0], proportions[0])
    assert (np.diff(trainer.prior.proportions[1]) < 0).all()
    np.testing.assert_array_equal(trainer.criterion.prior, trainer.prior.proportions)


def test_training_stops_when_told_to(X, weight):
    history = run(trainer_of(weight), X, on_epoch_end=lambda epoch, measures: epoch == 4)
    assert len(history.seconds) == 5


def test_training_goes_on_bit_for_bit_from_what_was_saved(X, weight):
    settings = {"n_epochs": 150, "batch_size": 50, "tol": 0.05}
    saved = []
    whole = trainer_of(weight, **settings)

    def save(trainer, progress):
        saved.append((trainer.state(), progress.state()))

    source = FeatureSource(X, None, CPU)
    history = whole.run(source, None, lambda epoch, measures: False, save=save)
    assert len(saved) == len(history.seconds) < 150  # it settled
    for state, progress in (saved[20], saved[-1]):
        again = Trainer.from_state(state, whole.criterion, CPU)
        resumed = again.run(
            source, None, lambda epoch, measures: False, progress=Progress.from_state(progress)
        )
        np.testing.assert_array_equal(again.heads.numpy()[0], whole.heads.numpy()[0])
        np.testing.assert_array_equal(
            resumed.as_dict()["objective"], history.as_dict()["objective"]
        )


def test_a_plateau_needs_both_patience_in_epochs_and_in_steps():
    plateau = Plateau(tol=1e-3)
    assert not plateau.reached(np.array([1.0, 2.0]), 1)
    falls = [1 - 0.01 * epoch for epoch in range(50)]
    assert not any(plateau.reached(np.array([value, 2.0]), 1) for value in falls)
    stopped = [plateau.reached(np.array([falls[-1] - 1e-4, 2.0]), 1) for _ in range(200)]
    assert stopped.index(True) + 1 == max(PATIENCE_EPOCHS, PATIENCE_STEPS)


def test_tol_zero_never_stops():
    plateau = Plateau(tol=0.0)
    assert not any(plateau.reached(np.array([1.0]), 100) for _ in range(1000))


def test_sgd_follows_the_gradient(X, weight):
    trainer = trainer_of(weight, optimizer="sgd", schedule="constant", learning_rate=0.1)
    source = FeatureSource(X, None, CPU)
    before = torch.tensor(weight, requires_grad=True)
    logits = torch.einsum("nd,rkd->rnk", source.batch(slice(None)), before)
    solved = trainer.criterion.solve(logits.detach(), None)
    loss = trainer.criterion.loss(logits, solved, None) + 0.5e-3 * before.square().sum((1, 2))
    loss.sum().backward()
    trainer.run_once(source, None)
    np.testing.assert_allclose(
        trainer.heads.numpy()[0], weight - 0.1 * before.grad.numpy(), rtol=1e-9, atol=1e-12
    )


def test_rate_and_decay_come_down_together_to_the_settings_own(X, weight):
    trainer, seen = trainer_of(weight, n_epochs=20), []
    step = trainer._step

    def recorded(*args, **kwargs):
        seen.append((trainer._optimizer.param_groups[0]["lr"], trainer._decay))
        return step(*args, **kwargs)

    trainer._step = recorded
    run(trainer, X)
    rates, decays = np.array(seen).T
    assert rates[0] == pytest.approx(1.0)
    assert decays[0] == pytest.approx((1 + EXTRA_DECAY) * 1e-3)
    assert (np.diff(rates) < 0).all()
    assert (np.diff(decays) < 0).all()
    assert rates[-1] < 0.01
    assert decays[-1] == pytest.approx(1e-3, rel=0.05)


def test_the_constant_schedule_changes_neither(X, weight):
    trainer = trainer_of(weight, n_epochs=3, schedule="constant")
    run(trainer, X)
    assert (trainer._optimizer.param_groups[0]["lr"], trainer._decay) == (1.0, 1e-3)


def test_training_on_a_basis_is_training_on_what_it_spans(X, weight):
    basis = torch.from_numpy(np.linalg.qr(np.random.default_rng(2).normal(size=(6, 3)))[0])
    inside = X @ basis.numpy()
    start = weight[..., :3]
    trainer = trainer_of(start)
    trainer.heads = LinearHeads(start, np.zeros(start.shape[:2]), CPU, basis)
    trainer._optimizer = trainer._new_optimizer()
    run(trainer, inside, on_epoch_end=lambda epoch, measures: epoch == 9)
    # What the basis does not span has neither weight nor gradient in the whole space.
    whole = trainer_of(start @ basis.numpy().T)
    run(whole, inside @ basis.numpy().T, on_epoch_end=lambda epoch, measures: epoch == 9)
    for each in (trainer, whole):
        each.keep(1)
        each.lift()
        each.settings = dataclasses.replace(each.settings, schedule="constant", n_epochs=3)
    np.testing.assert_allclose(trainer.heads.numpy()[0], whole.heads.numpy()[0], rtol=0, atol=1e-8)
    # The optimiser's moments are lifted too: both go on alike.
    for each in (trainer, whole):
        run(each, inside @ basis.numpy().T)
    np.testing.assert_allclose(trainer.heads.numpy()[0], whole.heads.numpy()[0], rtol=0, atol=1e-8)


def test_distillation_solves_multinomial_logistic_regression(X, weight):
    labels = np.random.default_rng(3).dirichlet(np.ones(4), len(X))
    sample_weight = np.arange(len(X)) % 3.0
    trainer = trainer_of(weight[:1], weight_decay=1.0)
    points = FeatureSource(X, None, CPU)
    trainer.distil(points, lambda batch: torch.from_numpy(labels[batch.rows]), sample_weight)
    W, b = trainer.heads.numpy()
    logits = X @ W[0].T + b[0]
    probs = np.exp(logits - logits.max(1, keepdims=True))
    residual = sample_weight[:, None] * (probs / probs.sum(1, keepdims=True) - labels)
    gradient = residual.T @ X / sample_weight.sum() + DISTILLATION_DECAY * W[0]
    assert np.abs(gradient).max() < 1e-3
    assert np.abs(residual.sum(0) / sample_weight.sum()).max() < 1e-3
