"""Table 4 of the paper beside ours: deep clustering from the features of a pretext task.

At full size, on a GPU, ResNet-18 starts from a checkpoint of SCAN's pretext task (SimCLR)::

    python benchmarks/paper/table4.py --data torchvision:CIFAR10:FOLDER --pretext simclr.pth.tar

Reduced, on two cores, with 10,000 images of an .npz file and VGG4 at a quarter of its width, which
is given the pretext task first::

    python benchmarks/paper/table4.py --data mnist_images.npz

Writes results/table4_full.csv or table4_reduced.csv, a row a method and seed, and a .md table.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from _images import RESULTS, load_images, machine, markdown, run_all
from _simclr import pretrain
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score
from torch import Tensor, nn
from torch.nn.functional import relu

from skcollision.criteria import CollisionCriterion, IMSATCriterion, MIADMCriterion, SCANCriterion
from skcollision.deep import VGG4, DeepClusterer
from skcollision.deep._views import default_augmentation
from skcollision.metrics import clustering_accuracy_score

# ACC/NMI/ARI in percent: CIFAR-10, CIFAR-100 (20), STL-10.
PUBLISHED = {
    "SCAN": ("81.8/71.2/66.5", "42.2/44.1/26.7", "75.5/65.4/59.0"),
    "IMSAT": ("77.64/71.05/64.85", "–", "–"),
    "MIADM": ("74.76/69.17/62.51", "–", "–"),
    "collision": ("83.27/71.95/68.15", "47.01/43.28/29.11", "78.12/68.11/62.34"),
}
# Weight of the augmentation's collision cross-entropy; other data take CIFAR-10's.
VIEW_WEIGHTS = {"STL10": 0.5, "CIFAR10": 0.2, "CIFAR100": 0.4}
# Epochs of the pretext task and after it. The head, new beside a trained backbone, has ten times
# its rate, as so few steps at the rate of the backbone would leave it where it began.
REDUCED: dict[str, Any] = {"pretext": 5, "epochs": 5, "n_samples": 10_000, "head": 1e-3}
FULL: dict[str, Any] = {"epochs": 50, "n_samples": None, "head": 1e-4}
BACKBONE_RATE = 1e-4


class Block(nn.Module):
    """Two convolutions and a shortcut; named as in SCAN's code, so that its checkpoints load."""

    def __init__(self, inputs: int, outputs: int, stride: int, shortcut: str) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.name = shortcut
        if stride > 1 or inputs != outputs:
            projection = nn.Conv2d(inputs, outputs, 1, stride, bias=False)
            self.add_module(shortcut, nn.Sequential(projection, nn.BatchNorm2d(outputs)))

    def forward(self, x: Tensor) -> Tensor:
        """Return features of the shape of the input, or half its sides at stride 2."""
        y = self.bn2(self.conv2(relu(self.bn1(self.conv1(x)))))
        shortcut = getattr(self, self.name, None)
        return relu(y + (x if shortcut is None else shortcut(x)))


class ResNet18(nn.Sequential):
    """ResNet-18 for an image shape (C, H, W): up to 64 pixels with SCAN's stem for CIFAR."""

    def __init__(self, input_shape: tuple[int, ...]) -> None:
        super().__init__()
        small = input_shape[1] < 64
        size, stride, padding = (3, 1, 1) if small else (7, 2, 3)
        self.conv1 = nn.Conv2d(input_shape[0], 64, size, stride, padding, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.relu = nn.ReLU()
        if not small:
            self.maxpool = nn.MaxPool2d(3, 2, 1)
        inputs = 64
        for index, outputs in enumerate((64, 128, 256, 512)):
            name = "shortcut" if small else "downsample"
            first = Block(inputs, outputs, 1 if index == 0 else 2, name)
            layer = nn.Sequential(first, Block(outputs, outputs, 1, name))
            self.add_module(f"layer{index + 1}", layer)
            inputs = outputs
        self.avgpool = nn.AdaptiveAvgPool2d(1)


def pretext(X: np.ndarray) -> tuple[Any, dict[str, Tensor]]:
    """Return the reduced size's network, and its weights after SimCLR."""
    network = partial(VGG4, width=0.25)
    augment = default_augmentation((1, *X.shape[1:]), "Table 4")
    assert augment is not None
    return network, pretrain(network((1, *X.shape[1:])), X, augment, REDUCED["pretext"], seed=0)


def methods(view_weight: float) -> dict[str, dict[str, Any]]:
    exact = {"solver_tol": 1e-4, "view_weight": view_weight}
    return {
        "SCAN": {"criterion": SCANCriterion(), "n_neighbors": 20},
        "IMSAT": {"criterion": IMSATCriterion()},
        "MIADM": {"criterion": MIADMCriterion(**exact)},
        "collision": {"criterion": CollisionCriterion(100.0, 1.0, **exact)},
    }


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True, help="see load_images in _images.py")
    parser.add_argument("--pretext", help="checkpoint of ResNet-18: the paper's size")
    parser.add_argument("--seeds", type=int, help="1 reduced, 6 at full size")
    parser.add_argument("--methods", nargs="+", default=list(PUBLISHED))
    parser.add_argument("--checkpoints", type=Path, help="folder for unfinished fits")
    parser.add_argument("--device", default="auto")
    return parser.parse_args()


def measure(
    X: np.ndarray, y: np.ndarray, options: argparse.Namespace
) -> Callable[[dict[str, str]], dict[str, float]]:
    name = next((name for name in VIEW_WEIGHTS if f":{name}:" in options.data), "CIFAR10")
    chosen = methods(VIEW_WEIGHTS[name])
    size = FULL if options.pretext else REDUCED
    made: list[Any] = []

    def run(key: dict[str, str]) -> dict[str, float]:
        checkpoint = None
        if options.checkpoints is not None:
            options.checkpoints.mkdir(parents=True, exist_ok=True)
            checkpoint = options.checkpoints / f"table4 {key['method']} {key['seed']}.pt"
        if not made:
            made.extend((ResNet18, options.pretext) if options.pretext else pretext(X))
        model = DeepClusterer(
            len(np.unique(y)),
            backbone=made[0],
            pretrained=made[1],
            max_iter=size["epochs"],
            batch_size=200,
            learning_rate=size["head"],
            backbone_learning_rate=BACKBONE_RATE,
            weight_decay=1e-4,
            device=options.device,
            checkpoint=checkpoint,
            random_state=int(key["seed"]),
            verbose=True,
            **chosen[key["method"]],
        )
        labels = model.fit_predict(X)
        return {
            "ACC": 100 * clustering_accuracy_score(y, labels),
            "NMI": 100 * normalized_mutual_info_score(y, labels),
            "ARI": 100 * adjusted_rand_score(y, labels),
            "seconds": model.history_["seconds"][-1],
        }

    return run


def table(rows: list[dict[str, str]]) -> str:
    lines = []
    for method, published in PUBLISHED.items():
        mine = [row for row in rows if row["method"] == method]
        if mine:
            medians = (
                np.median([float(row[each]) for row in mine]) for each in ("ACC", "NMI", "ARI")
            )
            lines.append([method, *published, "/".join(f"{each:.1f}" for each in medians)])
    return markdown(["method", "CIFAR-10", "CIFAR-100 (20)", "STL-10", "ours"], lines)


def main() -> None:
    options = parse()
    warnings.simplefilter("ignore", ConvergenceWarning)
    X, y = load_images(options.data, (FULL if options.pretext else REDUCED)["n_samples"])
    seeds = options.seeds or (6 if options.pretext else 1)
    data = Path(options.data).stem
    runs = [
        {"data": data, "method": method, "seed": str(seed)}
        for seed in range(seeds)
        for method in options.methods
    ]
    name = "table4_full" if options.pretext else "table4_reduced"
    rows = run_all(RESULTS / f"{name}.csv", runs, measure(X, y, options))
    differs = (
        "ResNet-18 from a pretext checkpoint, 50 epochs"
        if options.pretext
        else f"VGG4 at 0.25 of its width after {REDUCED['pretext']} epochs of SimCLR on these "
        f"images in place of ResNet-18, {REDUCED['epochs']} epochs, 1e-3 for the new head"
    )
    text = (
        f"ACC/NMI/ARI in percent, {len(X)} images of {data}, median of {seeds} seed(s), beside the "
        f"published ones.\n\n{table(rows)}\nWhat differs: {differs}. Batches of 200, Adam "
        "from 1e-4 by a cosine to 0, weight decay 1e-4; SCAN is its second step, 20 neighbours, "
        f"without self-labelling. {machine()}.\n"
    )
    (RESULTS / f"{name}.md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
