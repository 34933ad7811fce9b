"""Entropies of predictions."""

from torch import Tensor

from skcollision.losses import _checks as check
from skcollision.losses._common import entropy, log_softmax, mean_probs, safe_log, softmax


def shannon_entropy(logits: Tensor) -> Tensor:
    r"""Shannon entropy of each prediction, :math:`-\sum_k \sigma_k \ln \sigma_k`, in nats.

    Parameters
    ----------
    logits : Tensor of shape (..., K)
        Finite floating logits; :math:`\sigma` is their softmax. -inf masks a class out.

    Returns
    -------
    Tensor of shape (...,)
        Between 0 and ln K; float32 for half-precision logits.

    Raises
    ------
    TypeError, ValueError
        If `logits` is not a floating tensor, is empty or has no dimension.

    Examples
    --------
    >>> import torch
    >>> from skcollision.losses import shannon_entropy
    >>> shannon_entropy(torch.tensor([[0.0, 0.0], [2.0, 0.0]]))
    tensor([0.6931, 0.3653])
    """
    check.floating_logits(logits, "shannon_entropy")
    log_p = log_softmax(logits)
    return entropy(log_p.exp(), log_p)


def collision_entropy(logits: Tensor) -> Tensor:
    r"""Collision (second-order Rényi) entropy, :math:`-\ln \sum_k \sigma_k^2`, in nats.

    It is the collision cross-entropy of a prediction with itself and never above Shannon's
    entropy. Errors are those of :func:`shannon_entropy`.

    Parameters
    ----------
    logits : Tensor of shape (..., K)
        As in :func:`shannon_entropy`.

    Returns
    -------
    Tensor of shape (...,)
        Between 0 and ln K; float32 for half-precision logits.

    Examples
    --------
    >>> import torch
    >>> from skcollision.losses import collision_entropy
    >>> collision_entropy(torch.tensor([[0.0, 0.0], [2.0, 0.0]]))
    tensor([0.6931, 0.2357])
    """
    check.floating_logits(logits, "collision_entropy")
    return -(2 * log_softmax(logits)).logsumexp(-1)


def marginal_entropy(logits: Tensor, sample_weight: Tensor | None = None) -> Tensor:
    r"""Shannon entropy of the mean prediction, :math:`H(\bar\sigma)`, in nats.

    It is ln K when the predictions share the points out evenly among the clusters and falls to 0
    as they collapse into one.

    Parameters
    ----------
    logits : Tensor of shape (..., N, K)
        Finite floating logits of N points; leading dimensions are a stack of restarts or heads.
    sample_weight : Tensor of shape (..., N), optional
        Non-negative weights of the points, of shape ``logits.shape[:-1]`` or that shape without
        leading dimensions. If they sum to zero, the mean prediction is taken to be uniform.

    Returns
    -------
    Tensor of shape (...,)
        One entropy for each entry of the stack; float32 for half-precision logits.

    Raises
    ------
    TypeError, ValueError
        If a tensor has the wrong dtype, `logits` is empty or shapes do not fit together.

    Examples
    --------
    >>> import torch
    >>> from skcollision.losses import marginal_entropy
    >>> marginal_entropy(torch.tensor([[9.0, 0.0], [0.0, 9.0]]))
    tensor(0.6931)
    """
    check.averaged(logits, sample_weight, "marginal_entropy")
    mean = mean_probs(softmax(logits), sample_weight)
    return entropy(mean, safe_log(mean))
