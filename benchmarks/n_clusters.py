"""Which criterion finds the number of classes: NClustersSearch's, and what people use with KMeans.

Every criterion has one rule for all sets; the classes are used for the comparison only. Run as
``python benchmarks/n_clusters.py --data FOLDER``; writes results/n_clusters.md and a picture of the
curves.
"""

from __future__ import annotations

import time
import warnings

import numpy as np
import torch
from _common import RESULTS, load, machine, markdown, parser, write
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits, load_iris, load_wine, make_blobs
from sklearn.decomposition import PCA
from sklearn.metrics import calinski_harabasz_score, silhouette_score
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import GridSearchCV, ShuffleSplit
from sklearn.preprocessing import normalize, scale

from skcollision import CollisionClusterer
from skcollision.datasets import make_embeddings
from skcollision.metrics import AgreementScorer
from skcollision.model_selection import NClustersSearch

N_ROWS = 1500
N_SYNTHETIC = 800
SYNTHETIC = [(k, spread) for k in (3, 8, 15, 30) for spread in (1.0, 2.0)]
# What the others try: steps of about a quarter, as each number costs them fits. They stop where
# NClustersSearch does.
GRID = np.array([2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 25, 30, 40, 55, 75, 100])
# Of the other draws: the criterion was chosen with earlier ones in view.
FIRST_DRAW = 11
KMEANS = ("silhouette", "Calinski-Harabasz")
MIXTURE = "BIC"
WALKS = "separation (NClustersSearch)"
HALVES = "information of two halves (AgreementScorer)"


def data_sets(folder, names, draw=1):
    """Yield names, features and numbers of classes."""
    for name in names:
        X, y = load(folder, name)
        rows = np.random.default_rng(draw).permutation(len(X))[:N_ROWS]
        yield name, X[rows], len(np.unique(y[rows]))
    if draw == 1:
        X, y = load_digits(return_X_y=True)
        yield "digits", X.astype(np.float32), len(np.unique(y))
    for k, spread in SYNTHETIC:
        X, _ = make_embeddings(N_SYNTHETIC, k, 64, spread=spread, random_state=100 * draw + k)
        yield f"synthetic, {k}, spread {spread}", X, k
    options = {"spread": 1.0, "imbalance": 10, "random_state": 100 * draw + 10}
    X, _ = make_embeddings(N_SYNTHETIC, 10, 64, **options)
    yield "synthetic, 10, imbalance 10", X, 10


def other_sets(folder, names):
    """Yield sets of other shapes: all rows, half of the classes, long tails, few features."""
    rng = np.random.default_rng(0)
    for name in names:
        X, y = load(folder, name)
        classes = rng.permutation(np.unique(y))
        yield f"{name}, {min(len(X), 10000)} rows", X[:10000], len(classes)
        rows = np.isin(y, classes[::2])
        yield f"{name}, half of the classes", X[rows][:N_ROWS], len(classes[::2])
        kept = np.geomspace(1, 1 / 20, len(classes))[np.argsort(classes)]
        rows = rng.random(len(y)) < kept[np.searchsorted(np.sort(classes), y)]
        yield f"{name}, imbalance 20", X[rows][: 2 * N_ROWS], len(np.unique(y[rows][: 2 * N_ROWS]))
    for k in (2, 5, 20):
        X, _ = make_embeddings(N_ROWS, k, 32, imbalance=50, spread=1.0, random_state=k)
        yield f"synthetic, {k}, imbalance 50", X, k
    for n_features in (2, 4, 8):
        for k in (3, 10, 20):
            X, _ = make_blobs(N_SYNTHETIC, n_features, centers=k, random_state=k)
            yield f"blobs, {k}, {n_features} features", X, k
    yield "iris", load_iris().data, 3
    yield "wine, scaled", scale(load_wine().data), 3


def timed(function, *arguments):
    """Return a result, and the seconds that it took."""
    start = time.perf_counter()
    return function(*arguments), time.perf_counter() - start


def walks(X):
    """Fit the search."""
    return NClustersSearch(random_state=0).fit(X)


def halves(X, values):
    """Return the number on which clusterers fitted to halves agree best, weighed by entropy."""
    clusterer = CollisionClusterer(n_init=2, max_iter=30, random_state=0)
    split = ShuffleSplit(1, test_size=0.5, train_size=0.5, random_state=0)
    scorer = AgreementScorer(measure="information")
    grid = {"n_clusters": values.tolist()}
    search = GridSearchCV(clusterer, grid, scoring=scorer, cv=split, refit=False).fit(X)
    return search.best_params_["n_clusters"]


def reduced(X):
    """Return what the criteria of KMeans and GaussianMixture are given."""
    return PCA(min(50, X.shape[1]), random_state=0).fit_transform(normalize(X - X.mean(axis=0)))


def of_kmeans(X, values):
    """Return what the criteria of KMeans choose."""
    X, scores = reduced(X), {name: [] for name in KMEANS}
    for k in values.tolist():
        labels = KMeans(k, n_init=3, random_state=0).fit_predict(X)
        scores["silhouette"].append(silhouette_score(X, labels))
        scores["Calinski-Harabasz"].append(calinski_harabasz_score(X, labels))
    return {name: int(values[np.argmax(found)]) for name, found in scores.items()}


def of_mixtures(X, values):
    """Return what BIC chooses."""
    X, bic = reduced(X), []
    for k in values.tolist():
        mixture = GaussianMixture(k, covariance_type="diag", random_state=0, max_iter=30)
        bic.append(mixture.fit(X).bic(X))
    return int(values[np.argmin(bic)])


def answers(X, n_classes):
    """Return the fitted search, and what each criterion chooses and costs."""
    clusterer = CollisionClusterer(n_classes, random_state=0)
    fit = timed(clusterer.fit, X)[1]
    search, seconds = timed(walks, X)
    values = GRID[: np.searchsorted(GRID, len(X) // 20, side="right")]
    chosen, cost = {WALKS: search.best_n_clusters_}, {WALKS: seconds}
    chosen[HALVES], cost[HALVES] = timed(halves, X, values)
    by_kmeans, seconds = timed(of_kmeans, X, values)
    for name, choice in by_kmeans.items():
        chosen[f"{name}, KMeans"], cost[f"{name}, KMeans"] = choice, seconds
    mixture = f"{MIXTURE}, GaussianMixture(diag)"
    chosen[mixture], cost[mixture] = timed(of_mixtures, X, values)
    return search, chosen, {name: (value, value / fit) for name, value in cost.items()}


def draw(searches):
    """Draw the curve of each set."""
    import matplotlib.pyplot as plt

    from skcollision.plotting import NClustersDisplay

    n_columns = 4
    shape = (-(-len(searches) // n_columns), n_columns)
    figure, axes = plt.subplots(*shape, figsize=(18, 3.4 * shape[0]), layout="constrained")
    for ax in axes.flat[len(searches) :]:
        ax.remove()
    for ax, (name, (search, n_classes)) in zip(axes.flat, searches.items(), strict=False):
        NClustersDisplay.from_estimator(search, ax)
        ax.axvline(n_classes, color="#d62728", linestyle=":", label=f"classes: {n_classes}")
        ax.set_title(name)
        ax.legend()
    figure.savefig(RESULTS / "n_clusters.png", dpi=70)


def summary(chosen, truth):
    """Format the mean and largest factor between them, and how many are within a quarter."""
    octaves = np.abs(np.log2(np.array(chosen) / np.array(truth)))
    near = f"{np.count_nonzero(octaves <= np.log2(1.26))} of {len(octaves)}"
    return [f"{2 ** octaves.mean():.2f}", f"{2 ** octaves.max():.1f}", near]


def table(choices, costs, truth):
    """Format the choices: a criterion a column, a set a line, and figures over all of them."""
    figures = ["off by a factor of", "at worst", "within a quarter", "seconds", "fits"]
    names = [*truth, *(f"**{figure}**" for figure in figures)]
    columns = [["", *names], ["classes", *map(str, truth.values()), *[""] * len(figures)]]
    for criterion in next(iter(choices.values())):
        chosen = [choices[name][criterion] for name in truth]
        seconds, fits = np.median([costs[name][criterion] for name in truth], axis=0)
        cost = [f"{seconds:.1f}", f"{fits:.1f}"]
        rates = summary(chosen, list(truth.values()))
        columns.append([criterion, *map(str, chosen), *rates, *cost])
    header, *rows = map(list, zip(*columns, strict=True))
    return markdown(header, rows)


def table_of_draws(folder, names, n_draws):
    """Format what the search chooses on other draws of the sets, and on others."""
    found = {}
    for number in range(FIRST_DRAW, FIRST_DRAW + n_draws):
        for name, X, n_classes in data_sets(folder, names, number):
            found.setdefault(name, (n_classes, []))[1].append(walks(X).best_n_clusters_)
    count = len(found)
    for name, X, n_classes in other_sets(folder, names):
        found[name] = (n_classes, [walks(X).best_n_clusters_])
        print(name, *found[name], flush=True)
    rows = [[name, str(n), ", ".join(map(str, chosen))] for name, (n, chosen) in found.items()]
    for start, stop, name in ((0, count, "other draws"), (count, None, "other sets")):
        pairs = [(each, n) for n, chosen in list(found.values())[start:stop] for each in chosen]
        factor, worst, near = summary(*map(list, zip(*pairs, strict=True)))
        rows.append([f"**all {name}**", "", f"off by {factor}, at worst {worst}; {near} near"])
    return markdown(["set", "classes", "chosen by NClustersSearch"], rows)


def main():
    """Ask every criterion about every set, and write what each chooses."""
    arguments = parser(__doc__).parse_args()
    warnings.simplefilter("ignore")
    choices, costs, truth, searches = {}, {}, {}, {}
    walks(load_digits().data[:300])  # compiles the kernels
    for name, X, n_classes in data_sets(arguments.data, arguments.sets):
        search, choices[name], costs[name] = answers(X, n_classes)
        truth[name], searches[name] = n_classes, (search, n_classes)
        print(name, n_classes, choices[name], flush=True)
    note = (
        f"\nThe number of clusters that each criterion chooses: {N_ROWS} rows of the feature sets, "
        f"{N_SYNTHETIC} synthetic ones, one draw of each. The last rows: the "
        "geometric mean and the largest of the factors between the choice and the number of "
        "classes, and the sets on which the choice is within a quarter; then the median cost of "
        "all of the search, in seconds and in default fits with the right number. KMeans costs the "
        "same for both of its criteria. NClustersSearch tries all numbers up to a twentieth of the "
        f"points or 100, the others {', '.join(map(str, GRID[:4]))} and on in steps of a quarter. "
        "The halves are those of short fits; KMeans and GaussianMixture are given rows of length 1 "
        "after centring, in 50 principal components. "
        f"Threads: {torch.get_num_threads()}; {machine()}.\n"
    )
    more = table_of_draws(arguments.data, arguments.sets, arguments.seeds)
    more += "\nOther rows of the feature sets and other synthetic clusters, which had no say, and "
    more += "other sets.\n"
    write("n_clusters", table(choices, costs, truth) + note + "\n" + more)
    draw(searches)


if __name__ == "__main__":
    main()
