"""MIADM: self-labelling with Shannon's cross-entropy, eq. (5) of arXiv 2303.07321."""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from skcollision.criteria._self_labelling import SelfLabellingCriterion
from skcollision.losses import soft_cross_entropy


@dataclass(frozen=True)
class MIADMCriterion(SelfLabellingCriterion):
    """Shannon cross-entropy towards fair pseudo-labels.

    Eq. (5), the mutual information of eq. (1) split by alternating directions,

        mean_i H(y_i, σ_i) + lam KL(ȳ‖u) + fairness_weight KL(σ̄‖u) ,

    where the last term is not the authors'.

    Parameters
    ----------
    lam : float, default=1.3
        Weight λ of the fairness of the labels, by default that of eq. (1); inf demands ȳ = u.
    fairness_weight : float, default=0.0
        Weight of the fairness of the predictions.
    prior : ndarray of shape (K,) or None
        Target proportions u; None for uniform ones.
    solver : str, default="miadm"
        "miadm" solves eq. (5) exactly. "miadm-approx", the authors' closed form, adds the entropy
        of the labels to it and has no certificate: its `duality_gap` is inf.
    solver_tol, solver_max_iter, view_weight : optional
        As in :class:`SelfLabellingCriterion`.

    References
    ----------
    M. Jabi, M. Pedersoli, A. Mitiche and I. Ben Ayed, "Deep clustering: On the link between
    discriminative models and K-means", IEEE TPAMI 2021.

    Examples
    --------
    >>> import torch
    >>> from skcollision.criteria import MIADMCriterion
    >>> logits = torch.tensor([[[2.0, 0.0], [1.0, 0.0]]])  # one restart, two points
    >>> MIADMCriterion(lam=100.0).solve(logits, None).labels.argmax(2)
    tensor([[0, 1]])
    """

    lam: float = 1.3
    fairness_weight: float = 0.0
    solver: str = "miadm"

    label_order: ClassVar[str] = "KL(y||u)"

    def cross_entropy(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Shannon cross-entropy, eq. (8)."""
        return soft_cross_entropy(logits, labels, reduction="none")
