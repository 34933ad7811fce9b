"""Where the time of a default fit goes, and the least that its matrix products could take.

Run as ``python benchmarks/profile_fit.py --data FOLDER`` on an idle machine; writes
results/profile_fit.md. The limit of a stage is its floating-point operations in matrix products
over the rate at which torch multiplies two square matrices here.
"""

from __future__ import annotations

import time
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest import mock

import numpy as np
import torch
from _common import load, machine, markdown, parser, write
from sklearn.exceptions import ConvergenceWarning

from skcollision import CollisionClusterer
from skcollision.cluster import _base
from skcollision.criteria import CollisionCriterion
from skcollision.engine import Trainer, _training_features
from skcollision.engine._initial_heads import K_MEANS_ITERATIONS
from skcollision.engine._neighbourhoods import NeighbourGraph
from skcollision.engine._subspace import N_ITERATIONS, OVERSAMPLING
from skcollision.engine._trainer import DISTILLATION_STEPS
from skcollision.engine._training_features import TrainingFeatures

# Each stage is the time in these functions, none of which calls another but for the last: solving
# for pseudo-labels is a part of the training steps.
STAGES: dict[str, tuple[Any, str]] = {
    "normalisation": (_base, "fit_normalisation"),
    "principal subspace": (_training_features, "basis_of"),
    "projection on it": (TrainingFeatures, "_projected"),
    "nearest neighbours": (NeighbourGraph, "__init__"),
    "walks": (NeighbourGraph, "smooth_"),
    "K-means of each restart": (_base, "heads_of_k_means"),
    "training steps": (Trainer, "run"),
    "a last pass": (Trainer, "evaluate"),
    "choice of a restart": (_base, "select_restart"),
    "distillation": (Trainer, "distil"),
    "labels and centres": (CollisionClusterer, "_describe"),
    "pseudo-labels (part of the steps)": (CollisionCriterion, "solve"),
}
PART = "pseudo-labels (part of the steps)"
# Side of the matrices whose product gives the rate.
SIDE = 1500


def gemm_rate(n_repeats: int = 7) -> float:
    """Return the most float32 operations a second seen in a product of matrices."""
    a, b = torch.randn(SIDE, SIDE), torch.randn(SIDE, SIDE)
    found = []
    for _ in range(n_repeats):
        start = time.perf_counter()
        a @ b
        found.append(time.perf_counter() - start)
    return 2 * SIDE**3 / min(found)


@contextmanager
def stopwatches() -> Iterator[dict[str, float]]:
    """Add up the seconds in the functions of each stage."""
    seconds: dict[str, float] = defaultdict(float)

    def timed(stage: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def run(*args: Any, **kwargs: Any) -> Any:
            start = time.perf_counter()
            try:
                return function(*args, **kwargs)
            finally:
                seconds[stage] += time.perf_counter() - start

        return run

    with ExitStack() as patches:
        for stage, (owner, name) in STAGES.items():
            function = timed(stage, getattr(owner, name))
            patches.enter_context(mock.patch.object(owner, name, function))
        yield seconds


def products(clusterer: CollisionClusterer, X: np.ndarray) -> dict[str, float]:
    """Return the floating-point operations of each stage's matrix products, two a term."""
    (n, d), k, r = X.shape, clusterer.n_clusters, clusterer.n_init
    m = min(clusterer.n_components, d)
    n_batches = -(-n // clusterer.batch_size)
    return {
        "principal subspace": (4 * N_ITERATIONS + 2) * n * d * (m + OVERSAMPLING),
        # For the neighbours, and again for the points of the distillation.
        "projection on it": 4 * n * d * m,
        "nearest neighbours": 2 * n * n * m,
        "K-means of each restart": 2 * r * K_MEANS_ITERATIONS * n * m * k,
        # Logits and the gradient of the weights.
        "training steps": 4 * clusterer.n_iter_ * n * m * r * k,
        "a last pass": 2 * n * m * r * k,
        "choice of a restart": 2 * n * m * r * k,
        "distillation": 4 * -(-DISTILLATION_STEPS // n_batches) * n * m * k,
        "labels and centres": 4 * n * d * k,
    }


def measure(X: np.ndarray, n_clusters: int, n_seeds: int) -> tuple[dict[str, float], float, Any]:
    """Return the median seconds of each stage and of the whole, and the last clusterer."""
    runs, totals = [], []
    for seed in range(n_seeds):
        with stopwatches() as seconds:
            start = time.perf_counter()
            clusterer = CollisionClusterer(n_clusters, random_state=seed).fit(X)
            totals.append(time.perf_counter() - start)
        runs.append(seconds)
    medians = {stage: float(np.median([run[stage] for run in runs])) for stage in STAGES}
    return medians, float(np.median(totals)), clusterer


def main() -> None:
    """Profile each set."""
    arguments = parser(__doc__).parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    CollisionClusterer(3, max_iter=2).fit(np.random.default_rng(0).normal(size=(99, 4)).astype("f"))
    rate = gemm_rate()
    columns, limits = [], []
    for name in arguments.sets:
        X, y = load(arguments.data, name)
        seconds, total, clusterer = measure(X, len(np.unique(y)), arguments.seeds)
        operations = products(clusterer, X)
        rest = total - sum(value for stage, value in seconds.items() if stage != PART)
        columns.append({**seconds, "everything else": rest, "the whole fit": total})
        limits.append({stage: value / rate for stage, value in operations.items()})
        limits[-1]["the whole fit"] = sum(limits[-1].values())
        print(name, columns[-1], limits[-1], flush=True)
    rows = [
        [
            stage,
            *(
                f"{column[stage]:.2f}" + (f" ({limit[stage]:.2f})" if stage in limit else "")
                for column, limit in zip(columns, limits, strict=True)
            ),
        ]
        for stage in columns[0]
    ]
    note = (
        f"\nMedian seconds over {arguments.seeds} seeds; in brackets, what the stage's matrix "
        f"products alone take at {rate / 1e9:.0f} GFLOP/s, the rate of a product of square "
        f"matrices of side {SIDE} in float32; {machine()}.\n"
    )
    write("profile_fit", markdown(["stage", *arguments.sets], rows) + note)


if __name__ == "__main__":
    main()
