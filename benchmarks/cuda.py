"""Pseudo-labels on a CUDA device against the CPU of the same machine.

Run as ``python benchmarks/cuda.py --data FOLDER`` (the folder is not read); writes
results/cuda.md. Predictions start where they are solved for, and labels stay there. Without a CUDA
device it says so and measures nothing.
"""

from __future__ import annotations

import time
from functools import partial

import numpy as np
import torch
from _common import machine, markdown, mean_std, parser, write

from skcollision.pseudo_labels import solve_pseudo_labels

# Restarts, points and clusters; the first is a batch of a training run.
SIZES = [
    (10, 1000, 10),
    (1, 5000, 2),
    (1, 5000, 20),
    (1, 5000, 200),
    (1, 100_000, 10),
    (1, 100_000, 100),
    (1, 1_000_000, 10),
]
SWEEPS = 10
TASKS = {
    "dual to 1e-3": {"tol": 1e-3},
    "dual to 1e-6": {"tol": 1e-6},
    f"{SWEEPS} EM sweeps": {"solver": "em", "tol": 0, "max_iter": SWEEPS},
}


def seconds(solve, probs):
    """Time one solution, the device's work included."""
    torch.cuda.synchronize()
    start = time.perf_counter()
    result = solve(probs)
    torch.cuda.synchronize()
    return time.perf_counter() - start, result


def measure(size, options, seeds):
    """Return the seconds on CPU and GPU for each seed; the first run of both is not counted."""
    solve = partial(solve_pseudo_labels, lam=100.0, **options)
    times = {"cpu": [], "cuda": []}
    for seed in range(-1, seeds):
        random = torch.Generator().manual_seed(seed + 1)
        probs = (2 * torch.randn(size, generator=random)).softmax(2)
        objectives = []
        for device, found in times.items():
            spent, result = seconds(solve, probs.to(device))
            objectives.append(result.objective)
            if seed >= 0:
                found.append(1e3 * spent)
        np.testing.assert_allclose(*objectives, rtol=5 * max(options["tol"], 1e-5))
    return times


def main():
    """Time each task at each size."""
    arguments = parser(__doc__).parse_args()
    if not torch.cuda.is_available():
        print("benchmarks/cuda.py: no CUDA device; nothing measured.")
        return
    rows = []
    for size in SIZES:
        for task, options in TASKS.items():
            times = measure(size, options, arguments.seeds)
            ratio = np.mean(times["cpu"]) / np.mean(times["cuda"])
            shape = [f"{each:,}" for each in size]
            values = [mean_std(times[device], 2) for device in ("cpu", "cuda")]
            rows.append([*shape, task, *values, f"{ratio:.1f}"])
            print(rows[-1], flush=True)
    header = ["R", "N", "K", "task", "CPU, ms", "GPU, ms", "CPU / GPU"]
    gpu = torch.cuda.get_device_name()
    note = f"\nRandom float32 predictions, λ = 100, {arguments.seeds} seeds. {gpu}; {machine()}.\n"
    write("cuda", markdown(header, rows) + note)


if __name__ == "__main__":
    main()
