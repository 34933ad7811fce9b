"""Parameters as scikit-learn checks them, and booleans, which it takes for numbers, as errors."""

from __future__ import annotations

from sklearn.base import BaseEstimator


class StrictEstimator(BaseEstimator):
    """Estimator that takes a boolean only where one is meant."""

    def _validate_params(self) -> None:
        super()._validate_params()
        for name, allowed in self._parameter_constraints.items():
            takes_bool = {"boolean", "verbose"} & set(map(str, allowed))
            if isinstance(getattr(self, name), bool) and not takes_bool:
                raise ValueError(
                    f"The {name!r} parameter of {type(self).__name__} must not be a boolean. "
                    f"Got {getattr(self, name)} instead."
                )
