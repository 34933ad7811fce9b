"""Kernels: compiled where first needed, with one line that says so, else with one warning."""

import os
import pickle
import subprocess
import sys

import numpy as np
import pytest

from skcollision import CollisionClusterer

SOLVE = """\
import numpy as np
from skcollision.pseudo_labels import solve_pseudo_labels
probs = np.array([[0.9, 0.05, 0.05], [0.6, 0.3, 0.1], [0.5, 0.2, 0.3]])
for dtype in (np.float32, np.float64):
    assert solve_pseudo_labels(probs.astype(dtype), lam=10.0).converged
"""
PREDICT = """\
import pickle, sys
from concurrent.futures import ThreadPoolExecutor
model, X = pickle.load(open(sys.argv[1], "rb"))
model.predict_proba(X)
print("predicted", file=sys.stderr)
assert "numba" not in sys.modules
"""
FIT_IN_THREADS = """\
with ThreadPoolExecutor(2) as pool:
    fits = [pool.submit(model.fit, X) for _ in range(3)]
print(*filter(None, (fit.exception() for fit in fits)), file=sys.stderr)
"""
LINE = "skcollision: compiling kernels"
# As where the package and the home folder are read-only: numba finds no place at all.
NO_FOLDER = "from numba.core.caching import FunctionCache as cache\n"
NO_FOLDER += "cache._impl_class._locator_classes[:] = []\n"


def run(code, *arguments, warnings="error", **environment):
    result = subprocess.run(
        [sys.executable, "-W", f"{warnings}::UserWarning", "-c", code, *arguments],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return result.stderr


def test_one_line_tells_of_compiling_and_only_once(tmp_path):
    assert run(SOLVE, NUMBA_CACHE_DIR=str(tmp_path)).count(LINE) == 1
    assert LINE not in run(SOLVE, NUMBA_CACHE_DIR=str(tmp_path))


def test_kernels_run_without_being_compiled_with_one_warning():
    printed = run(SOLVE, warnings="always", NUMBA_DISABLE_JIT="1")
    assert printed.count("UserWarning") == printed.count("unset NUMBA_DISABLE_JIT") == 1


def test_one_warning_for_many_fits_and_none_for_predictions(tmp_path):
    X = np.random.default_rng(0).normal(size=(10, 2))
    model = CollisionClusterer(2, n_init=1, max_iter=1, random_state=0).fit(X)
    path = tmp_path / "model.pickle"
    path.write_bytes(pickle.dumps((model, X)))
    # Where warnings are errors, the first fit fails.
    printed = run(PREDICT + FIT_IN_THREADS, str(path), NUMBA_DISABLE_JIT="1")
    before, after = printed.split("predicted")
    assert before.strip() == ""
    assert after.count("unset NUMBA_DISABLE_JIT") == 1


@pytest.mark.slow
def test_no_folder_for_a_cache_is_needed():
    printed = run(NO_FOLDER + SOLVE, warnings="always")
    assert printed.count("UserWarning") == printed.count("set NUMBA_CACHE_DIR") == 1
    assert printed.count(LINE) == 1
