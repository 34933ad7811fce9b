"""EM of arXiv 2303.07321, section 4, plain or accelerated by SQUAREM.

With c_k = lam prior_k y_k / mean_k (E-step, eq. 14; the point's weight cancels) and C = sum c, the
M-step of a point is y_k = c_k x / ((1 + C) x - sigma_k) with sum y = 1 (eq. 16). With
e = (1 + C) - sigma_m / x for the largest sigma_m, and r_k = sigma_k / sigma_m, it is

    f(e) = sum_k c_k / ((1 + C)(1 - r_k) + r_k e) = 1 ,      0 < e <= (1 + C) :

positive terms only, so that e = 1e-30 keeps every digit where (1 + C) x - sigma_m cancels. It is
the secular equation of rank-one eigenvalue updates; 1/f is concave and increasing, so that Newton
on it climbs from any e with f(e) >= 1. Such is e = c_m, a reachable end in the sense of Lemma 1.
"""

from __future__ import annotations

import torch
from torch import Tensor

from skcollision.pseudo_labels._one_problem import (
    LABEL_FLOOR,
    Found,
    OneProblem,
    each_problem,
    revive,
)
from skcollision.pseudo_labels._problem import Problem, Solution, is_solved

_MAX_NEWTON = 100
# Relative accuracy of the roots; Newton is quadratic, so they are better still.
_ROOT_TOL = 1e-6
# Above this, 1 + C is C to the last digit, and labels do not depend on lam any more.
LARGEST_LAM = 1e30
# Sweeps between two looks at the certificate, which costs up to half a sweep.
_CHECK_EVERY = 10


def solve_em(
    problem: Problem,
    *,
    tol: float,
    max_iter: int,
    init: Tensor | None = None,
    newton: str = "reciprocal",
    accelerate: bool = False,
) -> Solution:
    """Run EM from ``init`` (the predictions) to a relative duality gap or ``max_iter`` sweeps."""

    def solve_one(one: OneProblem, start: Tensor | None) -> Found:
        # zeros that the caller asks for are kept, those of the predictions are only rounding
        labels = one.probs.clamp_min(LABEL_FLOOR) if start is None else revive(start)
        em = _EM(one, labels, newton == "x")
        run = _run_accelerated if accelerate else _run_plain
        n_iter = run(em, tol, max_iter)
        return em.labels, em.objective, one.bound(em.mean), n_iter, one.delta(em.mean)

    return each_problem(problem, solve_one, init)


class _EM:
    """Labels of one problem, with what a sweep needs of them."""

    def __init__(self, one: OneProblem, labels: Tensor, in_x: bool) -> None:
        self.one, self.labels = one, labels
        self.find_root = _newton_in_x if in_x else _newton_reciprocal
        self.mean = one.weights @ labels
        self.objective = torch.full_like(self.mean[0], torch.inf)
        # EM makes no zeros, and keeps those that it is given
        self.has_zeros = bool((labels <= 0).any())

    def sweep(self) -> None:
        """Take one EM step."""
        one = self.one
        ratio = min(one.lam, LARGEST_LAM) * one.prior / self.mean.clamp_min(one.tiny)
        self.labels = self._m_step(ratio * self.labels)
        self.objective, self.mean, _ = one.measure(self.labels)

    def is_solved(self, tol: float) -> bool:
        """Test the certificate."""
        return bool(is_solved(self.objective, self.one.bound(self.mean), tol))

    def _m_step(self, c: Tensor) -> Tensor:
        """Return the labels of the responsibilities c (N, K)."""
        probs, top = self.one.probs, 1.0 + c.sum(1, keepdim=True)
        positive = c > 0 if self.has_zeros else torch.ones_like(c, dtype=torch.bool)
        q = torch.where(positive, probs, 0.0)
        largest = q.amax(1, keepdim=True).clamp_min(self.one.tiny)
        start = torch.where(positive & (q == largest), c, 0.0).amax(1, keepdim=True)
        e = self.find_root(q, c, largest, top, start)
        labels = c / ((largest - q) * (top / largest) + q * (e / largest))
        labels = labels / labels.sum(1, keepdim=True)
        if not self.has_zeros:
            return labels.clamp_min(LABEL_FLOOR)
        labels = torch.where(positive, labels.clamp_min(LABEL_FLOOR), 0.0)
        return _with_zeros(probs, c, top, largest, positive, labels)


def _with_zeros(
    probs: Tensor, c: Tensor, top: Tensor, largest: Tensor, positive: Tensor, labels: Tensor
) -> Tensor:
    """Replace the labels that give one where c_k = 0 something (supplement 9 of the paper).

    Of these labels only the one with the largest sigma, say z, can be positive. If sigma_z exceeds
    every other sigma, x = sigma_z solves the rest of (16), and y_z is what the others leave. If
    that is negative, or sigma_z is no maximum, the labels with c_k = 0 are zero.
    """
    best, zero = torch.where(positive, -1.0, probs).max(1, keepdim=True)
    above = best > largest
    others = torch.where(positive & above, c * best / (top * (best - probs)), 0.0)
    rest = 1.0 - others.sum(1, keepdim=True)
    return torch.where(above & (rest >= 0), others.scatter(1, zero, rest), labels)


def _newton_reciprocal(q: Tensor, c: Tensor, largest: Tensor, top: Tensor, e: Tensor) -> Tensor:
    """Find f(e) = 1 by Newton on 1/f, which is nearly linear."""
    base = (largest - q) * (top / largest)
    for step in range(_MAX_NEWTON):
        z = 1.0 / (base + q * (e / largest))
        cz = c * z
        f = cz.sum(1, keepdim=True)
        move = f * (f - 1.0) * largest / (cz * z * q).sum(1, keepdim=True)
        e = e + move
        if _is_last(step, move, e):
            break
    return e


def _newton_in_x(q: Tensor, c: Tensor, largest: Tensor, top: Tensor, e: Tensor) -> Tensor:
    """Find the root by the paper's Newton on sum_k y_k(x) - 1, x = sigma_m / (1 + C - e)."""
    x = largest / (top - e)
    tiny = torch.finfo(x.dtype).tiny
    for step in range(_MAX_NEWTON):
        z = 1.0 / (top * x - q).clamp_min(tiny)
        cz = c * z
        move = (x * cz.sum(1, keepdim=True) - 1.0) / (cz * z * q).sum(1, keepdim=True)
        x = x + move
        if _is_last(step, move, x - largest / top):
            break
    root = top - largest / x
    lost = ~root.isfinite()  # where huge weights lam leave no digits of top x - q
    if lost.any():
        root = torch.where(lost, _newton_reciprocal(q, c, largest, top, e), root)
    return root.clamp_min(tiny)


def _is_last(step: int, move: Tensor, root: Tensor) -> bool:
    """Tell whether all roots are found; off the CPU, where to ask is to wait, only now and then."""
    if move.device.type != "cpu" and step % 4 < 3:
        return False
    return bool((move.abs() <= _ROOT_TOL * root.abs()).all())


def _run_plain(em: _EM, tol: float, max_iter: int) -> int:
    """Sweep until solved; return the sweeps."""
    for n_iter in range(1, max_iter + 1):
        em.sweep()
        if n_iter % _CHECK_EVERY == 0 and em.is_solved(tol):
            break
    return n_iter


def _run_accelerated(em: _EM, tol: float, max_iter: int) -> int:
    """Run SQUAREM (Varadhan & Roland 2008, scheme S3) on ln(labels), three sweeps a cycle.

    A cycle takes two sweeps, extrapolates along them and takes a sweep from there. Should that end
    higher than the second sweep, the cycle falls back to it: the objective never rises.
    """
    n_iter = 0
    while n_iter + 1 < max_iter:
        first = em.labels
        em.sweep()
        second = em.labels
        em.sweep()
        n_iter += 2
        if n_iter < max_iter:
            _leap(em, first, second)
            n_iter += 1
        if em.is_solved(tol):
            return n_iter
    if n_iter < max_iter:
        em.sweep()
        n_iter += 1
    return n_iter


def _leap(em: _EM, first: Tensor, second: Tensor) -> None:
    """Extrapolate from the last two sweeps and sweep, keeping what is better: that, or no leap.

    An EM sweep multiplies a label by about 1 +- 1/lam: geometric, so straight in the logarithm.
    """
    before = em.labels, em.mean, em.objective
    start, middle, end = (each.clamp_min(LABEL_FLOOR).log() for each in (first, second, em.labels))
    step, bend = middle - start, end - 2.0 * middle + start
    squares = [em.one.weights @ (each**2).sum(1) for each in (step, bend)]
    length = (squares[0] / squares[1].clamp_min(em.one.tiny)).sqrt().clamp_min(1.0)
    leapt = (start + 2.0 * length * step + length**2 * bend).softmax(1)
    em.labels = leapt.clamp_min(LABEL_FLOOR)
    em.mean = em.one.weights @ em.labels
    em.sweep()
    if not bool(em.objective <= before[2]):
        em.labels, em.mean, em.objective = before
