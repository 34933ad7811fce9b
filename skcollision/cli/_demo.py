"""``skcollision demo``."""

import importlib.util
import time
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

from skcollision.cli import _interface as ui
from skcollision.cli._commands import figures_of_merit
from skcollision.cli._interface import InputError, reason


@click.command(short_help="Compare with KMeans on handwritten digits: a table and a picture.")
@ui.path_option(
    "-o",
    "--output",
    metavar="DIR",
    default="demo_output",
    show_default=True,
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

    from sklearn.base import clone
    from sklearn.cluster import KMeans
    from sklearn.datasets import load_digits

    from skcollision import CollisionClusterer

    X, y = load_digits(return_X_y=True)
    X = X.astype(np.float32)
    methods = {
        "CollisionClusterer": CollisionClusterer(10),
        "KMeans(n_init=10)": KMeans(10, n_init=10),
    }
    click.echo(f"{len(X)} handwritten digits of 8 x 8 pixels, 10 clusters")
    click.echo("compiling and warming up both methods (not timed) ...")
    for method in methods.values():
        clone(method).set_params(max_iter=2).fit(X)
    runs: dict[str, list[dict[str, float]]] = {name: [] for name in methods}
    drawn: dict[str, Any] = {}
    # Seed by seed, so that a disturbance of the machine hits both methods alike.
    for seed in range(seeds):
        for name, method in methods.items():
            model = clone(method).set_params(random_state=seed)
            start = time.perf_counter()
            model.fit(X)
            seconds = time.perf_counter() - start
            runs[name].append(figures_of_merit(y, model.labels_) | {"seconds": seconds})
            drawn.setdefault(name, model)
    click.echo(f"\n{format_table(runs)}\n")

    picture = output / "digits.png"
    _draw(picture, X, y, drawn)
    click.echo(f"wrote {picture} (random_state=0)")


def format_table(runs: dict[str, list[dict[str, float]]]) -> str:
    """Format mean ± std over the runs of each method, one method a line."""
    first = next(iter(runs.values()))
    over = f"mean ± std of {len(first)} seeds" if len(first) > 1 else "1 seed"
    lines = [f"{over:<24}" + "".join(f"{figure:<15}" for figure in first[0])]
    for name, results in runs.items():
        line = f"{name:<24}"
        for figure in first[0]:
            values = [result[figure] for result in results]
            spread = f" ± {stdev(values):.3f}" if len(values) > 1 else ""
            line += f"{f'{mean(values):.3f}{spread}':<15}"
        lines.append(line)
    return "\n".join(line.rstrip() for line in lines)


def _draw(path: Path, X: NDArray[np.float32], y: NDArray[np.int64], models: dict[str, Any]) -> None:
    """Draw a map of each model's clusters, and digits of the first model's by certainty."""
    from matplotlib.figure import Figure
    from matplotlib.patches import Rectangle

    from skcollision.metrics import accuracy_at_coverage, match_labels
    from skcollision.plotting import ComparisonDisplay, ImageGalleryDisplay

    figure = Figure(figsize=(13.5, 7.2), layout="constrained")
    grid = figure.add_gridspec(len(models), 2, width_ratios=[1.0, 1.6])
    maps = [figure.add_subplot(grid[row, 0]) for row in range(len(models))]
    ComparisonDisplay.from_estimators(models, X, y, ax=maps)

    name, model = next(iter(models.items()))
    probs = model.predict_proba(X)
    matching = match_labels(y, model.labels_)
    by_digit = probs[:, matching.clusters[np.argsort(matching.classes)]]
    images = list(16 - X.reshape(-1, 8, 8))
    axes = figure.add_subplot(grid[:, 1])
    gallery = ImageGalleryDisplay.from_predictions(images, by_digit, ax=axes)
    for index, (top, left, side) in gallery.tiles_.items():
        if y[index] != by_digit[index].argmax():
            frame = Rectangle((left - 0.5, top - 0.5), side, side, fill=False, edgecolor="#d62728")
            axes.add_patch(frame)
    half, whole = (accuracy_at_coverage(y, probs, coverage=share) for share in (0.5, 1.0))
    figure.suptitle(
        f"{name}: {half:.1%} right in the more certain half, {2 * whole - half:.1%} in the other "
        "half (red frame: another digit)"
    )
    figure.savefig(path, dpi=120)
