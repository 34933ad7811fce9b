"""EM of the paper's section 4, plain or accelerated by SQUAREM."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from skcollision._parallel import row_blocks, run_shares, run_tasks
from skcollision.pseudo_labels._problem import (
    Problem,
    Solution,
    dual_of_mean,
    fairness_value,
    is_solved,
    lower_bound,
    solve_restarts,
)
from skcollision.pseudo_labels.kernels.cpu_em import (
    LABEL_FLOOR,
    extrapolate_rows,
    mean_rows,
    step_norm_rows,
)
from skcollision.pseudo_labels.kernels.cpu_em_tiles import sweep_blocks

# Relative accuracy of each point's root; Newton is quadratic, so the root itself is better still.
_ROOT_TOL = 1e-6
# Sweeps between two looks at the certificate, which costs up to half a sweep.
_CHECK_EVERY = 10
# Labels a block: an element costs several divisions, so half as many as usual are worth a thread.
_BLOCK_SIZE = 1 << 14
# Clusters up to which tiles of points are faster than rows, by the bytes of a prediction: float32
# fits twice as many points in an instruction, and in the cache.
_TILE_UP_TO = {4: 256, 8: 32}


def solve_em(
    problem: Problem,
    *,
    tol: float,
    max_iter: int,
    init: np.ndarray | None = None,
    newton: str = "reciprocal",
    accelerate: bool = False,
) -> Solution:
    """Run EM from ``init`` (the predictions) to a relative duality gap or ``max_iter`` sweeps."""
    run = _run_accelerated if accelerate else _run_plain

    def solve_one(r: int, labels: np.ndarray) -> tuple[float, float, int, np.ndarray]:
        state = _Labels(problem, r, labels, newton == "x")
        n_iter = run(state, tol, max_iter)
        return state.objective, state.bound(), n_iter, state.delta()

    # zeros that the caller asks for are kept, those of the predictions are only rounding
    if init is None:
        labels = np.maximum(problem.probs, problem.probs.dtype.type(LABEL_FLOOR))
    else:
        labels = np.array(init, dtype=problem.probs.dtype, order="C")
        # but a cluster without any label would stay dead, at an infinite objective
        dead = ~labels.any(axis=1, keepdims=True)
        np.maximum(labels, problem.probs.dtype.type(LABEL_FLOOR) * dead, out=labels)
    return solve_restarts(problem, labels, solve_one)


@dataclass
class _Labels:
    """Labels of one problem with what a sweep needs to know of them."""

    problem: Problem
    r: int
    labels: np.ndarray
    newton_in_x: bool

    def __post_init__(self) -> None:
        self.blocks = row_blocks(len(self.labels), self.labels.shape[1], block_size=_BLOCK_SIZE)
        self.pull = self.problem.lam * self.problem.prior[self.r]
        self.objective = np.inf
        self.measure()

    def measure(self) -> None:
        """Take the mean of labels that no sweep has made."""
        means = np.zeros((len(self.blocks) - 1, self.labels.shape[1]))

        def task(g: int) -> None:
            start, stop = self.blocks[g : g + 2]
            mean_rows(self.labels, self.problem.weights, start, stop, means[g])

        run_tasks(task, len(means))
        self.mean = means.sum(axis=0)

    def sweep(self, target: np.ndarray) -> None:
        """Take one EM step into ``target``, which may be the labels themselves."""
        problem, r = self.problem, self.r
        ratio = self.pull / np.maximum(self.mean, 1e-300)
        means = np.zeros((len(self.blocks) - 1, len(ratio)))
        log_p = np.empty(len(means))
        arrays = problem.probs[r], self.labels, target, problem.weights, ratio
        tiles = len(ratio) <= _TILE_UP_TO[problem.probs.itemsize] and not self.newton_in_x

        def share(first: int, step: int) -> None:
            blocks = self.blocks, first, step
            sweep_blocks(*arrays, means, log_p, *blocks, _ROOT_TOL, self.newton_in_x, tiles)

        run_shares(share, len(means))
        self.labels = target
        # not `sum`, which costs a tenth of a small sweep
        self.mean = np.add.reduce(means)
        self.objective = fairness_value(problem, r, self.mean) - float(np.add.reduce(log_p))

    def delta(self) -> np.ndarray:
        """Return the dual variable at which the labels' mean would be optimal."""
        return dual_of_mean(self.problem, self.r, self.mean)

    def bound(self) -> float:
        """Return the lower bound that the labels certify."""
        return lower_bound(self.problem, self.r, self.delta())


def _run_plain(state: _Labels, tol: float, max_iter: int) -> int:
    for n_iter in range(1, max_iter + 1):
        state.sweep(state.labels)
        if n_iter % _CHECK_EVERY == 0 and is_solved(state.objective, state.bound(), tol):
            break
    return n_iter


def _run_accelerated(state: _Labels, tol: float, max_iter: int) -> int:
    """Run SQUAREM (Varadhan & Roland 2008, scheme S3) on ln(labels), three sweeps a cycle.

    A cycle takes two sweeps, extrapolates along them and takes a sweep from there. Should that end
    higher than the second sweep, the cycle falls back to it: the objective never rises.
    """
    result = state.labels
    first, second, third = result.copy(), np.empty_like(result), np.empty_like(result)
    state.labels = first
    n_iter = 0
    while n_iter + 1 < max_iter:
        state.sweep(second)
        state.sweep(third)
        n_iter += 2
        if n_iter < max_iter:
            _leap(state, first, second, third)
            n_iter += 1
        if state.labels is third:
            first, third = third, first
        if is_solved(state.objective, state.bound(), tol):
            break
    else:
        if n_iter < max_iter:
            state.sweep(state.labels)
            n_iter += 1
    result[:] = state.labels
    state.labels = result
    return n_iter


def _leap(state: _Labels, first: np.ndarray, second: np.ndarray, third: np.ndarray) -> None:
    """Extrapolate and sweep, keeping what is better: that, or ``third``."""
    before, mean = state.objective, state.mean
    sums = np.empty((len(state.blocks) - 1, 2))

    def norms(g: int) -> None:
        start, stop = state.blocks[g : g + 2]
        sums[g] = step_norm_rows(first, second, third, state.problem.weights, start, stop)

    run_tasks(norms, len(sums))
    step, bend = sums.sum(axis=0)
    length = max(1.0, float(np.sqrt(step / max(bend, 1e-300))))

    def leap(g: int) -> None:
        start, stop = state.blocks[g : g + 2]
        extrapolate_rows(first, second, third, length, first, start, stop)

    run_tasks(leap, len(sums))
    state.labels = first
    state.measure()
    state.sweep(first)
    if state.objective > before:
        state.labels, state.objective, state.mean = third, before, mean
