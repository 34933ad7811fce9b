"""Random predictions and labels for the tests of the losses."""

import pytest
import torch


@pytest.fixture
def rng() -> torch.Generator:
    return torch.Generator().manual_seed(0)


@pytest.fixture
def logits(rng):
    return 2 * torch.randn(6, 4, generator=rng, dtype=torch.float64)


@pytest.fixture
def target(rng):
    return torch.randn(6, 4, generator=rng, dtype=torch.float64).softmax(-1)
