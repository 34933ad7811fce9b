"""The optimiser of linear heads."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor


class ColumnAdam(torch.optim.Optimizer):
    """Adam whose second moment is shared by all weights of one cluster.

    Adam divides each coordinate by its own root mean square gradient, and so trains features that
    hardly vary as fast as those that carry the clusters: its result depends on the basis that the
    features are written in. With one second moment a column of the weights, a step is a rotation-
    invariant direction of length about `lr`. All restarts then settle in the same few optima.

    Parameters
    ----------
    params : iterable of Tensor
        Matrices of shape (D, C), a column an output.
    lr : float
        Length of a step of one column, in units of the inverse feature norm.
    betas : tuple of two floats, default=(0.9, 0.999)
        Decay of the running mean gradient and of its mean square.
    eps : float, default=1e-12
        Added to the root mean square gradient.
    """

    def __init__(
        self,
        params: Iterable[Tensor],
        lr: float,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-12,
    ) -> None:
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Move every parameter by one step."""
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    self._update(parameter, group)

    def _update(self, parameter: Tensor, group: dict[str, Any]) -> None:
        gradient, state = parameter.grad, self.state[parameter]
        assert gradient is not None
        square = gradient.square().sum(0)
        if not state:
            state["step"] = 0
            state["mean"] = torch.zeros_like(gradient)
            state["square"] = torch.zeros_like(square)
        state["step"] += 1
        decay_mean, decay_square = group["betas"]
        state["mean"].lerp_(gradient, 1 - decay_mean)
        state["square"].lerp_(square, 1 - decay_square)
        size = (state["square"] / (1 - decay_square ** state["step"])).sqrt_().add_(group["eps"])
        rate = group["lr"] / (1 - decay_mean ** state["step"])
        parameter.addcmul_(state["mean"], rate / size, value=-1)
