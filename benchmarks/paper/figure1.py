"""Figure 1 of the paper: both cross-entropies of soft labels, as functions of the prediction.

Run as ``python benchmarks/paper/figure1.py``; writes results/paper_figure1.png and .csv. Two
classes; a curve a label, over the probability that is predicted for the first class.
"""

from __future__ import annotations

import csv

import _images
import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import torch

from skcollision.losses import collision_cross_entropy, soft_cross_entropy

LABELS = (1.0, 0.9, 0.7, 0.5)
LOSSES = {"Shannon's cross-entropy": soft_cross_entropy, "Collision": collision_cross_entropy}


def curves(probabilities: np.ndarray) -> dict[tuple[str, float], np.ndarray]:
    """Return the loss at each probability, by its name and the label of the first class."""
    log_odds = torch.from_numpy(np.log(probabilities / (1 - probabilities)))
    logits = torch.stack([log_odds, torch.zeros_like(log_odds)], 1)
    return {
        (name, label): loss(
            logits,
            torch.tensor([label, 1 - label], dtype=logits.dtype).expand(logits.shape),
            reduction="none",
        ).numpy()
        for name, loss in LOSSES.items()
        for label in LABELS
    }


def main() -> None:
    probabilities = np.linspace(0.005, 0.995, 199)
    found = curves(probabilities)
    figure, panels = plt.subplots(1, 2, figsize=(9, 3.6), sharey=True, layout="constrained")
    for panel, name in zip(panels, LOSSES, strict=True):
        for label in LABELS:
            values = found[name, label]
            (line,) = panel.plot(probabilities, values, label=f"y = ({label:g}, {1 - label:.2g})")
            lowest = values.argmin()
            # A constant has no lowest point.
            if np.ptp(values) > 1e-9:
                panel.plot(probabilities[lowest], values[lowest], "o", color=line.get_color())
        panel.set(title=name, xlabel="predicted probability of the first class", ylim=(0, 3))
    panels[0].set_ylabel("loss in nats")
    panels[1].legend()
    figure.savefig(_images.RESULTS / "paper_figure1.png", dpi=120)
    with (_images.RESULTS / "paper_figure1.csv").open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["loss", "label", "probability", "nats"])
        for (name, label), values in found.items():
            for probability, value in zip(probabilities, values, strict=True):
                writer.writerow([name, label, f"{probability:.3f}", f"{value:.5f}"])


if __name__ == "__main__":
    main()
