import subprocess
import sys

import numba
import numpy as np
import pytest
import torch

from skcollision import CollisionClusterer, SeLaClusterer
from skcollision.datasets import make_embeddings

SCRIPT = """
import sys
from skcollision import CollisionClusterer
from skcollision.datasets import make_embeddings
X, _ = make_embeddings(3000, 7, 96, random_state=0)
sys.stdout.buffer.write(CollisionClusterer(7, max_iter=12, random_state=0).fit(X).coef_.tobytes())
"""


def test_threads_do_not_change_a_bit(clusterer_class, monkeypatch):
    assert_threads_do_not_matter(clusterer_class(5, max_iter=8, random_state=0), monkeypatch)


@pytest.mark.parametrize(
    "clusterer",
    [CollisionClusterer(solver="em"), SeLaClusterer(lam=25.0, solver_max_iter=10)],
    ids=["em", "sinkhorn"],
)
def test_threads_do_not_change_a_bit_with_other_solvers(clusterer, monkeypatch):
    clusterer.set_params(n_clusters=5, max_iter=8, random_state=0)
    assert_threads_do_not_matter(clusterer, monkeypatch)


@pytest.mark.parametrize("n_components", [128, None])
def test_threads_do_not_change_a_bit_where_products_are_large(n_components, monkeypatch):
    clusterer = CollisionClusterer(20, n_components=n_components, max_iter=2, random_state=0)
    assert_threads_do_not_matter(clusterer, monkeypatch, n_points=4000, n_features=384)


def assert_threads_do_not_matter(clusterer, monkeypatch, n_points=2000, n_features=96):
    X, _ = make_embeddings(n_points, 5, n_features, spread=1.0, random_state=0)
    coefs, before = [], torch.get_num_threads()
    try:
        for n_threads in (1, 2, 3):
            torch.set_num_threads(n_threads)
            monkeypatch.setattr(numba.config, "NUMBA_NUM_THREADS", n_threads)
            coefs.append(clusterer.fit(X).coef_)
    finally:
        torch.set_num_threads(before)
    np.testing.assert_array_equal(coefs[0], coefs[1])
    np.testing.assert_array_equal(coefs[0], coefs[2])


@pytest.mark.slow
def test_environment_of_another_process_does_not_change_a_bit(monkeypatch):
    outputs = []
    for n_threads in "13":
        for name in ("OMP", "MKL", "OPENBLAS", "NUMBA"):
            monkeypatch.setenv(f"{name}_NUM_THREADS", n_threads)
        command = [sys.executable, "-W", "ignore", "-c", SCRIPT]
        outputs.append(subprocess.run(command, capture_output=True, check=True).stdout)
    assert len(outputs[0]) == 7 * 96 * 4
    assert outputs[0] == outputs[1]
