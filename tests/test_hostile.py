"""Fits in hostile surroundings: modes of torch, threads, forks, no cache, no compiler, old CPUs."""

import os
import subprocess
import sys
import textwrap
import warnings
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import numpy as np
import pytest
import torch
from threadpoolctl import threadpool_info

from skcollision import (
    CollisionClassifier,
    CollisionClusterer,
    SemiSupervisedCollisionClassifier,
)
from skcollision.cluster import (
    MIADMClusterer,
    MutualInfoClusterer,
    SeLaClusterer,
    ShannonClusterer,
)
from skcollision.datasets import make_embeddings
from skcollision.deep import DeepClusterer, SemiSupervisedDeepClassifier
from skcollision.features import ImageEmbedder, ImagePreprocessing
from skcollision.metrics import AgreementScorer
from skcollision.model_selection import NClustersSearch

X, Y = make_embeddings(120, 3, 6, spread=0.5, random_state=0)
IMAGES = np.random.default_rng(0).integers(0, 256, (6, 8, 8, 3), dtype=np.uint8)
FEW = np.where(np.arange(120) < 20, Y, -1)


def clusterer():
    return CollisionClusterer(3, n_init=2, max_iter=5, random_state=0).fit(X)


def streamed():
    model = CollisionClusterer(3, n_init=2, random_state=0)
    return model.partial_fit(X[:60]).partial_fit(X[60:])


def classifier():
    return CollisionClassifier(n_init=2, max_iter=5, random_state=0).fit(X, Y)


def shannon():
    # a coarse tolerance soon leaves the rest to L-BFGS
    return CollisionClassifier(loss="shannon", n_init=1, tol=0.1, random_state=0).fit(X, Y)


def semi_supervised():
    return SemiSupervisedCollisionClassifier(max_iter=5, random_state=0).fit(X, FEW)


def rival(kind):
    def fit():
        return kind(3, n_init=2, max_iter=2, random_state=0).fit(X)

    fit.__name__ = kind.__name__
    return fit


def search():
    short = CollisionClusterer(n_init=1, max_iter=2)
    return NClustersSearch(short, [2, 3, 4], random_state=0).fit(X)


class Linear(torch.nn.Sequential):
    """A backbone that draws numbers in training."""

    def __init__(self, input_shape):
        super().__init__(torch.nn.Linear(input_shape[0], 8), torch.nn.Dropout(0.2))


def deep():
    return DeepClusterer(3, backbone=Linear, max_iter=2, batch_size=60, random_state=0).fit(X)


def semi_supervised_deep():
    model = SemiSupervisedDeepClassifier(backbone=Linear, max_iter=2, batch_size=60, random_state=0)
    return model.fit(X, FEW)


PIXELS = torch.nn.Sequential(torch.nn.AvgPool2d(4), torch.nn.Flatten())


def embedder():
    return ImageEmbedder(PIXELS, preprocess=ImagePreprocessing(size=8)).fit(IMAGES)


RIVALS = [MIADMClusterer, MutualInfoClusterer, SeLaClusterer, ShannonClusterer]
CLUSTERERS = [clusterer, streamed, *map(rival, RIVALS)]
NETWORKS = [deep, semi_supervised_deep, embedder]
FITS = [*CLUSTERERS, classifier, shannon, semi_supervised, search, *NETWORKS]


def result(fit):
    """Return all that a model says of the points."""
    model = fit()
    names = ("predict_proba", "predict_log_proba", "decision_function", "predict", "transform")
    points = IMAGES if fit is embedder else X
    found = [getattr(model, name)(points) for name in names if hasattr(model, name)]
    if fit is clusterer:
        found.append(np.float64(AgreementScorer()(model, X)))
    return [*found, getattr(model, "coef_", np.empty(0))]


@pytest.fixture(scope="module")
def expected():
    return {fit: result(fit) for fit in FITS}


def modes():
    """What a caller may have set in torch, and what tensors made there are like."""
    made = torch.empty(0)
    return (
        torch.is_grad_enabled(),
        torch.is_inference_mode_enabled(),
        torch.is_autocast_enabled("cpu"),
        torch.get_default_device(),
        torch.get_default_dtype(),
        made.dtype,
        made.device,
    )


def process_state():
    """What belongs to the whole process."""
    blas = [(each["filepath"], each["num_threads"]) for each in threadpool_info()]
    return list(warnings.filters), torch.get_num_threads(), torch.get_default_dtype(), blas


def assert_equal(found, expected):
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)
        assert one.dtype == other.dtype


@pytest.mark.parametrize("fit", FITS, ids=lambda fit: fit.__name__)
def test_modes_of_torch_change_nothing_and_stay(fit, ambient, expected):
    with ambient():
        before = modes()
        found = result(fit)
        assert modes() == before
    assert_equal(found, expected[fit])


def test_a_default_dtype_changes_nothing_and_stays(expected):
    torch.set_default_dtype(torch.float64)
    try:
        found = [result(fit) for fit in FITS]
        assert torch.get_default_dtype() == torch.float64
    finally:
        torch.set_default_dtype(torch.float32)
    for each, fit in zip(found, FITS, strict=True):
        if fit in (deep, semi_supervised_deep):  # backbones draw weights in the default type
            assert all(np.isfinite(values).all() for values in each)
        else:
            assert_equal(each, expected[fit])


def test_fits_that_overlap_leave_the_process_as_it_was(expected):
    before, start = process_state(), Barrier(len(FITS))

    def work(fit):
        start.wait(timeout=60)
        return [result(fit) for _ in range(3)]

    with ThreadPoolExecutor(len(FITS)) as pool:
        found = list(pool.map(work, FITS))
    assert process_state() == before
    for fit, results in zip(FITS, found, strict=True):
        for each in results:
            assert_equal(each, expected[fit])


def run(code, **environment):
    """Run a program of its own; return what it prints, and fail where it hangs."""
    code = "from tests.test_hostile import *\n" + textwrap.dedent(code)
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.parametrize("threads", ["1", "2"])
def test_a_forked_child_fits(threads):
    code = """
        import multiprocessing
        torch.set_num_threads({threads})
        # Large enough for threads.
        big = np.random.default_rng(0).normal(size=(2000, 600)).astype(np.float32)
        make = lambda: CollisionClusterer(20, n_components=None, max_iter=2, random_state=0)
        expected = make().fit(big).predict(big)
        result(semi_supervised)

        def work(queue):
            result(semi_supervised)
            queue.put((make().fit(big).predict(big) == expected).mean())

        context = multiprocessing.get_context("fork")
        queue = context.Queue()
        child = context.Process(target=work, args=(queue,), daemon=True)
        child.start()
        print(queue.get(timeout=50))
    """.replace("{threads}", threads)
    assert float(run(code, OMP_NUM_THREADS=threads)) > 0.99


def test_networks_on_the_cpu_ask_nothing_of_cuda(monkeypatch, expected):
    """Torch has a lock there, and generators that no fit would put back."""

    def fail(*_, **__):
        raise AssertionError("a call of CUDA")

    monkeypatch.setattr(torch.cuda.random, "_lazy_call", fail)
    for fit in (deep, semi_supervised_deep):
        assert_equal(result(fit), expected[fit])


def coefficients(**environment):
    printed = run("print(clusterer().coef_.astype(float).tolist())", **environment)
    return np.array(eval(printed))


def test_without_a_writable_cache(tmp_path):
    (tmp_path / "file").touch()  # no folder can be made in a file, not even by root
    nowhere = str(tmp_path / "file" / "folder")
    found = coefficients(HOME=nowhere, XDG_CACHE_HOME=nowhere, NUMBA_CACHE_DIR=nowhere)
    np.testing.assert_array_equal(found, clusterer().coef_)


def test_without_a_compiler():
    np.testing.assert_allclose(coefficients(NUMBA_DISABLE_JIT="1"), clusterer().coef_, atol=1e-3)


def openblas():
    """Name the kernels that OpenBLAS has picked for this CPU, where it is there."""
    return {each["architecture"] for each in threadpool_info() if "architecture" in each}


def other_kernels():
    """Name kernels of OpenBLAS that this CPU can run, and that it does not pick itself."""
    features = np._core._multiarray_umath.__cpu_features__
    needs = {"Haswell": "AVX2", "SkylakeX": "AVX512_SKX", "Nehalem": "SSE42"}
    able = [name for name, feature in needs.items() if features.get(feature)]
    return next((name for name in able if openblas() and name not in openblas()), None)


@pytest.mark.slow
@pytest.mark.skipif(other_kernels() is None, reason="OpenBLAS has no choice of kernels here")
def test_estimator_checks_hold_with_other_kernels():
    """All of them for one estimator, those that compare fits for the others."""
    kernels = other_kernels()
    checks = "InFloat32 or equivalence or invariance or idempotent or estimators_dtypes"
    code = f"""
        assert openblas() == {{{kernels!r}}}
        assert torch.backends.cpu.get_cpu_capability() == "DEFAULT"
        pytest.main(["-q", "-p", "no:cacheprovider", "tests/cluster/test_common.py",
                     "tests/supervised/test_common.py", "-k", {checks!r}])
    """
    # MKL, which is torch's, has a name of its own for the oldest ones.
    old = {"ATEN_CPU_CAPABILITY": "default", "MKL_ENABLE_INSTRUCTIONS": "SSE4_2"}
    printed = run(code, OPENBLAS_CORETYPE=kernels, **old)
    assert " passed" in printed, printed
    assert " failed" not in printed, printed
    assert " error" not in printed, printed
