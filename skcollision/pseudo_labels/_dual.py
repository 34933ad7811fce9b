"""The exact solver: a primal-dual interior point (kernels.cpu_dual) and its drivers.

An iteration is three sweeps over the points (labels and slacks are N x K, the Newton system K x K),
with K-dimensional decisions between them. Small problems run start to end in one call, one task
a restart; of large ones, each sweep is spread over groups of points. Groups depend on the sizes
only and are added in order, so results are bitwise the same for both and for any number of threads.
Points lie in tiles meanwhile, a few side by side (kernels.cpu_dual_points).
"""

from __future__ import annotations

import numpy as np

from skcollision._parallel import n_threads, row_blocks, run_shares, run_tasks
from skcollision.pseudo_labels._problem import Problem, Solution, solve_restarts
from skcollision.pseudo_labels._two_clusters import solve_two_clusters
from skcollision.pseudo_labels.kernels import cpu_dual_state as state_of
from skcollision.pseudo_labels.kernels.cpu_dual import advance, first_mu, is_solved, solve_serial
from skcollision.pseudo_labels.kernels.cpu_dual_passes import sweep_groups
from skcollision.pseudo_labels.kernels.cpu_dual_points import fill_tiles
from skcollision.pseudo_labels.kernels.cpu_dual_state import DualState
from skcollision.pseudo_labels.kernels.cpu_tiles import transpose_blocks
from skcollision.pseudo_labels.kernels.cpu_vectors import LANES

# Elements of a problem from which threads share its sweeps: below, telling them costs more.
_SHARED_FROM = 1 << 15
# Elements a group, where there are not too many groups: few, so that threads have equal shares.
_GROUP_SIZE = 1 << 14
# Predictions up to which a copy in tiles is worth its memory.
_COPIED_UP_TO = 1 << 22
# Each group has K x K sums, which take half the memory of float32 predictions at most; or there are
# a few groups, of points enough to be worth them, whose sums take 16 MiB at most.
_MOST_GROUPS = 16
_FEW_GROUPS, _WORTH_POINTS, _FEW_SUMS = 4, 256, 1 << 21


def solve_dual(
    problem: Problem,
    *,
    tol: float,
    max_iter: int,
    linear: bool = False,
) -> Solution:
    """Solve (11) or (10) to a certified relative gap; with ``linear``, eq. (5) on ln(probs)."""
    n_stack, n_points, n_clusters = problem.probs.shape
    if n_clusters == 2 and not linear:
        return solve_two_clusters(problem, max_iter=max_iter)
    shared = n_stack < n_threads() and n_points * n_clusters >= _SHARED_FROM
    tiles = empty_tiles(problem)

    def run(r: int, limit: int) -> DualState:
        state = make_state(problem, r, tiles[r], tol, limit, linear)
        if shared:
            _solve_shared(state)
        else:
            solve_serial(state)
        return state

    def solve_one(r: int, _: np.ndarray) -> tuple[float, float, int, np.ndarray]:
        control = (state := run(r, max_iter)).control
        best = int(control[state_of.BEST_ITER])
        if best < control[state_of.N_ITER] and not is_solved(control):
            # Stalled: going to the best iterate again is cheaper than copying each on the way.
            bound = control[state_of.BOUND]
            control = (state := run(r, best)).control
            control[state_of.BOUND] = max(bound, control[state_of.BOUND])
        _to_rows(state)
        return (
            float(control[state_of.OBJECTIVE]),
            float(control[state_of.BOUND]),
            int(control[state_of.N_ITER]),
            state.dual[state_of.DELTA],
        )

    return solve_restarts(problem, tiles[:, :n_points], solve_one, side_by_side=not shared)


def empty_tiles(problem: Problem) -> np.ndarray:
    """Return room for labels in whole tiles, which become rows in the same place."""
    n_stack, n_points, n_clusters = problem.probs.shape
    n_tiles = -(-n_points // LANES)
    return np.empty((n_stack, n_tiles * LANES, n_clusters), dtype=problem.probs.dtype)


def make_state(
    problem: Problem, r: int, tiles: np.ndarray, tol: float, max_iter: int, linear: bool
) -> DualState:
    """Allocate the state of problem r at its start, on the central path at delta = 0.

    ``tiles``, one of the stack of `empty_tiles`, is where the labels will be.
    """
    n_points, n_clusters = problem.probs.shape[1:]
    n_tiles = len(tiles) // LANES
    few = min(_FEW_GROUPS, n_points // _WORTH_POINTS, _FEW_SUMS // n_clusters**2)
    most = max(1, min(_MOST_GROUPS, max(few, n_points // n_clusters // 4)))
    groups = row_blocks(n_tiles, n_clusters * LANES, max_blocks=most, block_size=_GROUP_SIZE)
    n_groups = len(groups) - 1
    in_rows = n_points * n_clusters > _COPIED_UP_TO
    probs = _read_only(problem.probs[r])
    if not in_rows:
        probs = _read_only(_to_tiles(probs, groups))
    weights = np.zeros(n_tiles * LANES)
    weights[:n_points] = problem.weights
    control = np.zeros(state_of.N_CONTROL)
    control[state_of.MU] = first_mu(n_clusters)
    control[state_of.BOUND] = -np.inf
    control[state_of.TOL] = tol
    control[state_of.MAX_ITER] = max_iter
    control[state_of.LAM] = problem.lam
    control[state_of.ORDER] = problem.order
    control[state_of.LINEAR] = linear
    control[state_of.ROWS] = in_rows
    four_clusters = -(-n_clusters // 4) * 4
    return DualState(
        probs=probs,
        labels=tiles.reshape(-1, LANES),
        weights=weights.reshape(-1, LANES),
        prior=problem.prior[r],
        points=np.empty((n_tiles * state_of.N_POINT_ROWS, LANES)),
        bounds=groups,
        dual=np.zeros((3, n_clusters)),
        hessian=np.empty((n_clusters, n_clusters)),
        partials=np.empty((n_groups, state_of.N_PARTIALS, n_clusters)),
        gram=np.empty((n_groups, four_clusters, four_clusters)),
        sums=np.zeros((n_groups, state_of.N_SUMS)),
        control=control,
    )


def _read_only(array: np.ndarray) -> np.ndarray:
    """Return a view that kernels take for one kind of argument, whatever the caller's array is."""
    view = array.view()
    view.flags.writeable = False
    return view


def _to_tiles(rows: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Return the predictions (N, K) in tiles, the last of which repeats the last point."""
    tiles = np.empty((groups[-1] * rows.shape[1], LANES), dtype=rows.dtype)
    run_tasks(lambda g: fill_tiles(rows, groups[g], groups[g + 1], tiles), len(groups) - 1)
    return tiles


def _to_rows(state: DualState) -> None:
    """Turn the tiles of labels into rows, in place."""
    labels, bounds = state.labels.reshape(-1), LANES * state.bounds
    arrays = labels, labels, len(state.prior), LANES, bounds

    def share(first: int, step: int) -> None:
        transpose_blocks(*arrays, first, step, True)

    run_shares(share, len(bounds) - 1)


def _solve_shared(state: DualState) -> None:
    """Iterate to the end, threads sharing the groups of each sweep."""
    n_groups = len(state.bounds) - 1
    phase = int(state.control[state_of.PHASE])
    while phase != state_of.DONE:
        # The team's shares end before `phase` changes.
        run_shares(lambda first, step: sweep_groups(state, phase, first, step), n_groups)  # noqa: B023
        advance(state)
        phase = int(state.control[state_of.PHASE])
