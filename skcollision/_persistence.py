"""Estimators that say which version of the package wrote them down."""

from __future__ import annotations

import warnings
from typing import Any

from sklearn.exceptions import InconsistentVersionWarning

from skcollision import __version__
from skcollision._parameters import StrictEstimator

VERSION = "_skcollision_version"


class _OtherVersionWarning(InconsistentVersionWarning):
    """scikit-learn's warning, about versions of skcollision."""

    def __str__(self) -> str:
        return (
            f"This {self.estimator_name} was saved by skcollision {self.original_sklearn_version} "
            f"and is loaded by skcollision {self.current_sklearn_version}, which may compute "
            "something else. Fit it again, or install the version that saved it."
        )


class VersionedEstimator(StrictEstimator):
    """Estimator whose pickle holds the version of skcollision, and is checked when it is loaded."""

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), VERSION: __version__}

    def __setstate__(self, state: dict[str, Any]) -> None:
        name, version = type(self).__name__, state.get(VERSION, "of unknown version")
        if version != __version__:
            warning = _OtherVersionWarning(
                estimator_name=name,
                current_sklearn_version=__version__,
                original_sklearn_version=version,
            )
            warnings.warn(warning, stacklevel=2)
        try:
            restored = self._restored({key: state[key] for key in state if key != VERSION})
        except (KeyError, TypeError) as error:
            raise ValueError(
                f"This {name}, saved by skcollision {version}, cannot be loaded by skcollision "
                f"{__version__}: its state lacks something or has more than expected ({error}). "
                "Load it with the version that saved it, or fit it again."
            ) from error
        super().__setstate__(restored)

    def _restored(self, state: dict[str, Any]) -> dict[str, Any]:
        """Return the attributes that a saved state stands for; KeyError if it lacks some."""
        for name in self._get_param_names():
            state[name]
        return state
