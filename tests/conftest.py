"""Settings that every test shares."""

import os

from hypothesis import settings

# No deadline: the first call of a numba kernel compiles it. On CI the examples are the same in
# every run, so that a red run can be repeated.
settings.register_profile("skcollision", deadline=None, derandomize=bool(os.environ.get("CI")))
settings.load_profile("skcollision")
