"""``skcollision fit``: cluster the rows of a file."""

import time
from functools import partial
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

from skcollision.cli._arrays import SUFFIXES, read_matrix, read_numbers
from skcollision.cli._messages import InputError, estimator_messages
from skcollision.cli._options import PATH, ReadOptions, matrix_options, output_options, quiet_option
from skcollision.cli._outputs import check_outputs, write_outputs, write_table


@click.command(short_help="Cluster the rows of a file.")
@click.argument("data_path", metavar="X", type=PATH)
@click.option("-k", "--n-clusters", type=int, required=True, help="Number of clusters K.")
@output_options
@click.option(
    "--model",
    "model_path",
    type=PATH,
    metavar="FILE",
    help="Write the fitted model with joblib, for 'skcollision predict'.",
)
@matrix_options
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
@quiet_option
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
    check_outputs([labels_path, proba_path], model=model_path, inputs=[data_path])
    X = read_matrix(data_path, ReadOptions(array, columns, drop, delimiter, header))
    if n_clusters > len(X):
        raise InputError(f"{data_path}: has {len(X)} rows, too few for {n_clusters} clusters (-k)")
    settings = {name: value for name, value in settings.items() if value is not None}
    if prior is not None:
        settings["prior"] = _read_prior(prior, delimiter)

    import joblib

    from skcollision import CollisionClusterer

    start = time.perf_counter()
    with estimator_messages():
        model = CollisionClusterer(n_clusters, random_state=seed, **settings).fit(X)
        seconds = time.perf_counter() - start
        writers = {labels_path: partial(write_table, labels_path, model.labels_)}
        if proba_path:
            writers[proba_path] = partial(write_table, proba_path, model.predict_proba(X))
        if model_path:
            writers[model_path] = partial(joblib.dump, model)
    write_outputs(writers)
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
        return read_numbers(Path(text), ReadOptions(delimiter=delimiter)).ravel()
    try:
        return np.array([float(part) for part in text.split(",")])
    except ValueError as error:
        raise InputError(
            f"--prior: must be a file ({', '.join(SUFFIXES)}) or numbers with commas between; "
            f"got '{text}'"
        ) from error
