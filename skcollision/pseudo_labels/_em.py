"""EM of the paper's section 4, plain or accelerated by SQUAREM."""

from __future__ import annotations

from collections.abc import Callable

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
from skcollision.pseudo_labels.kernels.cpu_em import LABEL_FLOOR
from skcollision.pseudo_labels.kernels.cpu_em_leap import block_means, leap, leap_norms
from skcollision.pseudo_labels.kernels.cpu_em_tiles import sweep_blocks
from skcollision.pseudo_labels.kernels.cpu_tiles import transpose_blocks
from skcollision.pseudo_labels.kernels.cpu_vectors import LANES

# Relative accuracy of the roots that Newton finds, which is quadratic, so they are better still.
_ROOT_TOL = 1e-6
# Sweeps between two looks at the certificate, which costs up to half a sweep.
_CHECK_EVERY = 10
# Labels a block: each costs two divisions or more, so few are worth a thread.
_BLOCK_SIZE = 1 << 13


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
        state.put_rows(labels.reshape(-1))
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


class _Labels:
    """Labels of one problem, in tiles unless Newton is the paper's, with what a sweep needs."""

    def __init__(self, problem: Problem, r: int, labels: np.ndarray, newton_in_x: bool) -> None:
        n_points, self.n_clusters = labels.shape
        self.problem, self.r, self.newton_in_x = problem, r, newton_in_x
        self.lanes = 1 if newton_in_x else LANES
        blocks = row_blocks(
            -(-n_points // self.lanes), self.n_clusters * self.lanes, block_size=_BLOCK_SIZE
        )
        self.bounds = np.minimum(blocks * self.lanes, n_points)
        self.pull = problem.lam * problem.prior[r]
        self.labels, probs = labels.reshape(-1), problem.probs[r].reshape(-1)
        if self.lanes > 1:
            self.probs = np.empty_like(probs)
            self._transpose(probs, self.probs)
            self._transpose(self.labels, self.labels)
        else:
            # a copy of what may not be written to: one variant of the large kernels
            self.probs = np.require(probs, requirements="W")
        self.objective = np.inf
        self.measure()

    def put_rows(self, target: np.ndarray) -> None:
        """Store the labels as rows in a flat array, which may be that of the labels."""
        self._transpose(self.labels, target, to_rows=True)

    def measure(self) -> None:
        """Take the mean of labels that no sweep has made."""
        means = np.empty((len(self.bounds) - 1, self.n_clusters))
        arrays = self.labels, self.problem.weights, self.lanes, self.bounds
        run_shares(lambda first, step: block_means(*arrays, first, step, means), len(means))
        self.mean = means.sum(axis=0)

    def sweep(self, target: np.ndarray) -> None:
        """Take one EM step into ``target``, which may be the labels themselves."""
        ratio = self.pull / np.maximum(self.mean, 1e-300)
        means = np.zeros((len(self.bounds) - 1, self.n_clusters))
        log_p = np.empty(len(means))
        arrays = self.probs, self.labels, target, self.problem.weights, ratio, means, log_p

        def share(first: int, step: int) -> None:
            how = _ROOT_TOL, self.newton_in_x, self.lanes
            sweep_blocks(*arrays, self.bounds, first, step, *how)

        run_shares(share, len(means))
        self.labels = target
        # not `sum`, which costs a tenth of a small sweep
        self.mean = np.add.reduce(means)
        fairness = fairness_value(self.problem, self.r, self.mean)
        self.objective = fairness - float(np.add.reduce(log_p))

    def each_block(self, task: Callable[..., None]) -> None:
        """Call ``task(g, start, stop)`` for each block of points, from several threads."""
        run_tasks(lambda g: task(g, *self.bounds[g : g + 2]), len(self.bounds) - 1)

    def _transpose(self, source: np.ndarray, target: np.ndarray, to_rows: bool = False) -> None:
        arrays = source, target, self.n_clusters, self.lanes, self.bounds

        def share(first: int, step: int) -> None:
            transpose_blocks(*arrays, first, step, to_rows)

        run_shares(share, len(self.bounds) - 1)

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
    first, second, third = state.labels, np.empty_like(state.labels), np.empty_like(state.labels)
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
    return n_iter


def _leap(state: _Labels, first: np.ndarray, second: np.ndarray, third: np.ndarray) -> None:
    """Extrapolate and sweep, keeping what is better: that, or ``third``."""
    before, mean = state.objective, state.mean
    sums = np.empty((len(state.bounds) - 1, 2))
    shape = state.n_clusters, state.lanes

    def measure(g: int, *block: int) -> None:
        sums[g] = leap_norms(first, second, third, state.problem.weights, *shape, *block)

    state.each_block(measure)
    step, bend = sums.sum(axis=0)
    length = max(1.0, float(np.sqrt(step / max(bend, 1e-300))))
    state.each_block(lambda _, *block: leap(first, second, third, length, *shape, *block))
    state.labels = first
    state.measure()
    state.sweep(first)
    if state.objective > before:
        state.labels, state.objective, state.mean = third, before, mean
