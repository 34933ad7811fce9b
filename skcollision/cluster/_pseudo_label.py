"""Parameters of clusterers that solve for pseudo-labels."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from sklearn.utils._param_validation import Interval

from skcollision.cluster._base import BaseSelfLabellingClusterer
from skcollision.criteria import SelfLabellingCriterion


@dataclass(kw_only=True, eq=False, repr=False)
class PseudoLabelClusterer(BaseSelfLabellingClusterer):
    """A clusterer whose criterion solves for fair pseudo-labels."""

    lam: float = 10.0
    solver_tol: float = 1e-2
    solver_max_iter: int | None = None

    _criterion: ClassVar[type[SelfLabellingCriterion]]

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **BaseSelfLabellingClusterer._parameter_constraints,
        "lam": [Interval(Real, 0, np.inf, closed="both")],
        "solver_tol": [Interval(Real, 0, None, closed="neither")],
        "solver_max_iter": [None, Interval(Integral, 1, None, closed="left")],
    }

    def _make_criterion(self, **options: Any) -> SelfLabellingCriterion:
        self.class_prior_ = self._target_proportions()
        return self._criterion(
            lam=self.lam,
            fairness_weight=self.fairness_weight,
            prior=self.class_prior_,
            solver_tol=self.solver_tol,
            solver_max_iter=self.solver_max_iter,
            **options,
        )
