"""The interior point's decisions between two sweeps: certificate, centring, step lengths."""

from __future__ import annotations

import numpy as np

from skcollision.pseudo_labels.kernels.cpu_dual_factor import MANY_CLUSTERS
from skcollision.pseudo_labels.kernels.cpu_dual_passes import sweep_groups
from skcollision.pseudo_labels.kernels.cpu_dual_state import (
    AFFINE,
    BEST_GAP,
    BEST_ITER,
    BOUND,
    CENTER,
    CERTIFY,
    CORRECT,
    DELTA,
    DONE,
    DUAL,
    FACTOR,
    FINISH,
    LAM,
    LEFT,
    LEFT_D,
    LINEAR,
    LOG_P,
    MAX_ITER,
    MEAN,
    MISSED,
    MU,
    N_ITER,
    OBJECTIVE,
    ORDER,
    PENDING,
    PHASE,
    PREDICT,
    RESPONSE,
    RESPONSE_2ND,
    RESPONSE_MU,
    RHO_LOW,
    SECOND_ORDER,
    SHARE,
    SHORT,
    SIGMA_MU,
    STEP,
    STEP_D,
    STEP_LOW,
    STEP_P,
    TOL,
    YZ,
)
from skcollision.pseudo_labels.kernels.cpu_dual_steps import TO_BOUNDARY
from skcollision.pseudo_labels.kernels.cpu_dual_system import (
    PRIOR_TO_MEAN,
    cholesky,
    cholesky_solve,
    fairness,
    fairness_conjugate,
    fill_hessian,
    linearise_fairness,
    rounding_cost,
)
from skcollision.pseudo_labels.kernels.cpu_math import exact_jit, inner_exact_jit

# Labels may step each for itself while, on average, steps fall short by this fraction at most ...
MAX_SHORT = 0.02
# ... and the gap is mostly the barrier's K mu, not what earlier short steps left undone.
MAX_GAP_TO_BARRIER = 1.5
# Iterations without a smaller gap after which only rounding errors are left to come.
PATIENCE = 40
# A gap is smaller if it is so by one percent: at rounding, luck makes ever smaller ones.
SMALLER = 0.99
# Rounding error of the bound, a sum of differences of prices, as a fraction of the largest.
BOUND_ERROR = 1e-14
# Part of mu that a step aims at after one that got nowhere.
RECENTER = 0.3
# Barrier K mu at which slacks, differences of numbers around one, still have some digits.
MIN_BARRIER = 1e-12


def first_mu(n_clusters: int) -> float:
    """Return the mu of the start.

    Large enough that few problems are blocked at once; larger only adds iterations.
    """
    return 0.5 / n_clusters + 0.025


@exact_jit
def solve_serial(state):
    """Iterate to the end in one thread."""
    phase = int(state.control[PHASE])
    while phase != DONE:
        sweep_groups(state, phase, 0, 1)
        advance(state)
        phase = int(state.control[PHASE])


@exact_jit
def advance(state):
    """Reduce what a sweep left in the groups, decide, and set the next phase."""
    phase = int(state.control[PHASE])
    if phase == CENTER:
        state.control[PHASE] = FACTOR
    elif phase == CERTIFY:
        after_measure(state)
    elif phase == FACTOR:
        after_measure(state)
        if state.control[PHASE] == FACTOR:
            solve_predictor_system(state)
    elif phase == PREDICT:
        after_predict(state)
    elif phase == CORRECT:
        after_correct(state)
    else:
        after_finish(state)


@inner_exact_jit
def after_measure(state):
    """Update the certificate; stop, or have the Newton system built."""
    control, partials, sums = state.control, state.partials, state.sums
    if control[PENDING] > 0:
        for k in range(len(state.prior)):
            state.dual[DELTA, k] += control[STEP_D] * state.dual[STEP, k]
    control[PENDING] = 0.0
    reduce_groups(partials)
    log_p = dual = 0.0
    for g in range(len(sums)):
        log_p += sums[g, LOG_P]
        dual += sums[g, DUAL]
    dual += fairness_conjugate(state.dual[DELTA], state.prior, control[LAM], int(control[ORDER]))
    dual -= BOUND_ERROR * largest_price(state.dual[DELTA])
    control[OBJECTIVE] = unfairness(state) - log_p
    control[BOUND] = max(control[BOUND], dual)
    note_progress(control)
    stalled = control[N_ITER] - control[BEST_ITER] >= PATIENCE
    done = is_solved(control) or stalled or control[N_ITER] >= control[MAX_ITER]
    control[PHASE] = FINISH if done else FACTOR


@inner_exact_jit
def solve_predictor_system(state):
    """Factor the Newton system and solve for the predictor."""
    control, partials = state.control, state.partials
    lam, order = control[LAM], int(control[ORDER])
    n_clusters = len(state.prior)
    reduce_groups(state.gram)
    rhs, curvature = np.empty(n_clusters), np.empty(n_clusters)
    linearise_fairness(
        state.dual[DELTA], partials[0, MEAN], state.prior, lam, order, rhs, curvature
    )
    fill_hessian(state.hessian, state.gram[0], curvature, lam, order)
    cholesky(state.hessian)
    for k in range(n_clusters):
        rhs[k] -= partials[0, RESPONSE, k]
    cholesky_solve(state.hessian, rhs, state.dual[AFFINE])
    control[PHASE] = PREDICT


@inner_exact_jit
def largest_price(delta):
    """Return max |delta|."""
    largest = 0.0
    for k in range(len(delta)):
        largest = max(largest, abs(delta[k]))
    return largest


@inner_exact_jit
def unfairness(state):
    """Return the fairness term or, where lam is infinite, what it costs to do without."""
    control = state.control
    mean = state.partials[0, MEAN]
    if np.isinf(control[LAM]):
        share = state.partials[0, SHARE]
        return rounding_cost(mean, share, state.prior, control[LINEAR] > 0)
    return fairness(mean, state.prior, control[LAM], int(control[ORDER]))


@inner_exact_jit
def reduce_groups(groups):
    """Add the others to the first, in their order: the same sum for any number of threads."""
    first = groups[0].ravel()
    for g in range(1, len(groups)):
        other = groups[g].ravel()
        for j in range(len(first)):
            first[j] += other[j]


@inner_exact_jit
def note_progress(control):
    """Remember the iterate of the smallest gap: past what rounding allows, labels drift away."""
    gap = control[OBJECTIVE] - control[BOUND]
    if control[N_ITER] == 0 or gap < SMALLER * control[BEST_GAP]:
        control[BEST_GAP] = gap
        control[BEST_ITER] = control[N_ITER]


@exact_jit
def is_solved(control):
    """Test the gap against the tolerance."""
    objective = control[OBJECTIVE]
    return objective - control[BOUND] <= control[TOL] * max(1.0, abs(objective))


@inner_exact_jit
def after_predict(state):
    """Choose the target on the central path, as Mehrotra does, and solve for the corrector."""
    control, partials, sums = state.control, state.partials, state.sums
    n_clusters = len(state.prior)
    a_d = min(1.0, dual_step(state, AFFINE))
    yz = left = 0.0
    for g in range(len(sums)):
        yz += sums[g, YZ]
        left += sums[g, LEFT] + a_d * sums[g, LEFT_D]
    control[MU] = yz / n_clusters
    control[SIGMA_MU] = control[MU] * max(left / yz, 1e-2) ** 3
    # not far along a direction that, as the last step showed, can not be followed far
    blocked = 1.0 - min(control[STEP_P], control[STEP_D]) if control[N_ITER] > 0 else 0.0
    control[SIGMA_MU] = max(control[SIGMA_MU], RECENTER * blocked**2 * control[MU])
    # no further than the tolerance asks for, nor where slacks are rounding errors
    enough = max(0.1 * control[TOL] * max(1.0, abs(control[OBJECTIVE])), MIN_BARRIER)
    control[SIGMA_MU] = max(control[SIGMA_MU], enough / n_clusters)
    control[SECOND_ORDER] = 1.0
    rhs, curvature = np.empty(n_clusters), np.empty(n_clusters)
    lam, order = control[LAM], int(control[ORDER])
    linearise_fairness(
        state.dual[DELTA], partials[0, MEAN], state.prior, lam, order, rhs, curvature
    )
    for k in range(n_clusters):
        rhs[k] -= partials[0, RESPONSE, k]
        for g in range(len(sums)):
            rhs[k] -= control[SIGMA_MU] * partials[g, RESPONSE_MU, k]
            rhs[k] -= partials[g, RESPONSE_2ND, k]
    cholesky_solve(state.hessian, rhs, state.dual[STEP])
    control[PHASE] = CORRECT


@inner_exact_jit
def dual_step(state, row):
    """Return the longest step along a row of ``dual`` that keeps slacks, s and v positive."""
    low = 0.0
    for g in range(len(state.sums)):
        low = min(low, state.sums[g, RHO_LOW])
    lam = state.control[LAM]
    if state.control[ORDER] == PRIOR_TO_MEAN and not np.isinf(lam):
        for k in range(len(state.prior)):
            low = min(low, state.dual[row, k] / (lam + state.dual[DELTA, k]))
    return 1.0 / max(1e-30, -low)


@inner_exact_jit
def after_correct(state):
    """Fix the step lengths; stop where rounding has made the direction meaningless."""
    control = state.control
    control[STEP_D] = min(1.0, TO_BOUNDARY * dual_step(state, STEP))
    short = 0.0
    low = 1.0
    for g in range(len(state.sums)):
        short += state.sums[g, SHORT]
        low = min(low, state.sums[g, STEP_LOW])
    barrier = control[MU] * len(state.prior)
    gap = control[OBJECTIVE] - control[BOUND]
    alone = short <= MAX_SHORT and gap <= MAX_GAP_TO_BARRIER * barrier
    alone = alone and imbalance_cost(state) <= gap
    control[STEP_P] = 1.0 if alone else low
    finite = True
    for k in range(len(state.prior)):
        finite = finite and np.isfinite(state.dual[STEP, k])
    control[N_ITER] += 1
    control[PENDING] = 1.0
    if not finite:
        control[PHASE] = FINISH
    elif is_last_step(control, gap, len(state.prior)):
        control[PHASE] = CERTIFY
    else:
        control[PHASE] = FACTOR


@inner_exact_jit
def is_last_step(control, gap, n_clusters):
    """Guess whether the step will solve the problem: by it the gap goes to its target, or further.

    A wrong guess costs another measure, which is little beside the Newton system of many clusters.
    """
    close = 2.0 if n_clusters > MANY_CLUSTERS else 1.0
    step = 0.5 * (control[STEP_P] + control[STEP_D])
    left = (1.0 - step) * gap + step * n_clusters * control[SIGMA_MU]
    return left <= close * control[TOL] * max(1.0, abs(control[OBJECTIVE]))


@inner_exact_jit
def imbalance_cost(state):
    """Return what it costs that labels step each for itself: the mean is missed.

    To second order; to first where lam is infinite, since rounding to the prior takes the excess
    from the labels.
    """
    lam = state.control[LAM]
    cost = 0.0
    for k in range(len(state.prior)):
        missed = 0.0
        for g in range(len(state.sums)):
            missed += state.partials[g, MISSED, k]
        if np.isinf(lam):
            cost += 0.5 * abs(missed)
        else:
            cost += 0.5 * lam * missed * missed / state.prior[k]
    return cost


@inner_exact_jit
def after_finish(state):
    """Replace the objective by that of the labels as they are stored."""
    control = state.control
    log_p = 0.0
    for g in range(len(state.sums)):
        log_p += state.sums[g, LOG_P]
    control[OBJECTIVE] = -log_p
    if not np.isinf(control[LAM]):
        control[OBJECTIVE] += unfairness(state)
    control[PHASE] = DONE
