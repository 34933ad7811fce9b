"""Surplus clusters: merged after training, and left out of the model."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse

from skcollision.engine import Trainer, TrainingSample, find_surplus, joined_shares


class SurplusMerging:
    """What `merge_surplus` adds to a clusterer's fit."""

    class_prior_: np.ndarray
    merge_surplus: bool
    prior: Any
    n_neighbors: Any

    def _check_merging(self, sample: TrainingSample) -> None:
        """Raise where surplus clusters are to be merged and cannot be."""
        if not self._merges():
            return
        if sample.graph is None:
            raise ValueError(
                f"merge_surplus=True of {type(self).__name__} needs neighbours, which the "
                f"'n_neighbors' parameter, {self.n_neighbors!r}, leaves out; 'auto' does so where "
                "n_clusters is more than a tenth of the points. Set a positive number."
            )
        if not isinstance(self.prior, str):
            raise ValueError(
                f"The 'prior' parameter of {type(self).__name__} must be a str with "
                "merge_surplus=True. Got an array instead, which says how many clusters there are."
            )

    def _merges(self) -> bool:
        return self.merge_surplus

    def _without_surplus(
        self, trainer: Trainer, sample: TrainingSample, labels: sparse.csr_array
    ) -> sparse.csr_array:
        """Return soft labels (M, K), those of merged clusters summed."""
        if not self._merges():
            return labels
        groups = find_surplus(sample, labels.argmax(axis=1), labels.shape[1])
        members = np.eye(groups.max() + 1, dtype=labels.dtype)[groups]
        self._join_clusters(trainer, members.astype(np.float64))
        return sparse.csr_array(labels @ sparse.csr_array(members))

    def _join_clusters(self, trainer: Trainer, members: np.ndarray) -> None:
        trainer.join(members)
        if hasattr(self, "class_prior_"):
            self.class_prior_ = joined_shares(self.class_prior_, members)
