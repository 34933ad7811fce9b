import numpy as np
import pytest

from skcollision.engine import crowding, default_weight_decay
from skcollision.engine._schedule import (
    EXTRA_DECAY,
    OPEN_SCHEDULES,
    PATIENCE_EPOCHS,
    PATIENCE_STEPS,
    SCHEDULES,
    Plateau,
)


@pytest.mark.parametrize("n_features", [16, 2048, float("inf")])
def test_in_many_dimensions_decay_depends_on_the_clusters_alone(n_features):
    assert default_weight_decay(10, n_features) == 0.01 / 10


def test_decay_gives_way_where_clusters_are_crowded():
    # Half the distance between clusters takes sixteen times the squared weights.
    in_a_plane = [default_weight_decay(k, 2) * k / 0.01 for k in (1, 4, 16)]
    assert in_a_plane == pytest.approx([1, 1 / 16, 1 / 256])
    decays = [default_weight_decay(10, n_features) for n_features in (1, 2, 4, 8, 15, 16)]
    assert decays == sorted(decays)


def test_the_margin_between_crowded_clusters_is_that_of_many_features():
    # Points of K clusters on a line are d apart, the squares of it as crowding says.
    assert crowding(10, 1) == pytest.approx((1 / 10) ** 2)
    assert crowding(10, 16) == crowding(10, float("inf")) == 1
    assert default_weight_decay(10, 4) == pytest.approx(0.01 / 10 * crowding(10, 4) ** 2)


def test_rate_and_decay_come_down_together_to_the_settings_own():
    for schedule, ends in ((SCHEDULES["cosine"], 1.0), (OPEN_SCHEDULES["cosine"], 1e6)):
        rates, decays = np.array([schedule(x) for x in np.linspace(0, ends, 20)]).T
        assert (rates[0], decays[0]) == (1, 1 + EXTRA_DECAY)
        assert (np.diff(rates) < 0).all()
        assert (np.diff(decays) < 0).all()
        assert rates[-1] == pytest.approx(0, abs=1e-3)
        assert decays[-1] == pytest.approx(1, abs=1e-3)
    for schedules in (SCHEDULES, OPEN_SCHEDULES):
        assert schedules["constant"](0) == schedules["constant"](1) == (1, 1)


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
