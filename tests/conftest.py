"""Settings that every test shares."""

import multiprocessing
import os
import sys
from contextlib import contextmanager

import pytest
from hypothesis import settings

# Workers of pytest-xdist share the cores between them: threads of their own would wait for each
# other's. Set before anything loads OpenMP; processes that tests start inherit it.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ["OMP_NUM_THREADS"] = "1"
# Process groups listen on the loopback only.
if sys.platform == "linux":
    os.environ["GLOO_SOCKET_IFNAME"] = "lo"

# No deadline: the first call of a numba kernel compiles it. On CI the examples are the same in
# every run, so that a red run can be repeated.
settings.register_profile("skcollision", deadline=None, derandomize=bool(os.environ.get("CI")))
settings.load_profile("skcollision")


@pytest.fixture(scope="session")
def forkserver():
    """The context of processes that are forked after the imports, which take seconds."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["distributed", "lightning_fabric", "skcollision.deep"])
    return context


@contextmanager
def _set(setter, value, default):
    setter(value)
    try:
        yield
    finally:
        setter(default)


@pytest.fixture(
    params=["no_grad", "inference_mode", "grad_off", "autocast", "float16", "device", "meta"]
)
def ambient(request):
    """Make a context of one setting that a caller may have made in torch around our code."""
    import torch

    return {
        "no_grad": torch.no_grad,
        "inference_mode": torch.inference_mode,
        "grad_off": lambda: torch.set_grad_enabled(False),
        "autocast": lambda: torch.autocast("cpu", torch.bfloat16),
        "float16": lambda: torch.autocast("cpu", torch.float16),
        "device": lambda: torch.device("meta"),
        "meta": lambda: _set(torch.set_default_device, "meta", None),
    }[request.param]
