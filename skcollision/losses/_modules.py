"""The losses as modules, which keep their settings."""

from collections.abc import Callable
from typing import ClassVar, get_args

from torch import Tensor, nn

from skcollision.losses import _common as common
from skcollision.losses._common import Reduction
from skcollision.losses._cross_entropy import collision_cross_entropy, soft_cross_entropy
from skcollision.losses._predictions import Order, fairness_divergence, mutual_information_loss


class ReducedLoss(nn.Module):
    """Base of the modules: keeps `reduction`, and shows what it keeps."""

    function: ClassVar[Callable[..., Tensor]]
    options: ClassVar[tuple[str, ...]] = ()

    def __init__(self, reduction: Reduction = "mean") -> None:
        super().__init__()
        common.check_option(reduction, get_args(Reduction), "reduction", type(self).__name__)
        self.reduction: Reduction = reduction

    def extra_repr(self) -> str:
        """Show the settings in the module's repr.

        Returns
        -------
        str
            Names and values; tensors are left out.
        """
        settings = {name: getattr(self, name) for name in (*self.options, "reduction")}
        shown = {name: value for name, value in settings.items() if name != "prior"}
        return ", ".join(f"{name}={value!r}" for name, value in shown.items())


class LabelledLoss(ReducedLoss):
    """Module form of a loss of soft labels."""

    def forward(
        self, logits: Tensor, target: Tensor, sample_weight: Tensor | None = None
    ) -> Tensor:
        """Return the loss of `logits` towards `target`, as the function does.

        Parameters
        ----------
        logits, target : Tensor of shape (..., K)
            Logits and soft labels of the points.
        sample_weight : Tensor of shape (...,), optional
            Non-negative weights of the points.

        Returns
        -------
        Tensor of shape (...,) or scalar
            Loss of each point, or their sum or mean.
        """
        return type(self).function(
            logits, target, reduction=self.reduction, sample_weight=sample_weight
        )


class AveragedLoss(ReducedLoss):
    """Module form of a loss that averages over points."""

    def forward(self, logits: Tensor, sample_weight: Tensor | None = None) -> Tensor:
        """Return the loss, as the function does.

        Parameters
        ----------
        logits : Tensor of shape (..., N, K)
            Logits of the points.
        sample_weight : Tensor of shape (..., N), optional
            Non-negative weights of the points.

        Returns
        -------
        Tensor of shape (...) or scalar
            Loss of each stack of points, or their sum or mean.
        """
        options = {name: getattr(self, name) for name in self.options}
        loss = type(self).function(logits, sample_weight=sample_weight, **options)
        return common.reduce_loss(loss, self.reduction)


class CollisionCrossEntropyLoss(LabelledLoss):
    """Module form of :func:`collision_cross_entropy`.

    Parameters
    ----------
    reduction : {"none", "mean", "sum"}, default="mean"
        As in :func:`collision_cross_entropy`.

    Examples
    --------
    >>> import torch
    >>> from skcollision.losses import CollisionCrossEntropyLoss
    >>> loss = CollisionCrossEntropyLoss(reduction="sum")
    >>> loss(torch.zeros(3, 2), torch.full((3, 2), 0.5))
    tensor(2.0794)
    """

    function = staticmethod(collision_cross_entropy)


class SoftCrossEntropyLoss(LabelledLoss):
    """Module form of :func:`soft_cross_entropy`.

    Parameters
    ----------
    reduction : {"none", "mean", "sum"}, default="mean"
        As in :func:`soft_cross_entropy`.

    Examples
    --------
    >>> import torch
    >>> from skcollision.losses import SoftCrossEntropyLoss
    >>> SoftCrossEntropyLoss()(torch.zeros(3, 2), torch.full((3, 2), 0.5))
    tensor(0.6931)
    """

    function = staticmethod(soft_cross_entropy)


class MutualInformationLoss(AveragedLoss):
    """Module form of :func:`mutual_information_loss`.

    Parameters
    ----------
    fairness_weight : float, default=1.0
        Finite weight of the fairness term.
    reduction : {"none", "mean", "sum"}, default="mean"
        How to reduce over the stack (the leading dimensions).

    Examples
    --------
    >>> import torch
    >>> from skcollision.losses import MutualInformationLoss
    >>> MutualInformationLoss(fairness_weight=1.3, reduction="none")(torch.zeros(5, 8, 2)).shape
    torch.Size([5])
    """

    function = staticmethod(mutual_information_loss)
    options = ("fairness_weight",)

    def __init__(self, fairness_weight: float = 1.0, reduction: Reduction = "mean") -> None:
        super().__init__(reduction)
        common.check_finite_number(fairness_weight, "fairness_weight", type(self).__name__)
        self.fairness_weight = fairness_weight


class FairnessDivergenceLoss(AveragedLoss):
    """Module form of :func:`fairness_divergence`.

    Parameters
    ----------
    prior : Tensor of shape (K,) or (..., K), optional
        Target proportions, uniform by default. Kept as a buffer, so it moves with the module.
    order : {"KL(u||p)", "KL(p||u)"}, default="KL(u||p)"
        Which of the two divergences.
    reduction : {"none", "mean", "sum"}, default="mean"
        How to reduce over the stack (the leading dimensions).

    Examples
    --------
    >>> import torch
    >>> from skcollision.losses import FairnessDivergenceLoss
    >>> loss = FairnessDivergenceLoss(torch.tensor([0.9, 0.1]))
    >>> loss(torch.zeros(4, 2))
    tensor(0.3681)
    """

    function = staticmethod(fairness_divergence)
    options = ("prior", "order")

    def __init__(
        self, prior: Tensor | None = None, order: Order = "KL(u||p)", reduction: Reduction = "mean"
    ) -> None:
        super().__init__(reduction)
        common.check_option(order, get_args(Order), "order", type(self).__name__)
        self.order: Order = order
        self.register_buffer("prior", prior)
