"""``skcollision demo``: CollisionClusterer and KMeans on the digits that scikit-learn ships."""

import importlib.util
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

from skcollision.cli._messages import InputError, reason
from skcollision.cli._options import PATH

_N_CLUSTERS = 10
_PICTURE = "digits.png"


@dataclass(frozen=True)
class Run:
    """One fit: the estimator, how long it took, and ACC, NMI, ARI."""

    model: Any
    seconds: float
    figures: dict[str, float]


@click.command(short_help="Compare with KMeans on handwritten digits: a table and a picture.")
@click.option(
    "-o",
    "--output",
    type=PATH,
    default="demo_output",
    show_default=True,
    metavar="DIR",
    help="Folder for the picture; it is made if there is none.",
)
@click.option(
    "--seeds",
    type=click.IntRange(min=1),
    default=6,
    show_default=True,
    help="How often each method is fitted, with random_state 0, 1, 2, ...",
)
def demo(output: Path, seeds: int) -> None:
    """Cluster the 1797 handwritten digits of scikit-learn with CollisionClusterer and KMeans.

    Prints accuracy, NMI, ARI and seconds of both, and draws the clusters. Needs matplotlib.
    """
    if importlib.util.find_spec("matplotlib") is None:
        raise InputError("the demo draws with matplotlib: pip install 'skcollision[plot]'")
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{output}: cannot be made: {reason(error)}") from error

    from sklearn.datasets import load_digits

    from skcollision.cli._demo_figure import draw_clusters

    X, y = load_digits(return_X_y=True)
    X = X.astype(np.float32)
    methods = _methods()
    click.echo(f"{len(X)} handwritten digits of 8 x 8 pixels, {_N_CLUSTERS} clusters")
    click.echo("compiling and warming up both methods (not timed) ...")
    for make in methods.values():
        make(0).set_params(max_iter=2).fit(X)
    runs: dict[str, list[Run]] = {name: [] for name in methods}
    # Seed by seed, so that a disturbance of the machine hits both methods alike.
    for seed in range(seeds):
        for name, make in methods.items():
            runs[name].append(_run(make(seed), X, y))
    click.echo(f"\n{_table(runs)}\n")

    picture = output / _PICTURE
    draw_clusters(picture, X, y, {name: each[0].model for name, each in runs.items()})
    click.echo(f"wrote {picture} (random_state=0)")


def _methods() -> dict[str, Callable[[int], Any]]:
    """Return both methods by name, each as a function from a seed to an estimator."""
    from sklearn.cluster import KMeans

    from skcollision import CollisionClusterer

    return {
        "CollisionClusterer": lambda seed: CollisionClusterer(_N_CLUSTERS, random_state=seed),
        "KMeans(n_init=10)": lambda seed: KMeans(_N_CLUSTERS, n_init=10, random_state=seed),
    }


def _run(model: Any, X: NDArray[np.float32], y: NDArray[np.int64]) -> Run:
    from skcollision.cli._figures_of_merit import figures_of_merit

    start = time.perf_counter()
    model.fit(X)
    seconds = time.perf_counter() - start
    return Run(model, seconds, figures_of_merit(y, model.labels_))


def _table(runs: dict[str, list[Run]]) -> str:
    """Format mean ± std over the runs of each method, one method a line."""
    n_runs = len(next(iter(runs.values())))
    over = f"mean ± std of {n_runs} seeds" if n_runs > 1 else "1 seed"
    lines = [f"{over:<24}" + "".join(f"{name:<15}" for name in ("ACC", "NMI", "ARI", "seconds"))]
    for name, each in runs.items():
        columns = [[run.figures[figure] for run in each] for figure in ("ACC", "NMI", "ARI")]
        columns.append([run.seconds for run in each])
        lines.append(f"{name:<24}" + "".join(f"{_mean_std(values):<15}" for values in columns))
    return "\n".join(line.rstrip() for line in lines)


def _mean_std(values: list[float]) -> str:
    if len(values) == 1:
        return f"{values[0]:.3f}"
    return f"{np.mean(values):.3f} ± {np.std(values, ddof=1):.3f}"
