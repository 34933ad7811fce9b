"""Small images, and networks that train in a second."""

from functools import partial

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from skcollision.deep import VGG4, DeepClusterer


class Linear(torch.nn.Sequential):
    """A backbone for samples of any shape."""

    def __init__(self, input_shape):
        super().__init__(
            torch.nn.Flatten(), torch.nn.Linear(int(np.prod(input_shape)), 8), torch.nn.ReLU()
        )


@pytest.fixture(scope="session")
def digits():
    """Ones and zeros: images (N, 8, 8) in [0, 1], and classes."""
    X, y = load_digits(n_class=2, return_X_y=True)
    return X.reshape(-1, 8, 8) / 16, y


@pytest.fixture(scope="session")
def few(digits):
    return digits[0][:60]


@pytest.fixture(scope="session")
def linear():
    return Linear


@pytest.fixture
def quick():
    """Make a clusterer for tests of anything but its accuracy."""

    def make(n_clusters=2, **parameters):
        quickly = {"max_iter": 3, "batch_size": 30, "augment": None, "random_state": 0}
        return DeepClusterer(n_clusters, **({"backbone": Linear} | quickly | parameters))

    return make


@pytest.fixture(scope="session")
def small_vgg4():
    return partial(VGG4, width=0.05)
