"""Table 2 of the paper beside ours: the published recipe on fixed ResNet-50 features of MNIST.

Run as ``python benchmarks/paper/table2.py --data FOLDER``; writes results/table2.md. The published
learning rate, 0.1, supposes features of a scale that the paper does not name, so that it is shown
beside one tenth of it. A last row solves the collision loss's pseudo-labels exactly: the EM of the
recipe stops before its labels are fair, and clusters die.
"""

from __future__ import annotations

import time
import warnings
from typing import Any

import _images  # noqa: F401  (the folder of the other scripts)
import numpy as np
from _common import load, machine, markdown, parser, write
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning

from skcollision import (
    PAPER_RECIPE,
    CollisionClusterer,
    MIADMClusterer,
    MutualInfoClusterer,
    SeLaClusterer,
)
from skcollision.metrics import clustering_accuracy_score

# Accuracy in percent on MNIST, mean and standard deviation of six runs.
PUBLISHED = {
    "KMeans": (47.62, 2.1),
    "MIGD": (52.92, 3.0),
    "SeLa": (52.38, 5.2),
    "MIADM": (50.61, 1.3),
    "collision": (58.4, 3.2),
}
CLUSTERERS: dict[str, Any] = {
    "MIGD": MutualInfoClusterer,
    "SeLa": SeLaClusterer,
    "MIADM": MIADMClusterer,
    "collision": CollisionClusterer,
}
EXACT = "collision, exact labels"
# The parameters of the collision loss; the other losses keep their own.
OF_THE_LOSS = ("lam", "fairness_weight", "solver", "solver_max_iter")
LEARNING_RATES = (0.1, 0.01)


def recipe(name: str, learning_rate: float) -> dict[str, Any]:
    """Return the published training, with the loss that belongs to a method."""
    dropped = () if name == "collision" else OF_THE_LOSS
    kept = {key: value for key, value in PAPER_RECIPE.items() if key not in dropped}
    return kept | {"learning_rate": learning_rate}


def exact(learning_rate: float) -> dict[str, Any]:
    """Return the recipe for collision with another solver of the pseudo-labels."""
    return recipe("collision", learning_rate) | {"solver": "dual", "solver_max_iter": None}


def estimators(n_clusters: int, seed: int) -> dict[tuple[str, str], Any]:
    """Return what is measured, by method and column of the table."""
    result: dict[tuple[str, str], Any] = {}
    for rate in LEARNING_RATES:
        for name, clusterer in CLUSTERERS.items():
            parameters = recipe(name, rate)
            result[name, column(rate)] = clusterer(n_clusters, random_state=seed, **parameters)
        clusterer = CollisionClusterer(n_clusters, random_state=seed, **exact(rate))
        result[EXACT, column(rate)] = clusterer
    # KMeans has no recipe: the same runs stand in every column.
    result["KMeans", ""] = KMeans(n_clusters, n_init=1, random_state=seed)
    return result


def column(rate: float) -> str:
    return f"recipe, learning rate {rate:g}"


def measure(X: np.ndarray, y: np.ndarray, n_seeds: int) -> dict[tuple[str, str], list[float]]:
    """Return the accuracies in percent of every estimator over the seeds."""
    found: dict[tuple[str, str], list[float]] = {}
    for seed in range(n_seeds):
        for key, estimator in estimators(len(np.unique(y)), seed).items():
            start = time.perf_counter()
            accuracy = 100 * clustering_accuracy_score(y, estimator.fit_predict(X))
            found.setdefault(key, []).append(accuracy)
            print(*key, seed, f"{accuracy:.1f} %, {time.perf_counter() - start:.1f} s", flush=True)
    return found


def cell(values: tuple[float, float], baseline: float) -> str:
    """Format mean (deviation), and the gap to KMeans."""
    mean, deviation = values
    return f"{mean:.1f} ({deviation:.1f}), {mean - baseline:+.1f}"


def table(found: dict[tuple[str, str], list[float]]) -> str:
    """Return the published figures beside ours."""
    figures = {key: (np.mean(runs), np.std(runs, ddof=1)) for key, runs in found.items()}
    columns = [column(rate) for rate in LEARNING_RATES]
    baseline = figures["KMeans", ""]
    rows = []
    for name in (*PUBLISHED, EXACT):
        ours = [figures.get((name, title), baseline) for title in columns]
        cells = [cell(values, baseline[0]) for values in ours]
        published = cell(PUBLISHED[name], PUBLISHED["KMeans"][0]) if name in PUBLISHED else "–"
        rows.append([name, published, *cells])
    return markdown(["method", "published, MNIST", *columns], rows)


def main() -> None:
    options = parser(__doc__)
    options.set_defaults(sets=["mnist_resnet50"])
    arguments = options.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    text = []
    for name in arguments.sets:
        X, y = load(arguments.data, name)
        text.append(f"{name}, ACC in percent, mean (standard deviation), gap to KMeans:\n")
        text.append(table(measure(X, y, arguments.seeds)))
    text.append(
        f"{arguments.seeds} seeds. KMeans: n_init=1, raw features, in every column. Recipe: raw "
        "features; λ = 100 for collision alone, the other losses keep our weights. These are other "
        f"features than the paper's, of other images. {machine()}.\n"
    )
    write("table2", "\n".join(text))


if __name__ == "__main__":
    main()
