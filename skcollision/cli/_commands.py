"""``skcollision fit``, ``predict``, ``score`` and ``demo``."""

import importlib.util
import time
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

from skcollision.cli import _files as files
from skcollision.cli import _interface as ui
from skcollision.cli import _parts as parts
from skcollision.cli._files import SUFFIXES, write_table
from skcollision.cli._interface import PATH, InputError, ReadOptions, reason


@click.command(short_help="Cluster the rows of a file.")
@click.argument("data_path", metavar="X", type=PATH)
@click.option("-k", "--n-clusters", type=int, required=True, help="Number of clusters K.")
@ui.output_options
@click.option(
    "--model",
    "model_path",
    type=PATH,
    metavar="FILE",
    help="Write the fitted model with joblib, for 'skcollision predict'.",
)
@ui.matrix_options
@click.option("--lam", type=float, help="Weight of the prior in the pseudo-labels (lambda).")
@click.option("--fairness-weight", type=float, help="Weight of the entropy of the mean prediction.")
@click.option(
    "--prior",
    metavar="FILE|NUMBERS",
    help="Target share of each cluster: a file of K numbers, or K numbers with commas between.",
)
@click.option("--n-init", type=int, help="Number of restarts; the best is kept.")
@click.option("--max-iter", type=int, help="Largest number of epochs.")
@click.option("--device", help="Where to compute: auto, cpu, cuda or cuda:0.")
@click.option(
    "--seed", type=int, default=0, show_default=True, help="The same seed gives the same labels."
)
@click.option(
    "--dask",
    "scheduler",
    is_flag=False,
    flag_value=parts.LOCAL,
    metavar="[ADDRESS]",
    help="Read and write .parquet files on the workers of a scheduler, as of tcp://host:8786, or "
    "without ADDRESS of this machine; say it last then.",
)
@ui.quiet_option
def fit(
    data_path: Path,
    n_clusters: int,
    labels_path: Path,
    proba_path: Path | None,
    model_path: Path | None,
    array: str | None,
    columns: tuple[str, ...],
    drop: tuple[str, ...],
    delimiter: str,
    header: bool | None,
    prior: str | None,
    seed: int,
    scheduler: str | None,
    quiet: bool,
    **settings: Any,
) -> None:
    """Cluster the rows of X into K clusters and write the label of each.

    X is a matrix of finite numbers, one row a point: a .npy (memory-mapped, so that it may be
    large), a .npz, a .csv, or a .parquet whose columns are numbers or vectors of numbers. Outputs
    are .npy, .npz, .csv or .parquet by their names and replace files that exist. Options left out
    have the defaults of skcollision.CollisionClusterer.

    With --dask, X is a pattern of .parquet files, in quotes, that workers read, and outputs are
    folders, with a .parquet for each.
    """
    tables = [path for path in (labels_path, proba_path) if path]
    if scheduler:
        parts.check_folders(str(data_path), tables)
    files.check_outputs([] if scheduler else tables, other=model_path, inputs=[data_path])
    options = ReadOptions(array, columns, drop, delimiter, header)
    settings = {name: value for name, value in settings.items() if value is not None}
    if prior is not None:
        settings["prior"] = _read_prior(prior, delimiter)

    with ui.estimator_messages():
        found = parts.Parts.of(str(data_path), options) if scheduler else None
        X = found.array if found else files.read_matrix(data_path, options)
        names = files.feature_names(found.paths[0] if found else data_path, options)
    # A vector in one column is many features without names.
    names = names if len(names) == X.shape[1] else []
    if n_clusters > len(X):
        raise InputError(f"{data_path}: has {len(X)} rows, too few for {n_clusters} clusters (-k)")

    import joblib

    from skcollision import CollisionClusterer

    workers = parts.workers(scheduler) if scheduler else nullcontext()
    with workers, ui.estimator_messages(names):
        start = time.perf_counter()
        model = CollisionClusterer(n_clusters, random_state=seed, **settings).fit(X)
        seconds = time.perf_counter() - start
        outputs = {labels_path: model.labels_}
        if proba_path:
            outputs[proba_path] = model.predict_proba(X)
        if found:
            sizes = found.write(outputs, n_clusters)
        else:
            sizes = np.bincount(model.labels_, minlength=n_clusters)
    writers: dict[Path, Any] = {}
    if not scheduler:
        writers = {path: partial(write_table, path, table) for path, table in outputs.items()}
    if model_path:
        writers[model_path] = partial(joblib.dump, model)
    files.write_outputs(writers)
    if not quiet:
        click.echo(
            f"{len(X)} x {X.shape[1]} into {n_clusters} clusters of {sizes.min()} to {sizes.max()} "
            f"points in {seconds:.1f} s, objective {model.objective_:.4f}: "
            f"wrote {', '.join(map(str, outputs | writers))}",
            err=True,
        )


def _read_prior(text: str, delimiter: str) -> NDArray[Any]:
    """Read the target shares from a file, or from the option itself."""
    if text.lower().endswith(SUFFIXES):
        # Names of columns and arrays that were given for X say nothing of this file.
        return files.read_numbers(Path(text), ReadOptions(delimiter=delimiter)).ravel()
    try:
        return np.array([float(part) for part in text.split(",")])
    except ValueError as error:
        raise InputError(
            f"--prior: must be a file ({', '.join(SUFFIXES)}) or numbers with commas between; "
            f"got '{text}'"
        ) from error


@click.command(short_help="Put the rows of a file into the clusters of a fitted model.")
@click.argument("model_path", metavar="MODEL", type=PATH)
@click.argument("data_path", metavar="X", type=PATH)
@ui.output_options
@ui.matrix_options
@ui.quiet_option
def predict(
    model_path: Path,
    data_path: Path,
    labels_path: Path,
    proba_path: Path | None,
    quiet: bool,
    **read_options: Any,
) -> None:
    """Write the cluster of each row of X under MODEL, a file that 'skcollision fit --model' wrote.

    X is read and the outputs are written as by 'skcollision fit'.

    Loading a model runs code that is stored in the file: use only models that you trust.
    """
    files.check_outputs([labels_path, proba_path], inputs=[model_path, data_path])
    with ui.estimator_messages():
        model = _load_model(model_path)
    X = files.read_matrix(data_path, ReadOptions(**read_options))
    if X.shape[1] != model.n_features_in_:
        raise InputError(
            f"{data_path}: has {X.shape[1]} columns, but {model_path} was fitted on "
            f"{model.n_features_in_}"
        )
    with ui.estimator_messages():
        writers = {labels_path: partial(write_table, labels_path, model.predict(X))}
        if proba_path:
            writers[proba_path] = partial(write_table, proba_path, model.predict_proba(X))
    files.write_outputs(writers)
    if not quiet:
        click.echo(
            f"{len(X)} x {X.shape[1]} into {model.n_clusters} clusters: "
            f"wrote {', '.join(map(str, writers))}",
            err=True,
        )


def _load_model(path: Path) -> Any:
    """Load a fitted CollisionClusterer."""
    import joblib

    from skcollision import CollisionClusterer

    try:
        with path.open("rb") as file:
            model = joblib.load(file)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {reason(error)}") from error
    except Exception as error:  # whatever unpickling bytes of another kind may raise
        raise InputError(f"{path}: is not a model that 'skcollision fit --model' wrote") from error
    if not isinstance(model, CollisionClusterer) or not hasattr(model, "n_features_in_"):
        raise InputError(f"{path}: holds a {type(model).__name__}, not a fitted CollisionClusterer")
    return model


@click.command(short_help="Compare labels with the true ones: ACC, NMI, ARI.")
@click.argument("labels_path", metavar="LABELS", type=PATH)
@click.argument("truth_path", metavar="TRUTH", type=PATH)
@ui.array_option("--array", "LABELS")
@ui.array_option("--truth-array", "TRUTH")
@ui.csv_options
def score(
    labels_path: Path,
    truth_path: Path,
    array: str | None,
    truth_array: str | None,
    **csv_format: Any,
) -> None:
    """Print how well LABELS agree with TRUTH, whatever the clusters are called.

    Both files hold one label per point, in the same order: integers or text, as .npy, .npz, .csv or
    .parquet.

    \b
    ACC  share of points that are right under the best matching of clusters to classes
    NMI  normalised mutual information, from 0 to 1
    ARI  adjusted Rand index, 1 at most and 0 by chance
    """  # noqa: D301 -- click wants the character
    labels = files.read_labels(labels_path, ReadOptions(array, **csv_format))
    truth = files.read_labels(truth_path, ReadOptions(truth_array, **csv_format))
    if len(labels) != len(truth):
        hint = "; see --header" if ".csv" in (labels_path.suffix, truth_path.suffix) else ""
        raise InputError(
            f"{labels_path} has {len(labels)} labels and {truth_path} has {len(truth)}{hint}"
        )
    with ui.estimator_messages():
        figures = figures_of_merit(truth, labels)
    for name, value in figures.items():
        click.echo(f"{name} {value:.4f}")


def figures_of_merit(y_true: NDArray[Any], y_pred: NDArray[Any]) -> dict[str, float]:
    """ACC, NMI and ARI of a clustering, as fractions."""
    from skcollision import metrics

    return {
        "ACC": metrics.clustering_accuracy_score(y_true, y_pred),
        "NMI": float(metrics.normalized_mutual_info_score(y_true, y_pred)),
        "ARI": float(metrics.adjusted_rand_score(y_true, y_pred)),
    }


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
