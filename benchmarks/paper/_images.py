"""Image sets by path or by name, and rows of results that a killed run goes on from."""

from __future__ import annotations

import csv
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent))
from _common import RESULTS, machine, markdown

__all__ = ["RESULTS", "load_images", "machine", "markdown", "run_all"]


def load_images(source: str, n_samples: int | None) -> tuple[np.ndarray, np.ndarray]:
    """Return uint8 images and labels, the first `n_samples` of them.

    `source` is the path of an .npz file with X and y, "torchvision:NAME:FOLDER" for the training
    images of a torchvision set in a folder (downloaded there if they are not), or "hf:NAME" for the
    split "train" of a Hugging Face set with the columns image and label.
    """
    if source.startswith("torchvision:"):
        X, y = _torchvision(*source.split(":", 2)[1:])
    elif source.startswith("hf:"):
        X, y = _hugging_face(source.removeprefix("hf:"))
    else:
        with np.load(source) as arrays:
            X, y = arrays["X"], arrays["y"]
    return X[:n_samples], y[:n_samples]


def _torchvision(name: str, folder: str) -> tuple[np.ndarray, np.ndarray]:
    from torchvision import datasets

    options = {"split": "train"} if name in ("STL10", "SVHN") else {"train": True}
    found: Any = getattr(datasets, name)(folder, download=True, **options)
    labels = found.labels if hasattr(found, "labels") else found.targets
    return np.asarray(found.data), np.asarray(labels)


def _hugging_face(name: str) -> tuple[np.ndarray, np.ndarray]:
    from datasets import load_dataset

    found = load_dataset(name, split="train")
    columns = found.column_names
    image = next(each for each in ("image", "img") if each in columns)
    label = next(each for each in ("label", "fine_label") if each in columns)
    return np.stack([np.asarray(each) for each in found[image]]), np.asarray(found[label])


def run_all(
    path: Path,
    runs: list[dict[str, str]],
    measure: Callable[[dict[str, str]], dict[str, float]],
) -> list[dict[str, str]]:
    """Measure each run that the CSV file does not have yet, add its row, and return all rows."""
    path.parent.mkdir(exist_ok=True)
    for run in runs:
        if any(run.items() <= row.items() for row in read_rows(path)):
            continue
        row = run | {name: f"{value:.5g}" for name, value in measure(run).items()}
        is_new = not path.exists()
        with path.open("a", newline="") as file:
            writer = csv.DictWriter(file, list(row))
            if is_new:
                writer.writeheader()
            writer.writerow(row)
        print(row, flush=True)
    return [row for row in read_rows(path) if any(run.items() <= row.items() for run in runs)]


def read_rows(path: Path) -> list[dict[str, str]]:
    if not path.exists():
        return []
    with path.open(newline="") as file:
        return list(csv.DictReader(file))
