"""Predictions, the objective and its optimum, each independent of the package's code."""

import numpy as np
import pytest


def softmax(logits):
    exp = np.exp(logits - logits.max(-1, keepdims=True))
    return exp / exp.sum(-1, keepdims=True)


def kl(p, q):
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(np.sum(np.where(p > 0, p * np.log(p / q), 0.0)))


@pytest.fixture
def predictions():
    """Make random predictions: `scale` 2 is soft, 40 nearly one-hot."""

    def make(n_points, n_clusters, scale=2.0, seed=0, stack=None):
        shape = (n_points, n_clusters) if stack is None else (stack, n_points, n_clusters)
        return softmax(np.random.default_rng(seed).normal(size=shape) * scale)

    return make


@pytest.fixture
def objective():
    """Evaluate eq. (11) or (10) in NumPy."""

    def evaluate(probs, labels, lam, prior=None, weights=None, fairness="KL(u||y)"):
        probs, labels = np.asarray(probs, float), np.asarray(labels, float)
        n, k = probs.shape
        u = np.full(k, 1 / k) if prior is None else np.asarray(prior)
        w = np.full(n, 1 / n) if weights is None else np.asarray(weights) / np.sum(weights)
        used = w > 0
        cost = -float(w[used] @ np.log((probs[used] * labels[used]).sum(1)))
        if lam == 0 or np.isinf(lam):
            return cost
        mean = w @ labels
        return cost + lam * (kl(u, mean) if fairness == "KL(u||y)" else kl(mean, u))

    return evaluate


@pytest.fixture
def optimum():
    """Find the optimal objective with a generic conic solver."""
    cp = pytest.importorskip("cvxpy")

    def solve(probs, lam, prior=None, weights=None, fairness="KL(u||y)"):
        n, k = probs.shape
        u = np.full(k, 1 / k) if prior is None else np.asarray(prior)
        w = np.full(n, 1 / n) if weights is None else np.asarray(weights) / np.sum(weights)
        y = cp.Variable((n, k), nonneg=True)
        mean = w @ y
        cost = -(w @ cp.log(cp.sum(cp.multiply(probs, y), axis=1)))
        constraints = [cp.sum(y, axis=1) == 1]
        if np.isinf(lam):
            constraints.append(mean == u)
        elif fairness == "KL(u||y)":
            cost += lam * (u @ np.log(u) - u @ cp.log(mean))
        else:
            cost += lam * cp.sum(cp.rel_entr(mean, u))
        problem = cp.Problem(cp.Minimize(cost), constraints)
        return float(problem.solve(solver=cp.CLARABEL))

    return solve
