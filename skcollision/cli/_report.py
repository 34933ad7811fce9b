"""``skcollision report``."""

from pathlib import Path
from typing import Any

import click
import numpy as np

from skcollision.cli import _files as files
from skcollision.cli import _interface as ui
from skcollision.cli._interface import InputError, ReadOptions
from skcollision.cli._outputs import check_outputs, write_outputs


@click.command(short_help="Write a page that shows what is in each cluster.")
@ui.path_argument("proba_path", "PROBA")
@ui.path_option("-o", "--output", required=True, help="Write the page, a .html file.")
@ui.path_option("--texts", help="The text of each row, a column of a .csv, say.")
@ui.array_option("--texts-array", "the texts")
@ui.path_option(
    "--images",
    metavar="FOLDER|FILE",
    help="The image of each row: a folder, whose images are sorted by name, or a file of paths.",
)
@ui.array_option("--images-array", "the paths")
@click.option(
    "--points",
    type=click.IntRange(min=1),
    default=5,
    show_default=True,
    help="Most points of a cluster that are shown as typical, and as doubtful.",
)
@ui.csv_options
@ui.quiet_option
def report(
    proba_path: Path,
    output: Path,
    texts: Path | None,
    texts_array: str | None,
    images: Path | None,
    images_array: str | None,
    points: int,
    quiet: bool,
    **csv_format: Any,
) -> None:
    """Write a page with the sizes, certainty, neighbours and points of each cluster.

    PROBA holds N x K probabilities, as 'skcollision fit --proba' writes them. With --texts clusters
    have terms, too; with neither texts nor images the page has the numbers of the rows. The page
    needs no network and no other file.
    """
    if output.suffix.lower() not in (".html", ".htm"):
        raise InputError(f"{output}: the name must end in .html")
    inputs = [path for path in (proba_path, texts, images) if path]
    check_outputs([], other=output, inputs=inputs)
    proba = files.read_matrix(proba_path, ReadOptions(**csv_format))
    items: dict[str, Any] = {}
    if texts:
        found = files.read_labels(texts, ReadOptions(texts_array, **csv_format))
        items["texts"] = found.astype(str).tolist()
    if images:
        items["images"] = _image_paths(images, ReadOptions(images_array, **csv_format))

    from skcollision.plotting import ClusterReport

    with ui.estimator_messages():
        page = ClusterReport.from_predictions(proba, n_points=points, **items)._page(is_file=True)
    write_outputs({output: lambda file: file.write(page.encode())})
    if not quiet:
        shown = f"{len(proba)} points in {proba.shape[1]} clusters"
        click.echo(f"{shown}: wrote {output}", err=True)


def _image_paths(path: Path, options: ReadOptions) -> list[str]:
    """Return the images of a folder, or the paths in a file."""
    if not path.is_dir():
        return np.asarray(files.read_labels(path, options)).astype(str).tolist()

    from skcollision.features import image_paths

    with ui.estimator_messages():
        return [str(each) for each in image_paths(path)]
