"""What lets a killed `fit` go on."""

from __future__ import annotations

import os
import sys
from numbers import Integral

import numpy as np
import torch
from sklearn.base import BaseEstimator

from skcollision._checkpoint import Checkpoint, as_arrays
from skcollision.criteria import ClusteringCriterion
from skcollision.engine import Normalisation, Progress, Trainer, restored_random_state


class Resumption:
    """The checkpoint of a fit, where the user wants one; None is for nowhere.

    What comes before the first epoch is done again, from the same random numbers: `random_state` is
    at first that of the first attempt.
    """

    def __init__(
        self,
        path: str | os.PathLike[str] | None,
        estimator: BaseEstimator,
        random_state: np.random.RandomState,
    ) -> None:
        self.random_state, self._saved = random_state, None
        self._file: Checkpoint | None = None
        if path is None:
            return
        self._file = Checkpoint(path, {"parameters": _listed(estimator)})
        self._saved = as_arrays(self._file.load())
        if self._saved is not None:
            self.random_state = restored_random_state(self._saved["start"])
        self._start = self.random_state.get_state(legacy=False)

    def check(self, normalisation: Normalisation) -> None:
        """Raise where the checkpoint is of other features."""
        if self._file is not None:
            features = np.append(normalisation.mean, normalisation.scale)
            self._file.identify({"features": features})

    def trainer(self, criterion: ClusteringCriterion, device: torch.device) -> Trainer | None:
        """Return the trainer as it was at the end of the last epoch, None at the beginning."""
        if self._saved is None:
            return None
        return Trainer.from_state(self._saved["trainer"], criterion, device)

    def progress(self) -> Progress | None:
        """Return how far it had come."""
        return None if self._saved is None else Progress.from_state(self._saved["progress"])

    def save(self, trainer: Trainer, progress: Progress) -> None:
        """Keep what to go on from."""
        if self._file is not None:
            state = {"trainer": trainer.state(), "progress": progress.state()}
            self._file.save({"start": self._start, **state})


def _listed(estimator: BaseEstimator) -> str:
    """Write down the class and the parameters that make its result."""
    parameters = estimator.get_params(deep=False)
    parameters.pop("verbose", None)
    if not isinstance(parameters["random_state"], Integral):
        del parameters["random_state"]  # it is in the checkpoint as it was
    with np.printoptions(threshold=sys.maxsize, floatmode="unique"):
        return f"{type(estimator).__name__} {sorted(parameters.items())!r}"
