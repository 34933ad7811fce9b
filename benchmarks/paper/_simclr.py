"""SimCLR, the pretext task of SCAN: augmentations of an image are told from those of others."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, normalize

BATCH = 250
TEMPERATURE = 0.5
LEARNING_RATE = 1e-3


def contrastive_loss(first: Tensor, second: Tensor, temperature: float) -> Tensor:
    """NT-Xent of T. Chen et al., "A Simple Framework for Contrastive Learning", eq. (1).

    The positive of each of the 2 B projections (B, D) is that of the other view.
    """
    both = normalize(torch.cat([first, second]), dim=1)
    similarity = both @ both.T / temperature
    similarity.fill_diagonal_(-math.inf)
    return cross_entropy(similarity, torch.arange(len(both)).roll(len(first)))


def pretrain(
    backbone: nn.Module,
    images: np.ndarray,
    augment: Callable[[Tensor], Tensor],
    epochs: int,
    seed: int,
) -> dict[str, Tensor]:
    """Return the weights of a backbone trained on uint8 images (N, H, W), on the CPU.

    Images are standardised as DeepClusterer does, which starts from these weights.
    """
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    mean, std = images.mean() / 255, images.std() / 255
    n_features = backbone(torch.zeros(2, 1, *images.shape[1:])).shape[1]
    projector = nn.Sequential(nn.Linear(n_features, 128), nn.ReLU(), nn.Linear(128, 64))
    backbone.train().to(memory_format=torch.channels_last)
    optimizer = torch.optim.Adam([*backbone.parameters(), *projector.parameters()], LEARNING_RATE)
    n_steps = epochs * (len(images) // BATCH)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, n_steps)
    for _ in range(epochs):
        for rows in np.array_split(rng.permutation(len(images)), len(images) // BATCH):
            batch = torch.from_numpy(images[rows]).float().div_(255)[:, None]
            views = (torch.cat([augment(batch), augment(batch)]) - mean) / std
            features = backbone(views.to(memory_format=torch.channels_last)).flatten(1)
            loss = contrastive_loss(*projector(features).chunk(2), TEMPERATURE)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
        print(f"SimCLR: {loss.item():.3f} nats", flush=True)
    return {name: value.contiguous() for name, value in backbone.state_dict().items()}
