"""The dual in units of EM sweeps, against projected gradient, and EM against NumPy.

Run as ``python benchmarks/pseudo_labels_speed.py``; writes results/pseudo_labels_speed.md. The
number of threads is NUMBA_NUM_THREADS (by default all cores), the same for every row.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import numpy as np
from _common import machine, markdown, write
from _pseudo_labels import descend_to, median_seconds, softmax_problem

from skcollision._parallel import n_threads
from skcollision.pseudo_labels import solve_pseudo_labels
from skcollision.pseudo_labels._em import _ROOT_TOL, _Labels
from skcollision.pseudo_labels._problem import Problem
from skcollision.pseudo_labels.kernels.cpu_em_tiles import LAST_STEP

N_POINTS, LAM = 5000, 100.0
# K: the most EM sweeps that the dual may take to a relative gap of 1e-6 and of 1e-3.
TARGETS = {2: (20, 10), 20: (50, 20), 200: (100, 40)}
# Of the largest step that is stable at balanced labels.
STEPS = (1.0, 1.9)
# Projected gradient runs for this many times the dual's seconds at most.
GIVE_UP = 120
SWEEPS = 10
HEADER = [
    "K",
    "dtype",
    "EM sweep, ms",
    "NumPy sweep / EM sweep: Newton in x",
    "Newton on 1/f",
    "EM's own steps",
    "dual to gap 1e-3, sweeps",
    "dual to gap 1e-6, sweeps",
    "the same, ms",
]
PGD_HEADER = ["K", "PGD, s", "steps", "step size x (lam K + 1)", "objective", "PGD / dual"]


def numpy_sweep(probs: np.ndarray, labels: np.ndarray, lam: float) -> np.ndarray:
    """Return the labels of one EM sweep by Newton on the reciprocal of the secular equation.

    All rows at once, from Lemma 1's start, until the last row has converged.
    """
    n_clusters = probs.shape[1]
    c = labels * (lam / n_clusters / labels.mean(axis=0))
    largest = probs.max(axis=1, keepdims=True)
    root = np.where(probs == largest, c, 0).max(axis=1)
    slope = probs / largest
    level = (1 - slope) * (1 + c.sum(axis=1, keepdims=True))
    z = np.empty_like(c)
    while True:
        np.multiply(slope, root[:, None], out=z)
        z += level
        np.reciprocal(z, out=z)
        f = np.einsum("ik,ik->i", c, z)
        df = np.einsum("ik,ik,ik,ik->i", c, z, z, slope)
        move = f * (f - 1) / df
        root += move
        if np.all(np.abs(move) <= _ROOT_TOL * root):
            break
    y = c / (level + slope * root[:, None])
    return y / y.sum(axis=1, keepdims=True)


def numpy_halley_sweep(probs: np.ndarray, labels: np.ndarray, lam: float) -> np.ndarray:
    """Return the labels of one EM sweep by the kernel's own steps, on all rows at once.

    Halley's on the reciprocal of the secular equation, from the root that would leave labels as
    they are, until the last row's is small; the labels follow the last one to second order.
    """
    n_points, n_clusters = probs.shape
    ratio = lam / n_clusters / labels.mean(axis=0)
    c = labels * ratio
    best = probs.argmax(axis=1)
    least = c[np.arange(n_points), best]
    root = np.maximum(ratio[best], least)
    slope = probs / probs.max(axis=1, keepdims=True)
    level = (1 - slope) * (1 + c.sum(axis=1, keepdims=True))
    u, cz = np.empty_like(c), np.empty_like(c)
    while True:
        np.multiply(slope, root[:, None], out=u)
        np.add(level, u, out=cz)
        np.reciprocal(cz, out=cz)
        u *= cz
        cz *= c
        f = cz.sum(axis=1)
        w = np.einsum("ik,ik->i", cz, u) / f
        spread = np.einsum("ik,ik,ik->i", cz, u, u) / f - w * w
        error = f - 1
        x = error * w / (w * w - np.minimum(error * spread, w * w / 4))
        rounding = np.abs(error) <= 8 * np.finfo(probs.dtype).eps
        if np.all((np.abs(x) <= LAST_STEP) | rounding):
            break
        root = np.maximum(root * (1 + x), least)
    u *= x[:, None]
    y = cz * (1 - u * (1 - u))
    return y / y.sum(axis=1, keepdims=True)


def numpy_paper_sweep(probs: np.ndarray, labels: np.ndarray, lam: float) -> np.ndarray:
    """Return the labels of one EM sweep as the paper's Algorithm 1 finds them, all rows at once.

    Newton in x from the left end of Lemma 1, until the last row has converged. In float32 the
    denominators cancel.
    """
    n_clusters = probs.shape[1]
    c = labels * (lam / n_clusters / labels.mean(axis=0))
    top = 1 + c.sum(axis=1, keepdims=True)
    pole = probs.max(axis=1, keepdims=True) / top
    x = (probs / (top - c)).max(axis=1, keepdims=True)
    while True:
        z = c / (top * x - probs)
        excess = z.sum(axis=1, keepdims=True) * x - 1
        z *= z
        z /= c
        move = excess / np.einsum("ik,ik->i", z, probs)[:, None]
        x += move
        if np.all(np.abs(move) <= _ROOT_TOL * (x - pole)):
            break
    y = c * x / (top * x - probs)
    return y / y.sum(axis=1, keepdims=True)


def sweeps(probs: np.ndarray) -> np.ndarray:
    """Take EM sweeps from the predictions, without the certificate; return the labels."""
    n_points, n_clusters = probs.shape
    problem = Problem(
        probs=probs[None],
        weights=np.full(n_points, 1 / n_points),
        prior=np.full((1, n_clusters), 1 / n_clusters),
        lam=LAM,
        order=0,
    )
    labels = probs.copy()
    state = _Labels(problem, 0, labels, False)
    for _ in range(SWEEPS):
        state.sweep(state.labels)
    state.put_rows(labels.reshape(-1))
    return labels


def numpy_sweeps(probs: np.ndarray, count: int, sweep: Callable[..., np.ndarray]) -> np.ndarray:
    """Take EM sweeps in NumPy."""
    labels = probs
    for _ in range(count):
        labels = sweep(probs, labels, LAM)
    return labels


def measure(n_clusters: int, dtype: type, repeats: int) -> dict[str, float]:
    """Return the seconds of one sweep, ours and NumPy's, and of the dual to two tolerances."""
    probs = softmax_problem(N_POINTS, n_clusters, dtype=dtype)
    others = {"newton": numpy_sweep, "halley": numpy_halley_sweep}
    if dtype is np.float64:
        others["paper"] = numpy_paper_sweep
    for other in others.values():
        found = numpy_sweeps(probs, SWEEPS, other)
        np.testing.assert_allclose(found, sweeps(probs), rtol=1e-2, atol=1e-5)
    tasks = {
        name: lambda other=other: numpy_sweeps(probs, 2, other) for name, other in others.items()
    }
    tasks["em"] = lambda: sweeps(probs)
    for tol in (1e-6, 1e-3):
        tasks[f"{tol:g}"] = lambda tol=tol: solve_pseudo_labels(probs, lam=LAM, tol=tol)
    seconds = median_seconds(tasks, repeats)
    seconds["em"] /= SWEEPS
    for name in others:
        seconds[name] /= 2
    return seconds


def against_pgd(n_clusters: int, dual_seconds: float) -> list[str]:
    """Return a row on PGD's time to what the dual has reached, given up after many times that."""
    probs = softmax_problem(N_POINTS, n_clusters, dtype=np.float64)
    optimum = solve_pseudo_labels(probs, lam=LAM, tol=1e-9).objective
    target = optimum + 1e-6 * max(1.0, optimum)
    limit = GIVE_UP * dual_seconds
    runs = []
    for share in STEPS:
        step = share / (LAM * n_clusters + 1)
        seconds, steps, objective = descend_to(probs, LAM, target, step, limit)
        runs.append((max(objective, target), seconds, steps, share))
    objective, seconds, steps, share = min(runs)
    reached = objective <= target
    return [
        f"{n_clusters}",
        f"{seconds:.1f}",
        f"{steps}",
        f"{share:g}",
        "reached" if reached else f"{objective - optimum:.1e} above the optimum",
        f"{'' if reached else '> '}{seconds / dual_seconds:.0f} (>= 100)",
    ]


def speed_row(n_clusters: int, dtype: type, seconds: dict[str, float]) -> list[str]:
    """Return a row of ratios, with their targets in brackets."""
    most, most_loose = TARGETS[n_clusters]
    em = seconds["em"]
    return [
        f"{n_clusters}",
        dtype.__name__,
        f"{1e3 * em:.2f}",
        f"{seconds['paper'] / em:.1f} (>= 20)" if "paper" in seconds else "–",
        f"{seconds['newton'] / em:.1f} (>= 20)",
        f"{seconds['halley'] / em:.1f} (>= 20)",
        f"{seconds['0.001'] / em:.1f} (<= {most_loose})",
        f"{seconds['1e-06'] / em:.1f} (<= {most})",
        f"{1e3 * seconds['1e-06']:.1f}",
    ]


def main() -> None:
    """Measure every K and type."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=15)
    repeats = parser.parse_args().repeats
    rows, pgd_rows = [], []
    for n_clusters in TARGETS:
        for dtype in (np.float32, np.float64):
            seconds = measure(n_clusters, dtype, repeats)
            rows.append(speed_row(n_clusters, dtype, seconds))
            print(rows[-1], flush=True)
        pgd_rows.append(against_pgd(n_clusters, seconds["1e-06"]))
        print(pgd_rows[-1], flush=True)
    text = markdown(HEADER, rows)
    text += (
        f"\nN = {N_POINTS}, lam = {LAM:g}, softmax of normal logits of standard deviation 1.5; "
        f"{n_threads()} threads; medians of {repeats} repeats by turns; targets in brackets. A "
        f"sweep is a {SWEEPS}th of {SWEEPS} sweeps with all but the certificate: predictions and "
        "labels brought into tiles before and into rows after; the dual is timed with all. NumPy "
        "takes the same sweep on all rows at once, in one thread, in three ways: by the Newton "
        "steps of the paper's Algorithm 1, in x, which cancel in float32; by Newton on the "
        "reciprocal of the secular equation from Lemma 1's start; and by what EM itself does, "
        f"Halley's steps on it from the root before. {machine()}.\n\n"
    )
    text += markdown(PGD_HEADER, pgd_rows)
    text += (
        "\nfloat64. Projected gradient from uniform labels to 1e-6 (relative) above the optimum, "
        f"given up after {GIVE_UP} times what the dual takes to certify as much; the better of the "
        f"step sizes {' and '.join(f'{share:g}' for share in STEPS)} / (lam K + 1), 2 being "
        f"unstable; both in {n_threads()} threads.\n"
    )
    write("pseudo_labels_speed", text)


if __name__ == "__main__":
    main()
