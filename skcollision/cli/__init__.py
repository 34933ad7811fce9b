"""The command line: ``skcollision fit``, ``predict``, ``report``, ``score`` and ``demo``.

Modules here import torch, scikit-learn and the estimators inside the commands only, so that
``skcollision --help`` answers at once.
"""

import click

from skcollision.cli._commands import fit, predict, score
from skcollision.cli._demo import demo
from skcollision.cli._report import report

__all__ = ["main"]


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="skcollision", prog_name="skcollision")
def main() -> None:
    """Cluster embeddings with the collision cross-entropy.

    Files may be .npy, .npz, .csv or .parquet; the suffix of a name tells which. An error is one
    line on stderr and exit code 2, and no output file is touched then.
    """


for command in (fit, predict, report, score, demo):
    main.add_command(command)
