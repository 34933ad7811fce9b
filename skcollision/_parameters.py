"""Parameters as scikit-learn checks them, and booleans, which it takes for numbers, as errors."""

from __future__ import annotations

from sklearn.base import BaseEstimator

from skcollision._errors import wrong


class StrictEstimator(BaseEstimator):
    """Estimator that takes a boolean only where one is meant."""

    def _validate_params(self) -> None:
        super()._validate_params()
        for name, allowed in self._parameter_constraints.items():
            takes_bool = {"boolean", "verbose"} & set(map(str, allowed))
            if isinstance(getattr(self, name), bool) and not takes_bool:
                raise wrong(name, type(self).__name__, "not be a boolean", getattr(self, name))
