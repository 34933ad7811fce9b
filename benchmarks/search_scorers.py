"""Which label-free scorer finds good λ and fairness weight: every scorer against held-out accuracy.

Run as ``python benchmarks/search_scorers.py --data FOLDER``; writes results/search_scorers.csv, a
row a fit, and .md. A row that the CSV has is not measured again, so that a benchmark that was
stopped goes on where it was; ``--report`` writes the table of what there is. Delete the CSV to
begin anew. Seeds come last in the order, so an early stop leaves all candidates of most seeds.
"""

from __future__ import annotations

import warnings
from itertools import product

import joblib
import numpy as np
import pandas as pd
from _common import RESULTS, append_row, load, machine, markdown, parser, read_rows, write
from sklearn.exceptions import ConvergenceWarning

from skcollision import CollisionClusterer
from skcollision.metrics import get_scorer

N_ROWS = 1500
SHORT_FIT = {"n_init": 2, "max_iter": 50}
LAMBDAS = (1.0, 10.0, 100.0)
FAIRNESS_WEIGHTS = (0.0, 1.0, 10.0)
LABELS = "clustering_accuracy"
SCORERS = (
    "neighbor_info",
    "stability",
    "information",
    "resample_agreement",
    "held_out_mutual_info",
    "neg_held_out_objective",
)
CANDIDATE = ["lam", "fairness_weight"]
FIELDS = ["data", "seed", *CANDIDATE, LABELS, *SCORERS]
CSV = RESULTS / "search_scorers.csv"
TARGET = 90
NOTE = """
{n_rows} rows a set, drawn anew for each of {n_seeds} seeds and cut in halves: a clusterer is fitted
to one, scored and measured on the other. Candidates: lam {lambdas} × fairness_weight {weights}, in
short fits ({short_fit}), all else at its default; the default is one of them.

Points of ACC gained over the default by the candidate with the highest score, mean over sets and
seeds, and in brackets their share of what a choice by labels gains; the target is {target} %. "One
split": chosen by, and judged on, each split alone. "All splits": chosen by, and judged by, the mean
over splits, as by a search over so many folds. "Judged elsewhere": the choice of one split judged
by the mean of the other splits, where it can have had no luck; the choice by labels is too. The
row "at random" is the mean of all candidates. neg_held_out_objective has the default's λ and w in
it, which draws it to the default.
"""


class Remembering(CollisionClusterer):
    """Fits the same thing once: several scorers ask for the same clone."""

    known: dict[str, CollisionClusterer] = {}  # noqa: RUF012

    def fit(self, X, y=None, sample_weight=None):
        """Fit, or recall the fit."""
        key = joblib.hash((X, self.get_params()))
        if key not in self.known:
            self.known[key] = CollisionClusterer(**self.get_params()).fit(X)
        self.__dict__.update(self.known[key].__dict__)
        return self


def halves(folder, name, seed):
    """Return the half to fit to, the half held out, its classes, and their number."""
    X, y = load(folder, name)
    rows = np.random.default_rng(seed).permutation(len(X))[:N_ROWS]
    half = N_ROWS // 2
    return X[rows[:half]], X[rows[half:]], y[rows[half:]], len(np.unique(y))


def measure(data, seed, candidate):
    """Fit one candidate and return all its scores on the half held out."""
    fitted, held_out, y, n_clusters = data
    Remembering.known.clear()
    clusterer = Remembering(n_clusters, random_state=seed, **SHORT_FIT, **candidate).fit(fitted)
    return {name: get_scorer(name)(clusterer, held_out, y) for name in (LABELS, *SCORERS)}


def measure_missing(arguments):
    """Append a row to the CSV for each candidate that has none, seed by seed."""
    rows = read_rows(CSV, FIELDS)
    known = {tuple(row) for row in rows[FIELDS[:4]].itertuples(index=False)}
    CSV.parent.mkdir(exist_ok=True)
    rows.to_csv(CSV, index=False)
    for seed, name in product(range(arguments.seeds), arguments.sets):
        data = halves(arguments.data, name, seed)
        for lam, weight in product(LAMBDAS, FAIRNESS_WEIGHTS):
            if (name, seed, lam, weight) in known:
                continue
            scores = measure(data, seed, {"lam": lam, "fairness_weight": weight})
            values = [scores[key] for key in (LABELS, *SCORERS)]
            append_row(CSV, [name, seed, lam, weight, *values])
            print(name, seed, lam, weight, np.round(values, 3), flush=True)


def complete(rows):
    """Keep the seeds of which every candidate on every set was measured, as one table a column.

    Each has a row for a (set, seed) and a column for a candidate.
    """
    n_expected = len(LAMBDAS) * len(FAIRNESS_WEIGHTS) * rows["data"].nunique()
    rows = rows[rows.groupby("seed")["data"].transform("size") == n_expected]
    return rows.pivot_table(index=["data", "seed"], columns=CANDIDATE, values=[LABELS, *SCORERS])


def default():
    """Return the default candidate."""
    parameters = CollisionClusterer().get_params()
    return tuple(parameters[key] for key in CANDIDATE)


def gains(table, name):
    """Return the points gained over the default by the choice of a scorer, in the three ways."""
    accuracy = 100 * table[LABELS]
    gain = accuracy.sub(accuracy[default()], axis=0)
    chosen = table[name].idxmax(axis=1)
    by_set = gain.groupby("data")
    counts = by_set.transform("size")
    elsewhere = by_set.transform("sum").sub(gain).div((counts - 1).clip(lower=1), axis=0)
    choice_of_mean = table[name].groupby("data").mean().idxmax(axis=1)
    return (
        pd.Series({row: gain.at[row, pick] for row, pick in chosen.items()}),
        pd.Series({row: elsewhere.at[row, pick] for row, pick in chosen.items()}),
        pd.Series({row: by_set.mean().at[row, pick] for row, pick in choice_of_mean.items()}),
    )


def correlations(table, name):
    """Return the rank correlation of scores and accuracy, for each set and seed."""
    return table[name].T.corrwith(table[LABELS].T, method="spearman")


def cell(gain, best):
    """Format points gained, and their share of those that labels gain."""
    points = f"{gain.mean():+.1f}"
    return f"{points} ({100 * gain.mean() / best.mean():.0f} %)" if best.mean() > 0 else points


def overview(table):
    """Return the table of gains, the choice by labels first."""
    best = gains(table, LABELS)
    lines = [
        [name, *(cell(*pair) for pair in zip(gains(table, name), best, strict=True))]
        for name in (LABELS, *SCORERS)
    ]
    accuracy = 100 * table[LABELS]
    of_mean = accuracy.mean(axis=1) - accuracy[default()]
    lines.append(["at random", *(cell(of_mean, gain) for gain in best)])
    return markdown(["chosen by", "one split", "judged elsewhere", "all splits"], lines)


def by_set(sets, values, digits):
    """Return a table of means over the seeds; `values` has a series for each scorer."""
    lines = []
    for name, series in values.items():
        means = [series.mean(), *(series[data].mean() for data in sets)]
        lines.append([name, *(f"{mean:+.{digits}f}" for mean in means)])
    return markdown(["scorer", "mean", *sets], lines)


def report(sets):
    """Write the tables of all seeds that are complete."""
    rows = read_rows(CSV, FIELDS)
    table = complete(rows[rows["data"].isin(sets)])
    if table.empty:
        print("No seed is complete.")
        return
    sets = [name for name in sets if name in table.index.get_level_values("data")]
    note = NOTE.format(
        n_rows=N_ROWS,
        n_seeds=table.index.get_level_values("seed").nunique(),
        lambdas=", ".join(f"{value:g}" for value in LAMBDAS),
        weights=", ".join(f"{value:g}" for value in FAIRNESS_WEIGHTS),
        short_fit=", ".join(f"{key}={value}" for key, value in SHORT_FIT.items()),
        target=TARGET,
    )
    text = [
        overview(table) + note,
        "Points gained over the default where one split chooses:\n",
        by_set(sets, {name: gains(table, name)[0] for name in (LABELS, *SCORERS)}, 1),
        "Spearman's rank correlation of score and held-out ACC over the candidates of a split:\n",
        by_set(sets, {name: correlations(table, name) for name in SCORERS}, 2),
        f"{machine()}.\n",
    ]
    write("search_scorers", "\n".join(text))


def main():
    """Measure what is missing, and write the table."""
    options = parser(__doc__)
    options.add_argument("--report", action="store_true", help="measure nothing")
    arguments = options.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    if not arguments.report:
        measure_missing(arguments)
    report(arguments.sets)


if __name__ == "__main__":
    main()
