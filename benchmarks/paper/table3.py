"""Table 3 of the paper beside ours: deep clustering of raw images with VGG4, from scratch.

On a GPU, at full size, with a data set by path or by name::

    python benchmarks/paper/table3.py --data torchvision:MNIST:FOLDER --full

Reduced, on two cores, with 10,000 images of an .npz file with X and y::

    python benchmarks/paper/table3.py --data mnist_images.npz --checkpoints FOLDER

Writes results/table3_reduced.csv or table3_full.csv, a row a method and seed, and a .md table of
them. Rows that are there are not measured again; with --checkpoints a killed fit goes on, too.
"""

from __future__ import annotations

import argparse
import os
import time
import warnings
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from _images import RESULTS, load_images, machine, markdown, read_rows, run_all
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

from skcollision.criteria import CollisionCriterion
from skcollision.deep import VGG4, DeepClusterer
from skcollision.metrics import clustering_accuracy_score

# Accuracy in percent: STL-10, CIFAR-10, CIFAR-100 (20), MNIST.
PUBLISHED = {
    "IMSAT": (25.28, 21.4, 14.39, 92.90),
    "IIC": (24.12, 21.3, 12.58, 82.51),
    "SeLa": (23.99, 24.16, 15.34, 52.86),
    "MIADM": (23.37, 23.26, 14.02, 78.88),
    "collision": (25.98, 24.26, 15.14, 95.11),
}
PAPER_LOSS = "collision, without fairness of predictions"
BATCH_SELA = "SeLa, labels of each batch"
# SeLa keeps its labels between rounds over the whole set, as its authors do; the others label each
# batch, and a row has SeLa do so too.
METHODS: dict[str, dict[str, Any]] = {
    "collision": {"criterion": "collision"},
    "MIADM": {"criterion": "miadm"},
    "SeLa": {"criterion": "sela", "label_rounds": "each epoch"},
    "IMSAT": {"criterion": "imsat"},
    "IIC": {"criterion": "iic", "overclustering": 50},
    PAPER_LOSS: {"criterion": CollisionCriterion(100.0, 0.0, solver_tol=1e-4)},
    BATCH_SELA: {"criterion": "sela"},
}
REDUCED: dict[str, Any] = {"width": 0.25, "epochs": 10, "n_samples": 10_000}
FULL: dict[str, Any] = {"width": 1.0, "epochs": 50, "n_samples": None}


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True, help="see load_images in _images.py")
    parser.add_argument("--full", action="store_true", help="the paper's size")
    parser.add_argument("--methods", nargs="+", default=[*METHODS, "KMeans"])
    parser.add_argument("--seeds", type=int, help="3 reduced, 6 at full size")
    parser.add_argument("--checkpoints", type=Path, help="folder for unfinished fits")
    parser.add_argument("--device", default="auto")
    return parser.parse_args()


def clusterer(method: str, n_clusters: int, seed: int, options: argparse.Namespace) -> Any:
    size = FULL if options.full else REDUCED
    parameters = dict(METHODS[method])
    if "label_rounds" in parameters:
        parameters["label_rounds"] = size["epochs"]
    checkpoint = None
    if options.checkpoints is not None:
        options.checkpoints.mkdir(parents=True, exist_ok=True)
        checkpoint = options.checkpoints / f"table3 {method} {seed}.pt"
    return DeepClusterer(
        n_clusters,
        backbone=partial(VGG4, width=size["width"]),
        max_iter=size["epochs"],
        device=options.device,
        checkpoint=checkpoint,
        random_state=seed,
        verbose=True,
        **parameters,
    )


def measure(
    run: dict[str, str], X: np.ndarray, y: np.ndarray, options: argparse.Namespace
) -> dict[str, float]:
    method, seed = run["method"], int(run["seed"])
    n_clusters = len(np.unique(y))
    start, seconds = time.perf_counter(), None
    objective = np.nan
    if method == "KMeans":
        model = KMeans(n_clusters, n_init=10, random_state=seed)
        labels = model.fit_predict(X.reshape(len(X), -1) / np.float32(255))
    else:
        model = clusterer(method, n_clusters, seed, options)
        labels = model.fit_predict(X)
        # That of a resumed fit too, without the time between its parts.
        seconds, objective = model.history_["seconds"][-1], model.objective_
    return {
        "ACC": 100 * clustering_accuracy_score(y, labels),
        "NMI": 100 * normalized_mutual_info_score(y, labels),
        "ARI": 100 * adjusted_rand_score(y, labels),
        "objective": objective,
        "seconds": time.perf_counter() - start if seconds is None else seconds,
    }


def table(rows: list[dict[str, str]]) -> str:
    lines = []
    for method in ("KMeans", *METHODS):
        mine = [row for row in rows if row["method"] == method]
        if not mine:
            continue
        published = PUBLISHED.get(method)
        theirs = [f"{value:.2f}" for value in published] if published else ["–"] * 4
        figures = [
            f"{np.median([float(row[name]) for row in mine]):.1f}" for name in ("ACC", "NMI", "ARI")
        ]
        runs = ", ".join(f"{float(row['ACC']):.1f}" for row in mine)
        minutes = f"{np.median([float(row['seconds']) for row in mine]) / 60:.1f}"
        lines.append([method, *theirs, *figures, runs, minutes])
    return markdown(
        [
            "method", "published STL-10", "CIFAR-10", "CIFAR-100 (20)", "MNIST",
            "ours: ACC, median", "NMI", "ARI", "ACC of each run", "minutes",
        ],
        lines,
    )  # fmt: skip


def main() -> None:
    options = parse()
    warnings.simplefilter("ignore", ConvergenceWarning)
    size = FULL if options.full else REDUCED
    X, y = load_images(options.data, size["n_samples"])
    seeds = options.seeds or (6 if options.full else 3)
    # By seed first, so that a run cut short has all methods.
    data = Path(options.data).stem
    runs = [
        {"data": data, "method": method, "seed": str(seed)}
        for seed in range(seeds)
        for method in options.methods
    ]
    name = "table3_full" if options.full else "table3_reduced"
    path = RESULTS / f"{name}.csv"
    run_all(path, runs, lambda run: measure(run, X, y, options))
    # What was measured before belongs to the table too, whatever methods were asked for now.
    rows = [row for row in read_rows(path) if row["data"] == data]
    text = (
        f"ACC in percent on {len(X)} images; ours beside the published table, where every method "
        f"has 6 runs.\n\n{table(rows)}\n"
        f"What differs: VGG4 at {size['width']:g} of its width with batch normalisation, "
        f"{size['epochs']} epochs of batches of 250, Adam from 1e-3 by a cosine to 0, "
        "weight decay 0.01, one affine view of each image beside it with weight 1 (IMSAT: 10), "
        "labels exact to 1e-4 nats: the same for all methods, settled with the collision loss and "
        "its accuracy at seeds 0 and 1 in view, with MIADM beside it at seed 0. Collision has our "
        "fairness of the predictions, weight 1, beside the paper's λ = 100; a row is without. SeLa "
        "solves for the labels of the whole set each epoch, as its authors do in rounds; a row "
        "labels each batch. IIC has a second head of 50 clusters. KMeans: raw pixels, n_init=10. "
        "Seeds from 0 on, as many as there are runs; "
        f"{os.environ.get('OMP_NUM_THREADS', 'all')} thread(s); minutes are of the time that other "
        f"work left. {machine()}.\n"
    )
    (RESULTS / f"{name}.md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
