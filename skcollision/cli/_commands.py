"""``skcollision fit``, ``predict`` and ``score``."""

import time
from functools import partial
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

from skcollision.cli import _files as files
from skcollision.cli import _interface as ui
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
    quiet: bool,
    **settings: Any,
) -> None:
    """Cluster the rows of X into K clusters and write the label of each.

    X is a matrix of finite numbers, one row a point: a .npy (memory-mapped, so that it may be
    large), a .npz, a .csv, or a .parquet whose columns are numbers or vectors of numbers. Outputs
    are .npy, .npz, .csv or .parquet by their names and replace files that exist. Options left out
    have the defaults of skcollision.CollisionClusterer.
    """
    files.check_outputs([labels_path, proba_path], model=model_path, inputs=[data_path])
    X = files.read_matrix(data_path, ReadOptions(array, columns, drop, delimiter, header))
    if n_clusters > len(X):
        raise InputError(f"{data_path}: has {len(X)} rows, too few for {n_clusters} clusters (-k)")
    settings = {name: value for name, value in settings.items() if value is not None}
    if prior is not None:
        settings["prior"] = _read_prior(prior, delimiter)

    import joblib

    from skcollision import CollisionClusterer

    start = time.perf_counter()
    with ui.estimator_messages():
        model = CollisionClusterer(n_clusters, random_state=seed, **settings).fit(X)
        seconds = time.perf_counter() - start
        writers = {labels_path: partial(write_table, labels_path, model.labels_)}
        if proba_path:
            writers[proba_path] = partial(write_table, proba_path, model.predict_proba(X))
        if model_path:
            writers[model_path] = partial(joblib.dump, model)
    files.write_outputs(writers)
    if not quiet:
        sizes = np.bincount(model.labels_, minlength=n_clusters)
        click.echo(
            f"{len(X)} x {X.shape[1]} into {n_clusters} clusters of {sizes.min()} to {sizes.max()} "
            f"points in {seconds:.1f} s, objective {model.objective_:.4f}: "
            f"wrote {', '.join(map(str, writers))}",
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
