"""Where the time of a default fit goes.

Run as ``python benchmarks/profile_fit.py --data FOLDER`` on an idle machine; writes
results/profile_fit.md.
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
from _common import load, machine, markdown, parser, write
from sklearn.exceptions import ConvergenceWarning

from skcollision import CollisionClusterer
from skcollision.cluster import _base
from skcollision.criteria import CollisionCriterion
from skcollision.engine import Trainer, _sample
from skcollision.graph import NeighbourGraph

# Each stage is the time in these functions, none of which calls another but for the last: solving
# for pseudo-labels is a part of the training steps.
STAGES: dict[str, tuple[Any, str]] = {
    "normalisation": (_base, "fit_normalisation"),
    "principal subspace": (_sample, "principal_subspace"),
    "nearest neighbours": (NeighbourGraph, "__init__"),
    "walks": (NeighbourGraph, "smoothed"),
    "K-means of each restart": (_base, "heads_of_k_means"),
    "training steps": (Trainer, "run"),
    "proposed clusters": (_base, "propose"),
    "labels on the graph": (_base, "best_on_graph"),
    "distillation": (Trainer, "distil"),
    "labels and centres": (CollisionClusterer, "_describe"),
    "pseudo-labels (part of the steps)": (CollisionCriterion, "solve"),
}
PART = "pseudo-labels (part of the steps)"


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


def measure(X: np.ndarray, n_clusters: int, n_seeds: int) -> dict[str, float]:
    """Return the median seconds of each stage and of the whole."""
    runs = []
    for seed in range(n_seeds):
        with stopwatches() as seconds:
            start = time.perf_counter()
            CollisionClusterer(n_clusters, random_state=seed).fit(X)
            whole = time.perf_counter() - start
        rest = whole - sum(value for stage, value in seconds.items() if stage != PART)
        runs.append({**seconds, "everything else": rest, "the whole fit": whole})
    stages = (*STAGES, "everything else", "the whole fit")
    return {stage: float(np.median([run.get(stage, 0) for run in runs])) for stage in stages}


def main() -> None:
    """Profile each set."""
    arguments = parser(__doc__).parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    CollisionClusterer(3, max_iter=2).fit(np.random.default_rng(0).normal(size=(99, 4)).astype("f"))
    columns = []
    for name in arguments.sets:
        X, y = load(arguments.data, name)
        columns.append(measure(X, len(np.unique(y)), arguments.seeds))
        print(name, columns[-1], flush=True)
    rows = [[stage, *(f"{column[stage]:.2f}" for column in columns)] for stage in columns[0]]
    note = f"\nMedian seconds over {arguments.seeds} seeds; {machine()}.\n"
    write("profile_fit", markdown(["stage", *arguments.sets], rows) + note)


if __name__ == "__main__":
    main()
