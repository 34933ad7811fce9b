"""The interior point on a CUDA device: ``_dual`` with the whole stack in every launch.

K-dimensional decisions are those of ``kernels.cpu_dual``, taken in torch on the device; what comes
back to the host in an iteration is whether any problem goes on.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import torch
from torch import Tensor

from skcollision.pseudo_labels._cuda_problem import (
    Launcher,
    TensorProblem,
    TensorSolution,
    factor,
    fairness,
    fairness_conjugate,
    is_solved,
    linearise_fairness,
    newton_matrix,
    rounding_cost,
    solve_factored,
)
from skcollision.pseudo_labels.kernels import cuda_dual as first_half
from skcollision.pseudo_labels.kernels import cuda_dual_steps as second_half
from skcollision.pseudo_labels.kernels.cpu_dual import (
    BOUND_ERROR,
    MAX_GAP_TO_BARRIER,
    MAX_SHORT,
    MIN_BARRIER,
    PATIENCE,
    RECENTER,
    SMALLER,
    first_mu,
)
from skcollision.pseudo_labels.kernels.cpu_dual_steps import TO_BOUNDARY
from skcollision.pseudo_labels.kernels.cuda_dual import (
    ACTIVE,
    AFFINE,
    DELTA,
    DUAL,
    LEFT,
    LEFT_D,
    LOG_P,
    MEAN,
    MISSED,
    N_PARTIALS,
    N_POINT_ROWS,
    POINT_STEP,
    RESPONSE,
    RESPONSE_2ND,
    RESPONSE_MU,
    RHO_LOW,
    SHARE,
    SIGMA_MU,
    STEP,
    STEP_D,
    STEP_P,
    YZ,
)

# Elements of the columns of Q that are multiplied at once: 128 MiB in float64.
_COLUMN_ELEMENTS = 1 << 24


def solve_dual(
    problem: TensorProblem, *, tol: float, max_iter: int, linear: bool = False
) -> TensorSolution:
    """Solve (11) or (10) to a certified relative gap; with ``linear``, eq. (5) on ln(probs)."""
    n_stack = problem.probs.shape[0]
    limits = torch.full((n_stack,), max_iter, device=problem.probs.device)
    solver = _InteriorPoint(problem, tol, limits, linear)
    solution = solver.solve()
    stalled = (solver.best_iter < solver.n_iter) & ~is_solved(solver.objective, solver.bound, tol)
    if not bool(stalled.any()):
        return solution
    # going to the best iterate again is cheaper than copying each on the way
    part = replace(problem, probs=problem.probs[stalled], prior=problem.prior[stalled])
    again = _InteriorPoint(part, tol, solver.best_iter[stalled], linear).solve()
    for name in ("labels", "objective", "delta", "n_iter"):
        getattr(solution, name)[stalled] = getattr(again, name)
    solution.bound[stalled] = torch.maximum(solution.bound[stalled], again.bound)
    return solution


class _InteriorPoint:
    """A stack on its way; problems that have stopped stay as they are."""

    def __init__(self, problem: TensorProblem, tol: float, limits: Tensor, linear: bool) -> None:
        self.problem, self.tol, self.limits, self.linear = problem, tol, limits, int(linear)
        self.hard = problem.lam == float("inf")
        n_stack, n_clusters, n_points = problem.probs.shape
        self.n_rows, self.n_columns = n_stack * n_points, n_stack * n_clusters * problem.lanes()
        self.launch = Launcher(problem.probs.device)

        def zeros(*shape: int) -> Tensor:
            return torch.zeros(shape, dtype=torch.float64, device=problem.probs.device)

        self.labels = torch.empty_like(problem.probs)
        self.points = zeros(n_stack, N_POINT_ROWS, n_points)
        self.dual = zeros(n_stack, 3, n_clusters)
        self.control = zeros(n_stack, 4)
        self.partials = zeros(n_stack, N_PARTIALS, n_clusters, problem.lanes())
        chunk = min(n_points, max(1, _COLUMN_ELEMENTS // (2 * n_stack * n_clusters)))
        self.columns = zeros(n_stack, n_clusters, 2 * chunk)
        self.gram = zeros(n_stack, n_clusters, n_clusters)
        self.mean = zeros(n_stack, n_clusters)
        self.objective, self.bound = zeros(n_stack), zeros(n_stack) - torch.inf
        self.best_gap = zeros(n_stack) + torch.inf
        self.n_iter, self.best_iter = torch.zeros_like(limits), torch.zeros_like(limits)
        self.active = torch.ones_like(limits, dtype=torch.bool)

    @property
    def arrays(self) -> tuple[Tensor, ...]:
        """What every pass over the points takes."""
        return self.problem.probs, self.labels, self.points, self.dual, self.control

    def solve(self) -> TensorSolution:
        """Iterate until the last problem stops."""
        self.start()
        while True:
            response = self._measure()
            going = ~is_solved(self.objective, self.bound, self.tol) & (self.n_iter < self.limits)
            self.active &= going & (self.n_iter - self.best_iter < PATIENCE)
            if not bool(self.active.any()):
                return self._finish()
            self._set(ACTIVE, self.active.double())
            self._iterate(response)

    def start(self) -> None:
        """Put every problem near the central path."""
        mu = first_mu(self.dual.shape[2])
        self.launch(first_half.center_points, self.n_rows, *self.arrays[:3], mu, self.linear)
        self._set(ACTIVE, self.active.double())

    def _set(self, column: int, values: Tensor) -> None:
        self.control[:, column] = values

    def _mean_of(self, row: int) -> Tensor:
        """Return the weighted mean of a row of ``points``."""
        return (self.points[:, row] * self.problem.weights).sum(1)

    def _measure(self) -> Tensor:
        """Update certificate, mean label and ``gram``; return the response to the predictor."""
        problem, active = self.problem, self.active
        weights = problem.weights
        self.launch(first_half.measure_points, self.n_rows, *self.arrays, weights, self.linear)
        self.partials.zero_()
        self.gram.zero_()
        for start, stop in self._chunks():
            self.launch(
                first_half.add_columns,
                self.n_columns,
                *self.arrays,
                start,
                stop,
                self.columns,
                self.partials,
            )
            columns = self.columns[:, :, : 2 * (stop - start)]
            self.gram.baddbmm_(columns, columns.mT)
        sums = self.partials.sum(3)
        self.mean = torch.where(active[:, None], sums[:, MEAN], self.mean)
        if self.hard:
            unfairness = rounding_cost(problem, self.mean, sums[:, SHARE], self.linear)
        else:
            unfairness = fairness(problem, self.mean)
        objective = unfairness - self._mean_of(LOG_P)
        delta = self.dual[:, DELTA]
        bound = self._mean_of(DUAL) + fairness_conjugate(problem, delta)
        bound = bound - BOUND_ERROR * delta.abs().amax(1)
        self.objective = torch.where(active, objective, self.objective)
        self.bound = torch.where(active, torch.fmax(bound, self.bound), self.bound)
        gap = self.objective - self.bound
        better = active & ((gap < SMALLER * self.best_gap) | (self.n_iter == 0))
        self.best_gap = torch.where(better, gap, self.best_gap)
        self.best_iter = torch.where(better, self.n_iter, self.best_iter)
        return sums[:, RESPONSE]

    def _chunks(self) -> Iterator[tuple[int, int]]:
        n_points, size = self.labels.shape[2], self.columns.shape[2] // 2
        for start in range(0, n_points, size):
            yield start, min(start + size, n_points)

    def _iterate(self, response: Tensor) -> None:
        """Predict, correct and move."""
        problem, dual = self.problem, self.dual
        target, curvature = linearise_fairness(problem, dual[:, DELTA], self.mean)
        matrix = newton_matrix(problem, self.gram, curvature)
        identity = torch.eye(matrix.shape[1], dtype=matrix.dtype, device=matrix.device)
        factored = factor(torch.where(self.active[:, None, None], matrix, identity))
        rhs = target - response
        dual[:, AFFINE] = solve_factored(factored, rhs)
        self.launch(first_half.predict_points, self.n_rows, *self.arrays)
        self.launch(
            first_half.add_responses, self.n_columns, *self.arrays, problem.weights, self.partials
        )
        mu, sigma_mu = self._choose_barrier()
        self._set(SIGMA_MU, sigma_mu)
        sums = self.partials.sum(3)
        rhs = rhs - sigma_mu[:, None] * sums[:, RESPONSE_MU] - sums[:, RESPONSE_2ND]
        dual[:, STEP] = solve_factored(factored, rhs)
        self.launch(second_half.correct_points, self.n_rows, *self.arrays)
        self._choose_steps(mu)
        self.n_iter += self.active
        # rounding has made the direction meaningless: stay
        self.active &= dual[:, STEP].isfinite().all(1)
        self._set(ACTIVE, self.active.double())
        self.launch(second_half.move_points, self.n_rows, *self.arrays)
        moved = dual[:, DELTA] + self.control[:, STEP_D, None] * dual[:, STEP]
        dual[:, DELTA] = torch.where(self.active[:, None], moved, dual[:, DELTA])

    def _choose_barrier(self) -> tuple[Tensor, Tensor]:
        """Return mu and the target on the central path that Mehrotra's rule chooses."""
        n_clusters = self.dual.shape[2]
        a_d = self._longest_step(AFFINE).clamp_max(1.0)
        products = self._mean_of(YZ)
        left = self._mean_of(LEFT) + a_d * self._mean_of(LEFT_D)
        mu = products / n_clusters
        sigma_mu = mu * (left / products).clamp_min(1e-2) ** 3
        # not far along a direction that, as the last step showed, can not be followed far
        steps = torch.minimum(self.control[:, STEP_P], self.control[:, STEP_D])
        blocked = torch.where(self.n_iter > 0, 1.0 - steps, 0.0)
        sigma_mu = torch.fmax(sigma_mu, RECENTER * blocked.square() * mu)
        # no further than the tolerance asks for, nor where slacks are rounding errors
        enough = (0.1 * self.tol * self.objective.abs().clamp_min(1.0)).clamp_min(MIN_BARRIER)
        return mu, torch.fmax(sigma_mu, enough / n_clusters)

    def _longest_step(self, row: int) -> Tensor:
        """Return the longest steps along a row of ``dual`` that keep slacks, s and v positive."""
        low = self.points[:, RHO_LOW].amin(1).clamp_max(0.0)
        lam = self.problem.lam
        if self.problem.order == 0 and lam != float("inf"):
            ratios = self.dual[:, row] / (lam + self.dual[:, DELTA])
            low = torch.minimum(low, ratios.amin(1))
        return 1.0 / (-low).clamp_min(1e-30)

    def _choose_steps(self, mu: Tensor) -> None:
        """Set the step lengths: points step each for itself while few fall short, late enough."""
        self._set(STEP_D, (TO_BOUNDARY * self._longest_step(STEP)).clamp_max(1.0))
        own = self.points[:, POINT_STEP]
        short = ((1.0 - own) * self.problem.weights).sum(1)
        barrier = mu * self.dual.shape[2]
        gap = self.objective - self.bound
        alone = (short <= MAX_SHORT) & (gap <= MAX_GAP_TO_BARRIER * barrier)
        alone &= self._imbalance_cost() <= gap
        self._set(STEP_P, torch.where(alone, 1.0, own.amin(1)))

    def _imbalance_cost(self) -> Tensor:
        """Return what it costs that labels step each for itself, as on the CPU."""
        problem = self.problem
        self.launch(
            second_half.add_missed, self.n_columns, *self.arrays, problem.weights, self.partials
        )
        missed = self.partials.sum(3)[:, MISSED]
        if self.hard:
            return 0.5 * missed.abs().sum(1)
        return 0.5 * problem.lam * (missed.square() / problem.prior).sum(1)

    def _finish(self) -> TensorSolution:
        """Normalise, and replace the objectives by those of the labels as they are stored."""
        problem = self.problem
        keep, fill = torch.ones_like(self.mean), torch.zeros_like(self.mean)
        if self.hard:
            keep = (problem.prior / self.mean).clamp_max(1.0)
            fill = (problem.prior - self.mean).clamp_min(0.0)
            fill = fill / fill.sum(1, keepdim=True).clamp_min(1e-300)
        self.launch(
            second_half.finish_points, self.n_rows, *self.arrays[:3], keep, fill, self.linear
        )
        objective = -self._mean_of(LOG_P)
        if not self.hard:
            objective = objective + fairness(problem, self.mean)
        return TensorSolution(
            labels=self.labels,
            objective=objective,
            bound=self.bound,
            n_iter=self.n_iter,
            delta=self.dual[:, DELTA],
        )
