"""Figure 2 of the paper: accuracy against label corruption, collision against Shannon.

Run as ``python benchmarks/paper/figure2.py --data FOLDER``, with --rows for a part of each set;
sets of your own are further NAME.npz files with X and y, and --device cuda trains on a GPU. Writes
results/paper_figure2.csv, a row a run, a table and a picture of them; rows that are there are not
measured again.

As in the paper, a share η of the training labels is replaced by random ones, and both losses are
given the soft labels (1 - η) onehot + η uniform, that is ``noise_rate=η``. A fifth of the points is
held out, with true labels; nothing is chosen with these. Weight decay counts as much as the loss,
and the paper does not name its own, so that several are shown.
"""

from __future__ import annotations

import _images
import numpy as np
from _common import load, machine, markdown, parser, write
from sklearn.model_selection import train_test_split

from skcollision import CollisionClassifier

CORRUPTIONS = (0.0, 0.3, 0.5, 0.7, 0.8, 0.9)
LOSSES = ("collision", "shannon")
# The default, ten times as much, and a hundred times.
DECAYS = (1e-5, 1e-4, 1e-3)


def corrupted(y: np.ndarray, share: float, seed: int) -> np.ndarray:
    """Replace a share of the labels by ones drawn from all classes alike."""
    rng = np.random.default_rng(seed)
    labels = y.copy()
    replaced = rng.permutation(len(y))[: round(share * len(y))]
    labels[replaced] = rng.choice(np.unique(y), len(replaced))
    return labels


def measure(run: dict[str, str], X: np.ndarray, y: np.ndarray, device: str) -> dict[str, float]:
    """Return the accuracy in percent on held-out points, and on held-out corrupted labels."""
    seed, share = int(run["seed"]), float(run["corrupted"])
    X_train, X_test, y_train, y_test = train_test_split(
        X, y, test_size=0.2, stratify=y, random_state=seed
    )
    classifier = CollisionClassifier(
        loss=run["loss"], weight_decay=float(run["weight_decay"]), random_state=seed, device=device
    )
    classifier.fit(X_train, corrupted(y_train, share, seed), noise_rate=share)
    return {
        "accuracy": 100 * classifier.score(X_test, y_test),
        "noisy_accuracy": 100 * classifier.score(X_test, corrupted(y_test, share, seed)),
    }


def accuracies(rows: list[dict[str, str]], **key: str) -> list[float]:
    return [float(row["accuracy"]) for row in rows if key.items() <= row.items()]


def table(rows: list[dict[str, str]], name: str, shares: list[float], decays: list[float]) -> str:
    """Return means over the seeds, a line a decay and loss, and the gaps between the losses."""
    lines = []
    for decay in map(str, decays):
        means = {}
        for loss in LOSSES:
            found = [
                accuracies(rows, set=name, corrupted=str(share), loss=loss, weight_decay=decay)
                for share in shares
            ]
            means[loss] = [np.mean(runs) if runs else np.nan for runs in found]
            lines.append([decay, loss, *(f"{mean:.1f}" for mean in means[loss])])
        gaps = np.subtract(*means.values())
        lines.append([decay, "collision - Shannon", *(f"{gap:+.1f}" for gap in gaps)])
    header = ["weight decay", "loss", *(f"{share:.0%}" for share in shares)]
    return markdown(header, lines)


def picture(
    rows: list[dict[str, str]], sets: list[str], shares: list[float], decays: list[float]
) -> None:
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, panels = plt.subplots(
        1,
        len(sets),
        figsize=(4.5 * len(sets), 3.6),
        sharey=True,
        squeeze=False,
        layout="constrained",
    )
    for panel, name in zip(panels[0], sets, strict=True):
        for loss, style in zip(LOSSES, ("-", "--"), strict=True):
            for index, decay in enumerate(decays):
                key = {"set": name, "loss": loss, "weight_decay": str(decay)}
                runs = [accuracies(rows, corrupted=str(share), **key) for share in shares]
                known = [
                    (share, np.mean(one)) for share, one in zip(shares, runs, strict=True) if one
                ]
                if known:
                    label = f"{loss}, decay {decay:g}"
                    panel.plot(*zip(*known, strict=True), style, color=f"C{index}", label=label)
        panel.set(title=name, xlabel="share of corrupted labels")
    panels[0][0].set_ylabel("accuracy in percent")
    panels[0][-1].legend(fontsize="small")
    figure.savefig(_images.RESULTS / "paper_figure2.png", dpi=120)


def main() -> None:
    parse = parser(__doc__.splitlines()[0])
    parse.add_argument("--rows", type=int, help="so many points a set; all by default")
    parse.add_argument("--device", default="auto", help="where to train")
    parse.add_argument("--corruptions", nargs="+", type=float, default=list(CORRUPTIONS))
    parse.add_argument("--decays", nargs="+", type=float, default=list(DECAYS))
    parse.set_defaults(sets=["mnist_resnet50", "fashion_resnet50"], seeds=3)
    options = parse.parse_args()
    rows, sizes = [], []
    for name in options.sets:
        X, y = load(options.data, name)
        X, y = X[: options.rows], y[: options.rows]
        sizes.append(f"{len(X)} points of {name}")
        runs = [
            {
                "set": name,
                "points": str(len(X)),
                "seed": str(seed),
                "corrupted": str(share),
                "loss": loss,
                "weight_decay": str(decay),
            }
            for seed in range(options.seeds)
            for share in options.corruptions
            for decay in options.decays
            for loss in LOSSES
        ]
        rows += _images.run_all(
            _images.RESULTS / "paper_figure2.csv",
            runs,
            lambda run, X=X, y=y: measure(run, X, y, options.device),
        )
    settings = (options.corruptions, options.decays)
    picture(rows, options.sets, *settings)
    text = [
        f"{name}, accuracy in percent on held-out points:\n\n{table(rows, name, *settings)}"
        for name in options.sets
    ]
    text.append(
        f"Means over {options.seeds} seeds; {', '.join(sizes)}, a fifth of them held out; columns "
        "are shares of corrupted labels; all but loss and weight decay at its default. The paper "
        "trains ResNet-18 on photographs of natural scenes, where a network can learn its "
        "labels by heart; here a linear model learns on fixed features of a pretrained network. "
        f"{machine()}.\n"
    )
    write("paper_figure2", "\n".join(text))


if __name__ == "__main__":
    main()
