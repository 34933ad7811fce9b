"""Is L-BFGS on full batches better than Adam on small ones? From the same start, in one run.

Run as ``python benchmarks/lbfgs.py --data FOLDER``; writes results/lbfgs.md. A prototype: labels of
all points are solved for, then so many L-BFGS steps are taken with the labels held fixed, in turns.
Weight decay comes down and proportions are estimated in the course of the turns as they do in the
course of Adam's steps. Objectives need no classes; ACC is shown beside them, for evaluation alone.
"""

from __future__ import annotations

import time
from itertools import combinations

import numpy as np
import torch
from _common import load, machine, markdown, parser, write
from sklearn.metrics import adjusted_rand_score

from skcollision import CollisionClusterer
from skcollision.engine import LinearHeads, TrainingFeatures, select_restart
from skcollision.engine._schedule import annealed
from skcollision.metrics import clustering_accuracy_score

ROWS = 3000
# Turns, and L-BFGS steps in each; None is the library's training.
VARIANTS = {
    "Adam, batches of 1000 (default)": None,
    "L-BFGS, 20 turns of 5 steps": (20, 5),
    "L-BFGS, 20 turns of 25 steps": (20, 25),
}


def prepare(X, n_clusters, seed):
    """Return a trainer at its start, and what it is to be trained on."""
    clusterer = CollisionClusterer(n_clusters, random_state=seed)
    data, _ = clusterer._check_data(X, None, reset=True)
    random_state, criterion, _ = clusterer._begin(data, None)
    views = TrainingFeatures(
        clusterer._source(data),
        None,
        n_components=clusterer.n_components,
        n_neighbors=clusterer.n_neighbors,
        n_clusters=n_clusters,
        random_state=random_state,
    )
    return clusterer._new_trainer(views, len(data), criterion, None, random_state), views


def objective(trainer, heads, logits, solved, decay):
    """Return the objective of each restart with the labels held fixed."""
    loss = trainer.criterion.loss(logits, solved, None)
    return loss + solved.cost + 0.5 * decay * heads.square_norm()


def single_heads(heads):
    """Return each restart as heads of its own: a line search must not mix them."""
    columns = heads.columns.detach().view(len(heads.columns), heads.n_restarts, -1).unbind(1)
    return [LinearHeads.of_columns(part.contiguous(), 1, heads.basis) for part in columns]


def descend(trainer, part, restart, features, solved, decay, n_steps):
    """Take L-BFGS steps for one restart, labels held fixed."""
    optimizer = torch.optim.LBFGS(
        part.parameters(), max_iter=n_steps, line_search_fn="strong_wolfe"
    )
    one = type(solved)(*(value[[restart]] for value in vars(solved).values()))
    criterion = trainer.criterion.with_prior(trainer.criterion.prior[[restart]])

    def closure():
        optimizer.zero_grad()
        loss = criterion.loss(part(features), one, None) + 0.5 * decay * part.square_norm()
        loss.sum().backward()
        return loss.sum().item()

    optimizer.step(closure)


def run_lbfgs(trainer, features, n_turns, n_steps):
    """Train all restarts in place of `trainer.run`."""
    parts = single_heads(trainer.heads)
    for turn in range(n_turns):
        decay = trainer.settings.weight_decay * annealed(turn / n_turns).decay
        with torch.no_grad():
            logits = torch.cat([part(features) for part in parts])
        if turn >= trainer.prior.start * n_turns:
            trainer.prior.update(logits, None)
        trainer.criterion = trainer.criterion.with_prior(trainer.prior.proportions)
        solved = trainer.criterion.solve(logits, None)
        for restart, part in enumerate(parts):
            descend(trainer, part, restart, features, solved, decay, n_steps)
    stacked = torch.cat([part.columns.detach() for part in parts], dim=1)
    trainer.heads = LinearHeads.of_columns(stacked, len(parts), trainer.heads.basis)


@torch.no_grad()
def final_objectives(trainer, features):
    """Measure the objective on all points for equal target proportions, the same for all."""
    equal = np.full_like(trainer.prior.proportions, 1 / trainer.heads.n_clusters)
    trainer.criterion = trainer.criterion.with_prior(equal)
    logits = trainer.heads(features)
    solved = trainer.criterion.solve(logits, None)
    decay = trainer.settings.weight_decay
    return objective(trainer, trainer.heads, logits, solved, decay).numpy()


def measure(X, y, seed, variant):
    """Train once; return ACC of the restart that is kept, objective, agreement and seconds."""
    trainer, views = prepare(X, len(np.unique(y)), seed)
    features = views.features.batch(slice(None))
    start = time.perf_counter()
    if variant is None:
        trainer.run(views.features, None, lambda epoch, measures: False)
    else:
        run_lbfgs(trainer, features, *variant)
    seconds = time.perf_counter() - start
    objectives = final_objectives(trainer, features)
    labels = trainer.heads(features).argmax(2).numpy()
    kept = labels[select_restart(trainer.heads, views, objectives)]
    agreement = np.mean([adjusted_rand_score(a, b) for a, b in combinations(labels, 2)])
    return clustering_accuracy_score(y, kept), objectives.mean(), agreement, seconds


def main():
    """Compare on every set; labels are those of the neighbourhoods, before distillation."""
    arguments = parser(__doc__).parse_args()
    sets = {name: load(arguments.data, name) for name in arguments.sets}
    rows = []
    for label, variant in VARIANTS.items():
        runs = []
        for X, y in sets.values():
            of_set = [measure(X[:ROWS], y[:ROWS], seed, variant) for seed in range(arguments.seeds)]
            runs.append(of_set)
            print(label, np.mean(of_set, axis=0).round(4), flush=True)
        runs = np.array(runs)
        by_set = [f"{value:.3f}" for value in runs[..., 0].mean(1)]
        spread = runs[..., 0].std(1, ddof=1).mean()
        means = runs.mean((0, 1))
        cells = [f"{means[0]:.3f}", f"{spread:.3f}", *by_set, f"{means[1]:.4f}", f"{means[2]:.3f}"]
        rows.append([label, *cells, f"{means[3]:.1f}"])
    header = ["training", "ACC", "spread", *sets, "objective", "agreement", "seconds"]
    note = (
        f"\n{ROWS} rows a set, {arguments.seeds} seeds of 5 restarts. ACC: mean over the sets, "
        "then each set, of the restart that is kept; spread: standard deviation over seeds, mean "
        "over sets; objective: nats on all points with equal proportions, mean over restarts; "
        "agreement: adjusted Rand index of pairs of restarts; seconds: of the training alone; "
        f"{machine()}.\n"
    )
    write("lbfgs", markdown(header, rows) + note)


if __name__ == "__main__":
    main()
