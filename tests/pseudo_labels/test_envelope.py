"""The dual function: exact for one point, whatever the prices."""

import numpy as np
import pytest
import torch
from scipy.optimize import minimize_scalar

from skcollision.pseudo_labels._one_problem import phi


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
def test_phi_is_the_maximum(predictions, n_clusters, spread):
    probs = predictions(40, n_clusters)
    v = np.random.default_rng(1).normal(size=n_clusters) * spread
    found = phi(torch.from_numpy(probs), torch.from_numpy(v)).numpy()
    for value, sigma in zip(found, probs, strict=True):
        assert value == pytest.approx(phi_by_search(sigma, v), rel=1e-8, abs=1e-7)


@pytest.mark.parametrize("sigma", [[1.0, 0.0, 0.0], [0.5, 0.5, 0.0], [1 / 3] * 3])
def test_ties_and_zeros(sigma):
    """phi is the least of -ln(sigma'y) - y'v over two-sparse labels, of which one attains it."""
    for v in (np.zeros(3), np.array([0.0, 2.0, 5.0]), np.array([5.0, 0.0, 0.0])):
        found = float(phi(torch.tensor([sigma], dtype=torch.float64), torch.from_numpy(v)))
        share = np.linspace(0, 1, 2001)[:, None]
        labels = np.concatenate(
            [share * np.eye(3)[a] + (1 - share) * np.eye(3)[b] for a in range(3) for b in range(3)]
        )
        with np.errstate(divide="ignore"):
            best = (-np.log(labels @ np.array(sigma)) - labels @ v).min()
        assert found <= best + 1e-12
        assert found == pytest.approx(best, abs=1e-5)
