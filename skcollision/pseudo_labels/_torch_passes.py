"""The interior point's passes in torch, for tensors of any device: formulas as in `kernels.passes`.

Points go through in chunks, so that what a pass makes of them does not outgrow the device.
"""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor

from skcollision.pseudo_labels._problem import Problem

CENTRE_STEPS = 2
TO_BOUNDARY = 0.99
# Predictions a chunk: a pass takes about ten times their memory.
CHUNK = 1 << 26


class TorchPasses:
    """`Passes` of a problem in tensors."""

    def __init__(self, problem: Problem, linear: bool) -> None:
        n_stack, n_points, n_clusters = problem.probs.shape
        self.labels = torch.empty_like(problem.probs)
        size = max(1, CHUNK // (n_stack * n_clusters))
        chunks = [slice(at, at + size) for at in range(0, n_points, size)]
        self._chunks = [
            _Points(problem.probs[:, at], self.labels[:, at], problem.weights[at, None], linear)
            for at in chunks
        ]

    def centre(self, mu: float) -> None:
        """Start near the central path."""
        for chunk in self._chunks:
            chunk.centre(mu)

    def measure(self, active: Any, with_gram: Any, delta: Any, step_p: Any, step_d: Any) -> Any:
        """Take a step, then evaluate certificate and Newton system."""
        return self._sum(lambda chunk: chunk.measure(active, delta, step_p, step_d))

    def predict(self, active: Any, affine: Any) -> Any:
        """Follow the predictor."""
        return self._sum(lambda chunk: chunk.predict(affine))

    def correct(self, active: Any, affine: Any, step: Any, sigma_mu: Any) -> Any:
        """Find the corrected direction."""
        return self._sum(lambda chunk: chunk.correct(affine, step, sigma_mu))

    def _sum(self, run: Callable[[_Points], dict[str, Tensor]]) -> SimpleNamespace:
        """Run a pass on each chunk and add what it returns, or take the lowest."""
        total = run(self._chunks[0])
        for chunk in self._chunks[1:]:
            for name, value in run(chunk).items():
                lowest = name in ("low", "shortest")
                add = torch.minimum if lowest else torch.add
                total[name] = add(total[name], value)
        return SimpleNamespace(**total)


class _Points:
    """A chunk of points, (R, n, K), and where it stands; scalars of a point are (R, n, 1)."""

    def __init__(self, probs: Tensor, labels: Tensor, weights: Tensor, linear: bool) -> None:
        self.q, self.y, self.w, self.linear = probs, labels, weights, linear
        self.z_floor = 50 * torch.finfo(probs.dtype).eps
        self.moves = torch.zeros_like(probs)

    def centre(self, mu: float) -> None:
        """Fill labels mu / z that nearly sum to one, s and nu."""
        q = self.q
        top = q.amax(2, keepdim=True)
        e, s, nu = torch.full_like(top, mu), torch.ones_like(top), 1.0 + mu * q.shape[2] + 0 * top
        for step in range(CENTRE_STEPS + 1):
            if self.linear:
                nu = top + e
            else:
                s = (nu - e) / top
            y = mu / (nu - s * q)
            f = y.sum(2, keepdim=True)
            if step < CENTRE_STEPS:
                slope = y * y if self.linear else y * y * q / top
                e = e + mu * f * (f - 1.0) / slope.sum(2, keepdim=True)
        self.y.copy_(y / f)
        self.s, self.nu = s, nu
        self.eta = self.ds = torch.zeros_like(top)
        self.step = torch.ones_like(top)

    def measure(
        self, active: Tensor, delta: Tensor, step_p: Tensor, step_d: Tensor
    ) -> dict[str, Tensor]:
        """Take the corrected step; return the certificate's sums and the Newton system's."""
        on, length = active[:, None, None], torch.minimum(self.step, step_p[:, None, None])
        moved = (self.y * (1.0 + length * self.moves)).clamp_min(1e-30)
        self.y.copy_(torch.where(on, moved, self.y))
        self.s = torch.where(on, self.s + step_d[:, None, None] * self.ds, self.s)
        self.nu = torch.where(on, self.nu + step_d[:, None, None] * self.eta, self.nu)
        q, y, s, w = self.q, self.y, self.s, self.w
        line = s * q + delta[:, None, :]
        z = (self.nu - line).clamp_min(self.z_floor)
        self.inverse = 1.0 / z
        self.d = d = y / z
        self.pivot = y.argmax(2, keepdim=True)
        self.d0 = d.sum(2, keepdim=True)
        # differences from the largest label's sigma, as its d may hide all others in a sum
        self.q_m = q.gather(2, self.pivot)
        self.ref = (d * (q - self.q_m)).sum(2, keepdim=True) / self.d0
        self.c = q - self.q_m - self.ref
        p, norm = (y * q).sum(2, keepdim=True), y.sum(2, keepdim=True)
        self.yz = (y * z).sum(2, keepdim=True)
        e = (d * self.c * self.c).sum(2, keepdim=True) + p / s
        self.e = torch.full_like(e, torch.inf) if self.linear else e
        top = line.amax(2, keepdim=True)
        log_p, phi = (p / norm, -top) if self.linear else ((p / norm).log(), 1.0 + s.log() - top)
        root_d, root_c = (w / self.d0).sqrt() * d, (w / self.e).sqrt() * d * self.c
        response = root_d * (w / self.d0).sqrt()
        response = response + root_c * (w / self.e).sqrt() * self._pull()
        return {
            "log_p": (w * log_p).sum((1, 2)),
            "phi": (w * phi).sum((1, 2)),
            "yz": (w * self.yz).sum((1, 2)),
            "mean": (w * y / norm).sum(1),
            "share": (w * y * q / p).sum(1),
            "response": response.sum(1),
            "gram": root_d.mT @ root_d + root_c.mT @ root_c,
        }

    def _pull(self) -> Tensor:
        """Return 1/s - ref, the right-hand side for s."""
        return 1.0 / self.s - self.q_m - self.ref

    def _relative(self, step: Tensor) -> tuple[Tensor, Tensor]:
        """Return a step of the prices less that of each point's pivot, and the latter."""
        step = step[:, None, :].expand_as(self.q)
        of_pivot = step.gather(2, self.pivot)
        return step - of_pivot, of_pivot

    def _respond(self, target: Tensor) -> Tensor:
        """Return the sum of the labels' response to a target of theirs."""
        t0 = target.sum(2, keepdim=True) / self.d0
        t1 = (target * self.c).sum(2, keepdim=True) / self.e
        return (self.w * (target - self.d * (t0 + self.c * t1))).sum(1)

    def _direct(self, target: Tensor, step: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return eta and ds for a target and a step of the prices, and dz."""
        h = target + self.d * step
        eta = (h.sum(2, keepdim=True) - 1.0) / self.d0
        ds = (self._pull() - (h * self.c).sum(2, keepdim=True)) / self.e
        return eta, ds, eta - self.c * ds - step

    def _lowest(self, rho: Tensor, ds: Tensor) -> Tensor:
        return torch.minimum(rho.amin((1, 2)), (ds / self.s).amin((1, 2))).clamp_max(0.0)

    def predict(self, affine: Tensor) -> dict[str, Tensor]:
        """Follow the predictor; return the corrector's right-hand sides."""
        step, _ = self._relative(affine)
        _, ds, dz = self._direct(torch.zeros_like(self.y), step)
        self.rho = dz * self.inverse
        a_p = 1.0 / (1.0 + self.rho.amax(2, keepdim=True).clamp_min(0.0))
        kept = self.y * (1.0 + self.rho)
        ydz, dydz = (self.y * dz).sum(2, keepdim=True), -(dz * kept).sum(2, keepdim=True)
        left = (1.0 - a_p) * self.yz - a_p * ydz
        return {
            "left": (self.w * left).sum((1, 2)),
            "left_d": (self.w * (ydz + a_p * dydz)).sum((1, 2)),
            "low": self._lowest(self.rho, ds),
            "response_mu": self._respond(self.inverse),
            "response_2nd": self._respond(self.rho * kept),
        }

    def correct(self, affine: Tensor, step: Tensor, sigma_mu: Tensor) -> dict[str, Tensor]:
        """Find the corrected direction, and how far it may go."""
        target = sigma_mu[:, None, None] * self.inverse + self.y * self.rho * (1.0 + self.rho)
        relative, of_pivot = self._relative(step)
        eta, self.ds, dz = self._direct(target, relative)
        rho = dz * self.inverse
        self.eta = eta + of_pivot + (self.q_m + self.ref) * self.ds
        self.moves = target / self.y - 1.0 - rho
        limit = (-self.moves).amax(2, keepdim=True).clamp_min(1e-30)
        self.step = (TO_BOUNDARY / limit).clamp_max(1.0)
        rest = self.w * (1.0 - self.step)
        return {
            "low": self._lowest(rho, self.ds),
            "shortest": self.step.amin((1, 2)),
            "short": rest.sum((1, 2)),
            "missed": (rest * self.y * self.moves).sum(1),
        }
