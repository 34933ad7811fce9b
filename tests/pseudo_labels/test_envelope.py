"""The envelope search: exact for one point, a bound for any dual variable."""

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from skcollision.pseudo_labels.kernels.cpu_envelope import bound_rows, label_rows

ONE = np.ones(1)


def phi_by_search(sigma, v):
    """Maximise 1 + ln s - max(s sigma + v), concave in ln s, on a bracket that holds it."""
    low, high = -np.log(sigma.max()) - 1e-9, -np.log(sigma.min()) + 1e-9
    best = minimize_scalar(
        lambda t: -(1 + t - (np.exp(t) * sigma + v).max()),
        bounds=(low, high),
        method="bounded",
        options={"xatol": 1e-12},
    )
    return -best.fun


@pytest.mark.parametrize("n_clusters", [2, 3, 10, 50])
@pytest.mark.parametrize("spread", [0.0, 0.3, 3.0, 30.0])
def test_phi_is_the_maximum_and_the_labels_attain_it(predictions, n_clusters, spread):
    probs = predictions(40, n_clusters)
    v = np.random.default_rng(1).normal(size=n_clusters) * spread
    labels = np.empty_like(probs)
    label_rows(probs, v, labels, 0, 40)
    np.testing.assert_allclose(labels.sum(1), 1, atol=1e-12)
    assert ((labels > 0).sum(1) <= 2).all()
    assert labels.min() >= 0
    for i in range(40):
        phi = bound_rows(probs, np.ones(40), v, i, i + 1)
        assert phi == pytest.approx(phi_by_search(probs[i], v), rel=1e-8, abs=1e-7)
        assert -np.log(probs[i] @ labels[i]) - v @ labels[i] == pytest.approx(phi, abs=1e-9)


@pytest.mark.parametrize("sigma", [[1.0, 0.0, 0.0], [0.5, 0.5, 0.0], [1 / 3] * 3])
def test_ties_and_zeros(sigma):
    sigma = np.array([sigma])
    for v in (np.zeros(3), np.array([0.0, 2.0, 5.0]), np.array([5.0, 0.0, 0.0])):
        labels = np.empty_like(sigma)
        label_rows(sigma, v, labels, 0, 1)
        phi = bound_rows(sigma, ONE, v, 0, 1)
        assert np.isfinite(phi)
        assert -np.log(sigma[0] @ labels[0]) - v @ labels[0] == pytest.approx(phi, abs=1e-9)
