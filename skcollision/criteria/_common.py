"""Means over points, fairness against the target proportions, and hard labels."""

from torch import Tensor

from skcollision.criteria._base import Prior, Weights
from skcollision.losses._common import divergence, mean_probs, proportions, softmax


def weighted_mean(values: Tensor, sample_weight: Weights) -> Tensor:
    """Average over the last dimension, the points."""
    if sample_weight is None:
        return values.mean(-1)
    return values @ (sample_weight / sample_weight.sum())


def prediction_fairness(logits: Tensor, prior: Prior, sample_weight: Weights) -> Tensor:
    """Return KL(σ̄‖u) of logits (R, N, K), shape (R,): ln K - H(σ̄) for uniform u."""
    mean = mean_probs(softmax(logits), sample_weight)
    return divergence(mean, proportions(prior, mean))


def label_fairness(labels: Tensor, prior: Prior, sample_weight: Weights, order: str) -> Tensor:
    """Return KL(u‖ȳ) or KL(ȳ‖u) of labels (R, N, K), shape (R,)."""
    mean = mean_probs(labels, sample_weight)
    target = proportions(prior, mean)
    return divergence(target, mean) if order == "KL(u||y)" else divergence(mean, target)


def most_probable(probs: Tensor) -> Tensor:
    """Return one-hot labels; a tie is shared, so that no cluster wins by its number."""
    largest = (probs == probs.amax(2, keepdim=True)).to(probs.dtype)
    return largest / largest.sum(2, keepdim=True)
