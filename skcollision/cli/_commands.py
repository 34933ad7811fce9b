"""``skcollision fit``, ``predict`` and ``score``."""

import time
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

from skcollision.cli import _files as files
from skcollision.cli import _interface as ui
from skcollision.cli import _parts as parts
from skcollision.cli._interface import InputError, ReadOptions, reason
from skcollision.cli._outputs import check_outputs, write_outputs


@click.command(short_help="Cluster the rows of a file.")
@ui.path_argument("data_path", "X")
@click.option("-k", "--n-clusters", type=int, required=True, help="Number of clusters K.")
@ui.output_options
@ui.path_option(
    "--model", "model_path", help="Write the fitted model with joblib, for 'skcollision predict'."
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
    prior: str | None,
    seed: int,
    scheduler: str | None,
    quiet: bool,
    **options: Any,
) -> None:
    """Cluster the rows of X into K clusters and write the label of each.

    X is a matrix of finite numbers, one row a point: a .npy (memory-mapped, so that it may be
    large), a .npz, a .csv, or a .parquet whose columns are numbers or vectors of numbers. Outputs
    are .npy, .npz, .csv or .parquet by their names and replace files that exist. Options left out
    have the defaults of skcollision.CollisionClusterer.

    With --dask, X is a pattern of .parquet files, in quotes, that workers read, and outputs are
    folders, with a .parquet for each.
    """
    tables, inputs = (labels_path, proba_path), [data_path]
    if scheduler:
        paths = parts.find(str(data_path))
        inputs = [*paths, *(path.parent for path in paths)]
    check_outputs(tables, other=model_path, inputs=inputs, folders=bool(scheduler))
    read_options = ReadOptions.taken(options)
    settings = {name: value for name, value in options.items() if value is not None}
    if prior is not None:
        settings["prior"] = _read_prior(prior, read_options.delimiter)

    with ui.estimator_messages():
        found = parts.Parts.of(paths, read_options) if scheduler else None
        X = found.array if found else files.read_matrix(data_path, read_options)
        names = files.feature_names(found.paths[0] if found else data_path, read_options)
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
        results = {labels_path: model.labels_}
        if proba_path:
            results[proba_path] = model.predict_proba(X)
        if found:
            sizes = found.write(results, n_clusters)
        else:
            sizes = np.bincount(model.labels_, minlength=n_clusters)
    outputs: dict[Path, Any] = {} if found else results
    write_outputs(outputs | ({model_path: partial(joblib.dump, model)} if model_path else {}))
    if not quiet:
        clusters = f"{n_clusters} clusters of {sizes.min()} to {sizes.max()} points"
        _summarise(
            f"{clusters} in {seconds:.1f} s, objective {model.objective_:.4f}",
            X,
            [labels_path, proba_path, model_path],
        )


def _summarise(what: str, X: Any, outputs: list[Path | None]) -> None:
    paths = ", ".join(str(path) for path in outputs if path)
    click.echo(f"{len(X)} x {X.shape[1]} into {what}: wrote {paths}", err=True)


def _read_prior(text: str, delimiter: str) -> NDArray[Any]:
    """Read the target shares from a file, or from the option itself."""
    if text.lower().endswith(files.SUFFIXES):
        # Names of columns and arrays that were given for X say nothing of this file.
        return files.read_numbers(Path(text), ReadOptions(delimiter=delimiter)).ravel()
    try:
        return np.array([float(part) for part in text.split(",")])
    except ValueError as error:
        raise InputError(
            f"--prior: must be a file ({', '.join(files.SUFFIXES)}) or numbers with commas "
            f"between; got '{text}'"
        ) from error


@click.command(short_help="Put the rows of a file into the clusters of a fitted model.")
@ui.path_argument("model_path", "MODEL")
@ui.path_argument("data_path", "X")
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
    check_outputs([labels_path, proba_path], inputs=[model_path, data_path])
    with ui.estimator_messages():
        model = _load_model(model_path)
    X = files.read_matrix(data_path, ReadOptions(**read_options))
    if X.shape[1] != model.n_features_in_:
        raise InputError(
            f"{data_path}: has {X.shape[1]} columns, but {model_path} was fitted on "
            f"{model.n_features_in_}"
        )
    with ui.estimator_messages():
        outputs = {labels_path: model.predict(X)}
        if proba_path:
            outputs[proba_path] = model.predict_proba(X)
    write_outputs(outputs)
    if not quiet:
        _summarise(f"{model.n_clusters} clusters", X, [labels_path, proba_path])


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
@ui.path_argument("labels_path", "LABELS")
@ui.path_argument("truth_path", "TRUTH")
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
