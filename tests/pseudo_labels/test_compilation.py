"""Kernels: compiled where first needed, with one line that says so, and without them if need be."""

import os
import subprocess
import sys

import pytest

SOLVE = """\
import logging, sys
import numpy as np
from skcollision.pseudo_labels import solve_pseudo_labels
assert "numba" not in sys.modules
probs = np.array([[0.9, 0.05, 0.05], [0.6, 0.3, 0.1], [0.5, 0.2, 0.3]])
for dtype in (np.float32, np.float64):
    assert solve_pseudo_labels(probs.astype(dtype), lam=10.0).converged
"""
LINE = "skcollision: compiling kernels"


def run(**environment):
    result = subprocess.run(
        [sys.executable, "-W", "error::UserWarning", "-c", SOLVE],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return result.stderr


def test_one_line_tells_of_compiling_and_only_once(tmp_path):
    assert run(NUMBA_CACHE_DIR=str(tmp_path)).count(LINE) == 1
    assert LINE not in run(NUMBA_CACHE_DIR=str(tmp_path))


def test_kernels_run_without_being_compiled():
    assert run(NUMBA_DISABLE_JIT="1") == ""


@pytest.mark.slow
def test_no_folder_for_a_cache_is_needed(tmp_path):
    """As where the package and the home folder are read-only: numba finds no place at all."""
    script = "from numba.core.caching import FunctionCache as cache\n"
    script += "cache._impl_class._locator_classes[:] = []\n"
    result = subprocess.run(
        [sys.executable, "-c", script + SOLVE.replace('assert "numba" not in sys.modules\n', "")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert "no folder" in result.stderr
