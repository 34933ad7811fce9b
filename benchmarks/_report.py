"""Tables and picture of the accuracy benchmark, from the rows that were measured."""

from __future__ import annotations

from collections.abc import Iterator
from textwrap import fill

import matplotlib
import numpy as np
import pandas as pd
from _common import RESULTS, machine, markdown, write
from _datasets import DATA_SETS
from _methods import METHODS
from matplotlib import pyplot as plt
from matplotlib.transforms import Bbox

matplotlib.use("Agg")

SCORES = ("acc", "nmi", "ari")
OURS = "CollisionClusterer"
BASELINE = "KMeans(n_init=1)"
# What most people use, for the README; the group of that table, and the name of its file.
FAMILIAR = (
    "CollisionClusterer",
    "UMAP(10, 30) + KMeans (unit rows)",
    "EVoC",
    "Leiden (unit rows)",
    "KMeans(n_init=10)",
    "SpectralClustering",
    "GaussianMixture(diag)",
    "MiniBatchKMeans",
)
FAMILIAR_GROUP, FAMILIAR_FILE = "embeddings", "methods_people_use"
# Sets on which two methods' mean ACC differ by less than half a point are ties.
TIE = 0.005
# The picture leaves out methods below this share of the highest ACC, and names them.
LOWEST_SHOWN = 0.75
NOTE = """
Means over the sets of means over the seeds; seconds and memory likewise. Spread: mean over the sets
of the standard deviation of ACC over the seeds, in units of {baseline}'s. Won / tied /
lost: sets on which {ours} has the higher ACC, about the same (less than half a point
apart), the lower. Found / K: clusters with points, over those asked for. Clustered: share of the
points that a method does not call noise; noise is given to the cluster of the nearest clustered
point before it is scored. Memory: peak during the fit, over what libraries and features take
before. A dash: a set on which no run succeeded, or a figure that was not measured. Unit rows:
features centred, then rows scaled to length 1, within the clock, as our clusterers do inside. Every
run is in the CSV beside this file. {runs} Threads a run: {threads};
{machine}.
"""


def report(group: str, rows: list[dict[str, str]]) -> None:
    """Write results/accuracy_GROUP.md and .png."""
    runs = pd.DataFrame(rows).replace("", np.nan)
    if runs.empty:
        return
    numbers = [column for column in runs if column not in ("data", "method", "error")]
    runs[numbers] = runs[numbers].apply(pd.to_numeric)
    in_registry = runs["method"].isin(METHODS) & runs["data"].isin(DATA_SETS)
    runs = runs[in_registry]
    sets = [name for name in DATA_SETS if name in set(runs["data"])]
    methods = [name for name in METHODS if name in set(runs["method"])]
    summary = summarise(runs, sets, methods)
    text = [f"# Accuracy: {group}\n", overview(summary, methods, len(sets)), note(runs)]
    text += [
        f"\n## {score.upper()} of each set\n\n{by_set(runs, sets, methods, score)}"
        for score in SCORES
    ]
    text.append(failures(runs))
    write(f"accuracy_{group}", "\n".join(text))
    picture(group, summary)
    if group == FAMILIAR_GROUP:
        write(FAMILIAR_FILE, familiar(summary, len(sets)))


def familiar(summary: pd.DataFrame, n_sets: int) -> str:
    """Return a short table of the methods that people use, those of this package in bold."""
    lines = []
    measured = summary[summary.index.isin(FAMILIAR)]
    for method, row in measured.sort_values("acc", ascending=False).iterrows():
        name = method.removesuffix(" (unit rows)")
        scores = [number(row[score], 3) for score in ("acc", "nmi")]
        runs = f"{row['runs'] / n_sets:g}"
        name = f"**{name}**" if METHODS[method].is_ours else name
        lines.append([name, *scores, number(row["seconds"], 1), runs])
    return markdown(["method", "ACC", "NMI", "seconds", "seeds"], lines)


def summarise(runs: pd.DataFrame, sets: list[str], methods: list[str]) -> pd.DataFrame:
    """Return a row of figures for each method."""
    figures = [*SCORES, "found", "coverage", "seconds", "peak_mib"]
    runs = runs.assign(found=runs["n_found"] / runs["n_clusters"])
    means = runs.groupby(["method", "data"])[figures].mean()
    # A method that never succeeded on a set has no mean over the sets.
    summary = means.groupby("method").agg(lambda values: values.mean(skipna=False))
    complete = means.groupby("method").size() == len(sets)
    summary = summary.where(complete, np.nan).reindex(methods)
    spreads = runs.groupby(["method", "data"])["acc"].std().unstack("data").reindex(index=methods)
    if BASELINE in methods:
        summary["spread"] = spreads.mean(axis=1, skipna=False) / spreads.loc[BASELINE].mean()
    else:
        summary["spread"] = np.nan
    accuracy = means["acc"].unstack("data").reindex(index=methods)
    summary["record"] = [record(accuracy, method) for method in methods]
    summary["runs"] = runs.groupby("method").size()
    summary["failed"] = runs["error"].notna().groupby(runs["method"]).sum()
    return summary


def record(accuracy: pd.DataFrame, method: str) -> str:
    """Count the sets on which our clusterer wins, ties and loses against a method."""
    if OURS not in accuracy.index or method == OURS:
        return "–"
    lead = (accuracy.loc[OURS] - accuracy.loc[method]).dropna()
    return f"{(lead >= TIE).sum()} / {(lead.abs() < TIE).sum()} / {(lead <= -TIE).sum()}"


def overview(summary: pd.DataFrame, methods: list[str], n_sets: int) -> str:
    """Return the table of all methods, best first; those without a mean come last."""
    header = ["method", "ACC", "NMI", "ARI", "spread", f"{OURS} won / tied / lost"]
    header += ["found / K", "clustered", "seconds", "peak MiB", "runs", "failed"]
    lines = []
    for method, row in summary.sort_values("acc", ascending=False, na_position="last").iterrows():
        name = f"**{method}**" if METHODS[method].is_ours else method
        scores = [number(row[score], 3) for score in SCORES]
        cost = [number(row["found"], 2), number(row["coverage"], 2)]
        cost += [number(row["seconds"], 1), number(row["peak_mib"], 0)]
        counts = [str(row["runs"]), str(row["failed"])]
        lines.append([name, *scores, number(row["spread"], 2), row["record"], *cost, *counts])
    return f"{n_sets} sets.\n\n" + markdown(header, lines)


def number(value: float, digits: int) -> str:
    return "–" if np.isnan(value) else f"{value:.{digits}f}"


def by_set(runs: pd.DataFrame, sets: list[str], methods: list[str], score: str) -> str:
    """Return a table of mean ± standard deviation over the seeds."""
    groups = runs.groupby(["method", "data"])[score]
    mean, std = groups.mean().unstack("data"), groups.std().unstack("data")

    def cell(method: str, data: str) -> str:
        if data not in mean or np.isnan(mean.loc[method, data]):
            return "–"
        spread = std.loc[method, data]
        deviation = "" if np.isnan(spread) else f" ± {spread:.3f}"
        return f"{mean.loc[method, data]:.3f}{deviation}"

    return markdown(["method", *sets], [[m, *(cell(m, data) for data in sets)] for m in methods])


def failures(runs: pd.DataFrame) -> str:
    """Return a table of what failed, and how."""
    failed = runs[runs["error"].notna()]
    if failed.empty:
        return ""
    counts = failed.groupby(["method", "data", "error"])["seed"].count()
    lines = [[*key, str(count)] for key, count in counts.items()]
    return "\n## Failures\n\n" + markdown(["method", "data", "error", "seeds"], lines)


def note(runs: pd.DataFrame) -> str:
    """Say how the figures were made."""
    seeds = runs.groupby("method")["seed"].nunique()
    usual = int(seeds.max())
    fewer = [f"{method} {count}" for method, count in seeds.items() if count < usual]
    about = f"Seeds: {usual}" + (f"; fewer for {', '.join(fewer)}." if fewer else ".")
    unused = sorted({m.name for m in METHODS.values()} - set(runs["method"]))
    if unused:
        about += f" Not run on these sets: {', '.join(unused)}."
    threads = ", ".join(f"{count:g}" for count in sorted(runs["threads"].unique()))
    return NOTE.format(baseline=BASELINE, ours=OURS, runs=about, threads=threads, machine=machine())


def picture(group: str, summary: pd.DataFrame) -> None:
    """Draw accuracy against seconds, ours in colour."""
    measured = summary.dropna(subset=["acc"])
    # A method that collapses would press all others into a corner.
    is_far = measured["acc"] < LOWEST_SHOWN * measured["acc"].max()
    shown, far = measured[~is_far], measured[is_far]
    figure, axes = plt.subplots(figsize=(9, 6), layout="constrained")
    colours = {name: "tab:red" if METHODS[name].is_ours else "0.45" for name in shown.index}
    for method, row in shown.iterrows():
        marker = "s" if METHODS[method].unit_rows else "o"
        axes.plot(row["seconds"], row["acc"], marker, color=colours[method])
    axes.set(
        xscale="log",
        xlabel="seconds a fit, mean over the sets",
        ylabel="ACC, mean over the sets",
        title=f"{group}: ours in red; squares are rivals on unit rows",
    )
    below = [f"{method} {row['acc']:.2f}" for method, row in far.iterrows()]
    if below:
        text = fill("below the picture: " + ", ".join(below), 150)
        figure.supxlabel(text, fontsize=7)
    axes.margins(x=0.15, y=0.08)
    write_names(axes, shown, colours)
    figure.savefig(RESULTS / f"accuracy_{group}.png", dpi=150)
    plt.close(figure)


def write_names(axes: plt.Axes, shown: pd.DataFrame, colours: dict[str, str]) -> None:
    """Write the name of each method as near to its point as it covers no point and no name."""
    axes.figure.draw_without_rendering()
    points = axes.transData.transform(shown[["seconds", "acc"]].to_numpy())
    taken = [Bbox.from_extents(*(point - 6), *(point + 6)) for point in points]
    line = {"arrowstyle": "-", "color": "0.7", "linewidth": 0.6, "shrinkA": 0, "shrinkB": 3}
    for (method, row), point in zip(shown.iterrows(), points, strict=True):
        text = axes.text(0, 0, method, fontsize=7, color=colours[method], transform=None)
        size = text.get_window_extent().size
        for place in places(point, size):
            box = Bbox.from_bounds(*place, *size)
            inside = (box.min >= axes.bbox.min).all() and (box.max <= axes.bbox.max).all()
            if inside and not box.count_overlaps(taken):
                break
        taken.append(box)
        text.set(transform=axes.transData, position=axes.transData.inverted().transform(place))
        end = np.clip(point, box.min, box.max)
        if np.abs(end - point).max() > 12:
            end = axes.transData.inverted().transform(end)
            axes.annotate("", (row["seconds"], row["acc"]), end, arrowprops=line)


def places(point: np.ndarray, size: np.ndarray) -> Iterator[np.ndarray]:
    """Yield lower left corners of a name of that size, in pixels, the nearest first."""
    width, height = size
    for ring in range(12):
        up, aside = 7 + 9 * ring, 9 + 9 * ring
        for x in (aside, -aside - width, -width / 2):
            for y in (-height / 2, up - height / 2, -up - height / 2):
                if abs(y + height / 2) >= up or x != -width / 2:
                    yield point + np.array([x, y])
