"""``skcollision predict``: put the rows of a file into the clusters of a fitted model."""

from functools import partial
from pathlib import Path
from typing import Any

import click

from skcollision.cli._arrays import read_matrix
from skcollision.cli._messages import InputError, estimator_messages, reason
from skcollision.cli._options import PATH, ReadOptions, matrix_options, output_options, quiet_option
from skcollision.cli._outputs import check_outputs, write_outputs, write_table


@click.command(short_help="Put the rows of a file into the clusters of a fitted model.")
@click.argument("model_path", metavar="MODEL", type=PATH)
@click.argument("data_path", metavar="X", type=PATH)
@output_options
@matrix_options
@quiet_option
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
    with estimator_messages():
        model = _load_model(model_path)
    X = read_matrix(data_path, ReadOptions(**read_options))
    if X.shape[1] != model.n_features_in_:
        raise InputError(
            f"{data_path}: has {X.shape[1]} columns, but {model_path} was fitted on "
            f"{model.n_features_in_}"
        )
    with estimator_messages():
        writers = {labels_path: partial(write_table, labels_path, model.predict(X))}
        if proba_path:
            writers[proba_path] = partial(write_table, proba_path, model.predict_proba(X))
    write_outputs(writers)
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
