"""``skcollision score``: compare labels with the true ones."""

from pathlib import Path
from typing import Any

import click
from numpy.typing import NDArray

from skcollision.cli._arrays import read_labels
from skcollision.cli._messages import InputError, estimator_messages
from skcollision.cli._options import PATH, ReadOptions, array_option, csv_options


@click.command(short_help="Compare labels with the true ones: ACC, NMI, ARI.")
@click.argument("labels_path", metavar="LABELS", type=PATH)
@click.argument("truth_path", metavar="TRUTH", type=PATH)
@array_option("--array", "LABELS")
@array_option("--truth-array", "TRUTH")
@csv_options
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
    labels = read_labels(labels_path, ReadOptions(array, **csv_format))
    truth = read_labels(truth_path, ReadOptions(truth_array, **csv_format))
    if len(labels) != len(truth):
        hint = "; see --header" if ".csv" in (labels_path.suffix, truth_path.suffix) else ""
        raise InputError(
            f"{labels_path} has {len(labels)} labels and {truth_path} has {len(truth)}{hint}"
        )
    with estimator_messages():
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
