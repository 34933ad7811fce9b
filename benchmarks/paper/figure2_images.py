"""Figure 2 of the paper with a network on images: accuracy against label corruption.

On a GPU, ResNet-18 from scratch, with a data set by path or by name::

    python benchmarks/paper/figure2_images.py --data torchvision:CIFAR10:FOLDER --full

Reduced, on two cores, VGG4 at a quarter of its width on 3,000 images of an .npz file::

    python benchmarks/paper/figure2_images.py --data mnist_images.npz

Writes results/paper_figure2_images_reduced.csv or _full.csv, a row a run, and a table of them; rows
that are there are not measured again. Labels are corrupted, and softened, as in figure2.py; a fifth
of the images is held out with true labels, and nothing is chosen with these.
"""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from _images import RESULTS, load_images, machine, run_all
from figure2 import LOSSES, corrupted, table
from sklearn.model_selection import train_test_split
from torch import nn

from skcollision.deep import VGG4
from skcollision.losses import collision_cross_entropy, soft_cross_entropy

BATCH, RATE, DECAY = 200, 1e-3, 1e-4
LOSS_OF = dict(zip(LOSSES, (collision_cross_entropy, soft_cross_entropy), strict=True))
REDUCED: dict[str, Any] = {"n_samples": 3000, "epochs": 10, "seeds": 2, "corruptions": (0.5, 0.8)}
FULL: dict[str, Any] = {
    "n_samples": None, "epochs": 50, "seeds": 3, "corruptions": (0.0, 0.3, 0.5, 0.7, 0.8, 0.9)
}  # fmt: skip


def network(n_classes: int, sample: torch.Tensor, full: bool) -> nn.Module:
    """Return ResNet-18, or the reduced VGG4, with a head of so many classes."""
    if full:
        from torchvision.models import resnet18

        model = resnet18(num_classes=n_classes)
        if sample.shape[1] != 3:
            model.conv1 = nn.Conv2d(sample.shape[1], 64, 7, stride=2, padding=3, bias=False)
        return model
    backbone = VGG4(tuple(sample.shape[1:]), width=0.25)
    return nn.Sequential(backbone, nn.Linear(backbone(sample[:2]).shape[1], n_classes))


def as_tensor(images: np.ndarray) -> torch.Tensor:
    """Return images (N, H, W) or (N, H, W, C) of bytes as (N, C, H, W), standardised."""
    values = torch.from_numpy(images).float()
    values = values[:, None] if values.ndim == 3 else values.movedim(3, 1)
    return (values - values.mean()) / values.std()


def train(
    model: nn.Module, images: torch.Tensor, labels: torch.Tensor, loss: Any, epochs: int
) -> None:
    """Minimise a loss towards soft labels (N, K), by Adam with a cosine to zero."""
    optimiser = torch.optim.Adam(model.parameters(), lr=RATE, weight_decay=DECAY)
    n_steps = epochs * -(-len(images) // BATCH)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, n_steps)
    model.train()
    for _ in range(epochs):
        for rows in torch.randperm(len(images)).split(BATCH):
            optimiser.zero_grad()
            loss(model(images[rows].to(labels.device)), labels[rows.to(labels.device)]).backward()
            optimiser.step()
            schedule.step()


@torch.no_grad()
def predict(model: nn.Module, images: torch.Tensor, device: torch.device) -> np.ndarray:
    model.eval()
    return (
        torch.cat([model(part.to(device)).argmax(1) for part in images.split(BATCH)]).cpu().numpy()
    )


def measure(
    run: dict[str, str], X: torch.Tensor, y: np.ndarray, options: argparse.Namespace
) -> dict[str, float]:
    """Return the accuracy in percent on held-out images."""
    seed, share, device = int(run["seed"]), float(run["corrupted"]), torch.device(options.device)
    torch.manual_seed(seed)
    rows = np.arange(len(y))
    training, held_out = train_test_split(rows, test_size=0.2, stratify=y, random_state=seed)
    n_classes = int(y.max()) + 1
    noisy = torch.from_numpy(corrupted(y[training], share, seed)).long()
    soft = (1 - share) * nn.functional.one_hot(noisy, n_classes).float() + share / n_classes
    model = network(n_classes, X[:2], options.full).to(device)
    size = FULL if options.full else REDUCED
    train(model, X[training], soft.to(device), LOSS_OF[run["loss"]], size["epochs"])
    return {"accuracy": 100 * float((predict(model, X[held_out], device) == y[held_out]).mean())}


def main() -> None:
    parse = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parse.add_argument("--data", required=True, help="see load_images in _images.py")
    parse.add_argument("--full", action="store_true", help="ResNet-18 on all images")
    parse.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    options = parse.parse_args()
    size = FULL if options.full else REDUCED
    images, y = load_images(options.data, size["n_samples"])
    X, name = as_tensor(images), Path(options.data).stem
    runs = [
        {
            "set": name,
            "seed": str(seed),
            "corrupted": str(share),
            "loss": loss,
            "weight_decay": str(DECAY),
        }
        for seed in range(size["seeds"])
        for share in size["corruptions"]
        for loss in LOSSES
    ]
    kind = "full" if options.full else "reduced"
    path = RESULTS / f"paper_figure2_images_{kind}.csv"
    rows = run_all(path, runs, partial(measure, X=X, y=np.asarray(y), options=options))
    what = "ResNet-18" if options.full else "VGG4 at a quarter of its width"
    text = (
        f"{name}, accuracy in percent on held-out images:\n\n"
        f"{table(rows, name, list(size['corruptions']), [DECAY])}\n"
        f"Means over {size['seeds']} seeds; {len(X)} images, a fifth of them held out; columns are "
        f"shares of corrupted labels. {what} from scratch, {size['epochs']} epochs of batches of "
        f"{BATCH}, Adam from {RATE:g} by a cosine to 0, weight decay {DECAY:g}, no augmentation; "
        f"the first settings tried, the same for both losses. {machine()}.\n"
    )
    path.with_suffix(".md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
