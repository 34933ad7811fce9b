import pytest
import torch

from skcollision.engine._heads import ColumnAdam


def descend(columns, gradient, steps=25, rate=0.1):
    columns, optimizer = columns.clone(), ColumnAdam()
    for _ in range(steps):
        optimizer.step(columns, gradient(columns), rate)
    return columns


@pytest.fixture
def problem():
    """Matrix A and start of min 1/4 |W|^4 + 1/2 tr WᵀAW - sum W, which has no symmetry."""
    generator = torch.Generator().manual_seed(0)
    A = torch.randn(6, 6, generator=generator, dtype=torch.float64)
    return A @ A.T, torch.randn(6, 3, generator=generator, dtype=torch.float64)


def test_a_rotation_of_the_features_rotates_the_result(problem):
    A, start = problem
    Q, _ = torch.linalg.qr(torch.randn(6, 6, dtype=torch.float64))
    plain = descend(start, lambda W: A @ W + W * W.square().sum(0))
    rotated = descend(Q @ start, lambda W: Q @ A @ Q.T @ W + W * W.square().sum(0))
    torch.testing.assert_close(rotated, Q @ plain)
    assert (plain - start).norm() > 0.1


def test_the_first_step_of_every_column_has_the_length_of_the_rate(problem):
    _, start = problem
    step = descend(start, lambda W: W * torch.tensor([1e-6, 1.0, 1e6]), steps=1, rate=0.3) - start
    expected = torch.full((3,), 0.3, dtype=torch.float64)
    torch.testing.assert_close(step.norm(dim=0), expected, rtol=1e-5, atol=0)


def test_it_reaches_the_minimum(problem):
    A, start = problem
    target = torch.linalg.solve(A + torch.eye(6), torch.ones(6, 3, dtype=torch.float64))
    found = descend(start, lambda W: A @ W + W - 1, steps=3000, rate=0.02)
    torch.testing.assert_close(found, target, atol=1e-3, rtol=1e-3)


def test_without_gradient_nothing_moves():
    assert (descend(torch.ones(2, 2), torch.zeros_like) == 1).all()
