"""Second views of samples: augmentations, and virtual adversaries."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from skcollision._ambient import isolated
from skcollision._extras import import_extra
from skcollision.losses import soft_cross_entropy

Augmentation = Callable[[Tensor], Tensor]


def default_augmentation(input_shape: tuple[int, ...], caller: str) -> Augmentation | None:
    """Return what `augment="auto"` stands for with samples (C, H, W), None with vectors (F,)."""
    if len(input_shape) == 1:
        return None
    kornia = import_extra("kornia.augmentation", "deep", f"augment='auto' of {caller}")
    if input_shape[0] == 3:
        steps: list[Any] = [
            kornia.RandomResizedCrop(input_shape[1:], scale=(0.4, 1.0), p=1.0),
            kornia.RandomHorizontalFlip(p=0.5),
            kornia.ColorJitter(0.4, 0.4, 0.4, 0.1, p=0.8),
            kornia.RandomGrayscale(p=0.2),
        ]
    else:
        shift, scale = (0.1, 0.1), (0.9, 1.1)
        steps = [kornia.RandomAffine(15.0, translate=shift, scale=scale, shear=10.0, p=1.0)]
    pipeline: Augmentation = kornia.AugmentationSequential(*steps, data_keys=["input"])
    return pipeline


@dataclass(frozen=True)
class VirtualAdversary:
    """The small change of a sample that changes its prediction most.

    A value of `augment` for IMSAT's virtual adversarial training. The direction is the top
    eigenvector of the curvature of the predictions' divergence, found by power iterations.

    Parameters
    ----------
    epsilon : float, default=0.25
        Euclidean length of the change, relative to the root mean square length of a sample of the
        batch.
    xi : float, default=1e-2
        Length of the finite difference, on the same scale.
    n_steps : int, default=1
        Power iterations.

    References
    ----------
    T. Miyato, S. Maeda, M. Koyama and S. Ishii, "Virtual Adversarial Training", IEEE TPAMI 2019.

    Examples
    --------
    >>> import torch
    >>> from skcollision.deep import VirtualAdversary
    >>> samples, network = torch.rand(5, 16), torch.nn.Linear(16, 3)
    >>> view = VirtualAdversary(epsilon=0.1).view(samples, network)
    >>> change = (view - samples).norm(dim=1)
    >>> (change / (0.1 * 4 * samples.square().mean().sqrt())).round(decimals=3)
    tensor([1., 1., 1., 1., 1.])
    """

    epsilon: float = 0.25
    xi: float = 1e-2
    n_steps: int = 1

    @isolated()
    def view(self, samples: Tensor, network: nn.Module) -> Tensor:
        """Return the adversaries of samples (B, ...), for a network to logits."""
        size = samples.square().mean().mul(samples[0].numel()).sqrt()
        direction = _unit(torch.randn_like(samples))
        with torch.no_grad():
            fixed = network(samples).float().softmax(-1)
        for _ in range(self.n_steps):
            probe = direction.requires_grad_()
            changed = network(samples + self.xi * size * probe).float()
            loss = soft_cross_entropy(changed, fixed, reduction="sum")
            (slope,) = torch.autograd.grad(loss, probe)
            direction = _unit(slope)
        return (samples + self.epsilon * size * direction).detach()


def _unit(samples: Tensor) -> Tensor:
    """Scale each sample to length one; one of zeros stays."""
    flat = samples.detach().flatten(1)
    return (flat / flat.norm(dim=1, keepdim=True).clamp_min(1e-30)).view_as(samples)
