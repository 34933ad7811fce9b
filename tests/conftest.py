"""Settings that every test shares."""

import os

from hypothesis import settings

# Workers of pytest-xdist share the cores between them: threads of their own would wait for each
# other's. Set before anything loads OpenMP; processes that tests start inherit it.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ["OMP_NUM_THREADS"] = "1"

# No deadline: the first call of a numba kernel compiles it. On CI the examples are the same in
# every run, so that a red run can be repeated.
settings.register_profile("skcollision", deadline=None, derandomize=bool(os.environ.get("CI")))
settings.load_profile("skcollision")
