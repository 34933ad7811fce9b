"""What a new process pays: imports, and compilation in its first fit.

Run as ``python benchmarks/start_up.py``; writes results/start_up.md. Everything is measured in new
processes by turns, and compiled kernels are kept in a temporary folder that is empty at first.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile

import numpy as np
from _common import machine, markdown, write

IMPORTS = {
    "torch and sklearn.cluster": "import torch, sklearn.cluster",
    "CollisionClusterer": "from skcollision import CollisionClusterer",
}
TIMED_IMPORT = """
import json, time
start, cpu_start = time.perf_counter(), time.process_time()
{}
print(json.dumps([time.perf_counter() - start, time.process_time() - cpu_start]))
"""
FITS = """
import json, time
from skcollision import CollisionClusterer
from skcollision.datasets import make_embeddings
X, _ = make_embeddings(1000, 10, 64, random_state=0)
found = []
for _ in range(2):
    start, cpu_start = time.perf_counter(), time.process_time()
    CollisionClusterer(10, random_state=0).fit(X)
    found.append([time.perf_counter() - start, time.process_time() - cpu_start])
print(json.dumps(found))
"""


def run(code: str, cache: str) -> np.ndarray:
    """Run code in a new process; return the seconds and CPU seconds that it prints last."""
    environment = {**os.environ, "NUMBA_CACHE_DIR": cache}
    command = [sys.executable, "-W", "ignore", "-c", code]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return np.array(json.loads(done.stdout.splitlines()[-1]))


def measure() -> dict[str, np.ndarray]:
    """Measure everything once."""
    with tempfile.TemporaryDirectory() as cache:
        found = {
            f"import of {name}": run(TIMED_IMPORT.format(code), cache)
            for name, code in IMPORTS.items()
        }
        for label in ("no kernels compiled yet", "kernels in the cache"):
            first, second = run(FITS, cache)
            found |= {f"first fit, {label}": first, f"second fit, {label}": second}
    return found


def main() -> None:
    """Measure in turns; the first turn, which reads the files from disk, does not count."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=5, help="how often to measure")
    turns = [measure() for _ in range(parser.parse_args().turns + 1)][1:]
    rows = [
        [name, *(f"{value:.2f}" for value in np.median([turn[name] for turn in turns], axis=0))]
        for name in turns[0]
    ]
    note = (
        f"\nMedians of {len(turns)} turns, in new processes; both fits of a row's pair are in one "
        f"process, of 1,000 points in 64 dimensions and 10 clusters; {machine()}.\n"
    )
    write("start_up", markdown(["", "seconds", "CPU seconds"], rows) + note)


if __name__ == "__main__":
    main()
