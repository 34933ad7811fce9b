"""Data and clusterers that the tests of pictures share."""

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.figure import Figure
from sklearn.cluster import KMeans
from sklearn.mixture import GaussianMixture

mpl.use("Agg")


@pytest.fixture
def ax():
    return Figure().subplots()


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    from matplotlib import pyplot as plt

    plt.close("all")


@pytest.fixture(scope="session")
def blobs():
    """Three blobs of 40, 30 and 20 points in four dimensions, and their names."""
    rng = np.random.default_rng(0)
    centers = 3 * np.eye(3, 4)
    y = np.repeat(["ant", "bee", "cat"], [40, 30, 20])
    return np.repeat(centers, [40, 30, 20], axis=0) + rng.standard_normal((90, 4)), y


@pytest.fixture(scope="session")
def kmeans(blobs):
    return KMeans(3, n_init=1, random_state=0).fit(blobs[0])


@pytest.fixture(scope="session")
def mixture(blobs):
    return GaussianMixture(3, covariance_type="spherical", random_state=0).fit(blobs[0])
