"""Pseudo-labels: the inner problem of self-labelling, exact and with a certificate."""

from skcollision.pseudo_labels._problem import PseudoLabelResult
from skcollision.pseudo_labels._solve import solve_pseudo_labels, solve_stack

__all__ = ["PseudoLabelResult", "solve_pseudo_labels", "solve_stack"]
