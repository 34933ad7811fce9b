import pytest

from skcollision.engine import crowding, default_weight_decay


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
