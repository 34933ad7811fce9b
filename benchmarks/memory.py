"""Peak memory of a fit, in units of the float32 features.

Run as ``python benchmarks/memory.py --data FOLDER``; writes results/memory.md. Each case runs in
a process of its own, which loads or makes the features, fits something small so that libraries and
compiled kernels are in memory, and then compares the peak during the fit with what was there
before.
"""

from __future__ import annotations

import json
import subprocess
import sys

from _common import machine, markdown, parser, write

CHILD = """
import json, resource, sys
import numpy as np
from skcollision import CollisionClusterer

def status(field):
    with open("/proc/self/status") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith(field)) * 1024

CollisionClusterer(3, max_iter=2).fit(np.random.default_rng(0).normal(size=(99, 4)).astype("f"))
source, k, order = sys.argv[1], int(sys.argv[2]), sys.argv[3]
if source.endswith(".npz"):
    X = np.load(source)["X"].astype(np.float32)
else:
    rows, columns = map(int, source.split("x"))
    X = np.random.default_rng(0).standard_normal((rows, columns), dtype=np.float32)
X = np.asarray(X, order=order)
before = status("VmRSS")
with open("/proc/self/clear_refs", "w") as file:
    file.write("5")  # resets the peak that the kernel keeps
CollisionClusterer(k, max_iter=3, random_state=0).fit(X)
print(json.dumps({"bytes": X.nbytes, "extra": status("VmHWM") - before}))
"""


def main():
    """Measure contiguous and Fortran-ordered features, small and large."""
    arguments = parser(__doc__).parse_args()
    cases = [(str(arguments.data / f"{name}.npz"), name, 10, "C") for name in arguments.sets]
    cases.append((str(arguments.data / "mnist_resnet50.npz"), "mnist_resnet50, F order", 10, "F"))
    cases.append(("200000x1024", "random, 200,000 × 1024", 10, "C"))
    rows = []
    for source, name, k, order in cases:
        command = [sys.executable, "-W", "ignore", "-c", CHILD, source, str(k), order]
        found = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
        ratio = 1 + found["extra"] / found["bytes"]
        rows.append([name, f"{found['bytes'] / 2**20:.0f}", f"{ratio:.2f}"])
        print(rows[-1], flush=True)
    note = f"\nFeatures included: 1 is the features alone. Linux; {machine()}.\n"
    write("memory", markdown(["features", "MiB in float32", "peak / features"], rows) + note)


if __name__ == "__main__":
    main()
