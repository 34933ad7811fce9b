"""Entropies of predictions, their mutual information with the points, and their fairness."""

from typing import Literal, TypeAlias, get_args

from torch import Tensor

from skcollision.losses import _common as common

Order: TypeAlias = Literal["KL(u||p)", "KL(p||u)"]


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
    common.check_floating_logits(logits, "shannon_entropy")
    log_p = common.log_softmax(logits)
    return common.entropy(log_p.exp(), log_p)


def collision_entropy(logits: Tensor) -> Tensor:
    r"""Collision (second-order Rényi) entropy, :math:`-\ln \sum_k \sigma_k^2`, in nats.

    It is the collision cross-entropy of a prediction with itself and never above Shannon's entropy.

    Parameters
    ----------
    logits : Tensor of shape (..., K)
        As in :func:`shannon_entropy`, as are dtypes and errors.

    Returns
    -------
    Tensor of shape (...,)
        Between 0 and ln K.

    Examples
    --------
    >>> import torch
    >>> from skcollision.losses import collision_entropy
    >>> collision_entropy(torch.tensor([[0.0, 0.0], [2.0, 0.0]]))
    tensor([0.6931, 0.2357])
    """
    common.check_floating_logits(logits, "collision_entropy")
    return -(2 * common.log_softmax(logits)).logsumexp(-1)


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
    common.check_averaged(logits, sample_weight, "marginal_entropy")
    mean = common.mean_probs(common.softmax(logits), sample_weight)
    return common.entropy(mean, common.safe_log(mean))


def mutual_information_loss(
    logits: Tensor, *, fairness_weight: float = 1.0, sample_weight: Tensor | None = None
) -> Tensor:
    r"""Decisiveness and fairness of the predictions, in nats.

    .. math:: \frac1N \sum_i H(\sigma_i) - w\, H(\bar\sigma)

    At w = 1 it is minus the mutual information of point and cluster. The first term asks for
    confident predictions, the second for clusters of equal size.

    Parameters
    ----------
    logits : Tensor of shape (..., N, K)
        As in :func:`marginal_entropy`.
    fairness_weight : float, default=1.0
        Finite weight w of the second term. The paper's experiments use 1.3.
    sample_weight : Tensor of shape (..., N), optional
        As in :func:`marginal_entropy`. If weights sum to zero, the loss is the constant -w ln K.

    Returns
    -------
    Tensor of shape (...,)
        One loss for each entry of the stack (a scalar for logits of shape (N, K)).

    Raises
    ------
    TypeError, ValueError
        If a tensor has the wrong dtype, `logits` is empty, shapes do not fit together or
        `fairness_weight` is not a finite number.

    References
    ----------
    Zhang & Boykov, arXiv:2303.07321, eq. (1); Bridle, Heading & MacKay, "Unsupervised Classifiers,
    Mutual Information and 'Phantom Targets'", NIPS 1991.

    Examples
    --------
    >>> import torch
    >>> from skcollision.losses import mutual_information_loss
    >>> mutual_information_loss(torch.tensor([[99.0, 0.0], [0.0, 99.0]]))
    tensor(-0.6931)
    """
    caller = "mutual_information_loss"
    common.check_averaged(logits, sample_weight, caller)
    common.check_finite_number(fairness_weight, "fairness_weight", caller)
    log_p = common.log_softmax(logits)
    probs = log_p.exp()
    each, mean = common.entropy(probs, log_p), common.mean_probs(probs, sample_weight)
    if sample_weight is None:
        mean_entropy = each.mean(-1)
    else:
        mean_entropy = (each * common.point_shares(sample_weight, probs)).sum(-1)
    return mean_entropy - fairness_weight * common.entropy(mean, common.safe_log(mean))


def fairness_divergence(
    logits: Tensor,
    prior: Tensor | None = None,
    *,
    order: Order = "KL(u||p)",
    sample_weight: Tensor | None = None,
) -> Tensor:
    r"""Kullback-Leibler divergence between target proportions and mean prediction, in nats.

    With the mean prediction :math:`p = \frac1N \sum_i \mathrm{softmax}(z_i)` and the target
    proportions u, either of

    .. math:: KL(u \| p) = \sum_k u_k \ln \frac{u_k}{p_k}, \qquad
              KL(p \| u) = \sum_k p_k \ln \frac{p_k}{u_k} .

    The first grows without bound as a cluster dies out, the second does not.

    Parameters
    ----------
    logits : Tensor of shape (..., N, K)
        As in :func:`marginal_entropy`.
    prior : Tensor of shape (K,) or (..., K), optional
        Target proportions u on the simplex, one for all or one for each entry of the stack; uniform
        by default. Values are not checked. A proportion of 0 asks for an empty cluster: it drops
        out of KL(u||p), and counts as the smallest positive normal number in KL(p||u), which is
        large and finite then.
    order : {"KL(u||p)", "KL(p||u)"}, default="KL(u||p)"
        Which of the two divergences.
    sample_weight : Tensor of shape (..., N), optional
        As in :func:`marginal_entropy`.

    Returns
    -------
    Tensor of shape (...,)
        One divergence for each entry of the stack (a scalar for logits of shape (N, K)).

    Raises
    ------
    TypeError, ValueError
        If a tensor has the wrong dtype, `logits` is empty, shapes do not fit together or `order` is
        unknown.

    Notes
    -----
    A dead cluster gives a large finite value and a finite gradient, never inf or NaN: KL(u||p)
    takes the mean in log space.

    References
    ----------
    Zhang & Boykov, arXiv:2303.07321: KL(p||u) in eq. (5) and (10), KL(u||p) in eq. (11), there with
    the mean pseudo-label in place of the mean prediction.

    Examples
    --------
    >>> import torch
    >>> from skcollision.losses import fairness_divergence
    >>> logits = torch.tensor([[2.0, 0.0], [1.0, 0.0]])
    >>> fairness_divergence(logits), fairness_divergence(logits, order="KL(p||u)")
    (tensor(0.2345), tensor(0.2011))
    """
    caller = "fairness_divergence"
    common.check_averaged(logits, sample_weight, caller)
    common.check_prior(prior, logits, caller)
    common.check_option(order, get_args(Order), "order", caller)
    if order == "KL(p||u)":
        p = common.mean_probs(common.softmax(logits), sample_weight)
        return common.divergence(p, common.proportions(prior, p))
    log_p = common.log_mean_probs(common.log_softmax(logits), sample_weight)
    u = common.proportions(prior, log_p)
    return (u * (common.safe_log(u) - log_p)).sum(-1)
