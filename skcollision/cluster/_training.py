"""A training as users see it: given proportions, checkpoints, callbacks, and a line an epoch."""

from __future__ import annotations

import os
import sys
from numbers import Integral
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike
from scipy import sparse
from sklearn.base import BaseEstimator
from torch import Tensor

from skcollision._callbacks import EpochTasks
from skcollision._checkpoint import Checkpoint, as_arrays
from skcollision.criteria import ClusteringCriterion
from skcollision.engine import (
    Features,
    History,
    Measures,
    Normalisation,
    Progress,
    Trainer,
    restored_random_state,
)


def target_proportions(prior: str | ArrayLike, n_clusters: int, caller: str) -> np.ndarray:
    """Return the proportions u that the `prior` parameter of an estimator means.

    Parameters
    ----------
    prior : "uniform", "estimate" or array-like of shape (n_clusters,)
        Proportions, positive and summing to 1, or counts. Estimates start from uniform ones.
    n_clusters : int
        Number of clusters, K.
    caller : str
        Name of the estimator, for the error.

    Returns
    -------
    ndarray of shape (n_clusters,), float64
        Proportions that sum to 1.

    Raises
    ------
    ValueError
        If they are not `n_clusters` positive numbers that sum to 1 or are whole.
    """
    if isinstance(prior, str) and prior in ("uniform", "estimate"):
        return np.full(n_clusters, 1 / n_clusters)
    try:
        proportions = np.asarray(prior, dtype=np.float64)
        is_valid = (
            proportions.shape == (n_clusters,)
            and ((proportions > 0) & np.isfinite(proportions)).all()
            # Counts, or shares, of which none was left out.
            and (
                np.array_equal(proportions, np.rint(proportions))
                or np.isclose(proportions.sum(), 1, atol=1e-6)
            )
        )
    except ValueError:
        is_valid = False
    if not is_valid:
        raise ValueError(
            f"The 'prior' parameter of {caller} must be 'uniform', 'estimate' or "
            f"n_clusters={n_clusters} positive proportions that sum to 1, or counts. "
            f"Got {prior!r} instead."
        )
    return proportions / proportions.sum()


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

    def check(self, normalisation: Normalisation, neighbors: sparse.csr_array | None) -> None:
        """Raise where the checkpoint is of other features or other given neighbours."""
        if self._file is not None:
            features = np.append(normalisation.mean, normalisation.scale)
            # by the numbers of the neighbours, as distances may all be equal
            numbers = np.arange(0 if neighbors is None else neighbors.shape[0])
            given = np.array([] if neighbors is None else neighbors @ numbers)
            self._file.identify({"features": features, "neighbors": given})

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


def train(
    estimator: Any,
    trainer: Trainer,
    features: Features,
    weight: Tensor | None,
    *,
    X: Any,
    sample_weight: Any,
    progress: Progress | None = None,
    **options: Any,
) -> History:
    """Train on features and weights; `X` and `sample_weight` are those that callbacks see."""
    n_epochs = trainer.settings.n_epochs
    n_left = n_epochs - (0 if progress is None else len(progress.history.seconds))
    tasks = EpochTasks(estimator, n_left, X=X, metadata={"sample_weight": sample_weight})

    def on_epoch_end(epoch: int, measures: Measures) -> bool:
        best = int(np.argmin(measures.objective))
        if estimator.verbose:
            name, value = type(estimator).__name__, measures.objective[best]
            print(f"{name}: epoch {epoch + 1}/{n_epochs}, objective {value:.5f}")
        return tasks.end_epoch(lambda: model_attributes(trainer, best))

    history = trainer.run(features, weight, on_epoch_end, progress=progress, **options)
    tasks.close()
    return history


def model_attributes(trainer: Trainer, restart: int) -> dict[str, np.ndarray]:
    """Return the fitted weights of a restart."""
    weight, bias = trainer.heads.numpy()
    return {"coef_": weight[restart], "intercept_": bias[restart]}
