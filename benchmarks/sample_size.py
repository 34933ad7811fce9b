"""How many points training must see: accuracy over `max_samples`.

Run as ``python benchmarks/sample_size.py --data FOLDER``, or for some cells only, as in ``--cells
digits 1e5x200``; writes results/sample_size.csv, where rows that are there are not measured again,
and results/sample_size.md.
"""

from __future__ import annotations

from _cells import parse, run_all, tables
from _common import machine, write
from _methods import SAMPLED

SIZES = [f"1e{n}x{k}" for n in (4, 5, 6) for k in (2, 20, 200, 2000)]
FIGURES = {
    "nmi": ("NMI", 3),
    "acc": ("ACC", 3),
    "n_found": ("Clusters used", 0),
    "seconds": ("Seconds", 1),
}


def main() -> None:
    """Measure the cells, and write the tables of all that were ever measured."""
    arguments = parse(__doc__, SIZES)
    rows = run_all("sample_size", SAMPLED, arguments)
    note = (
        f"\nMeans over up to {arguments.seeds} seeds. None: training sees all points. Sizes like "
        "1e5x200 are of make_embeddings with 384 features. Left out: the fit failed, or took over "
        f"{arguments.limit:g} s, on data no larger. Threads: {arguments.threads}; {machine()}.\n"
    )
    write("sample_size", tables(rows, list(SAMPLED), FIGURES) + note)


if __name__ == "__main__":
    main()
