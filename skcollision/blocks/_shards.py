"""Rows of which each rank of a process group has its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from skcollision import _ranks
from skcollision.blocks._weights import PartedWeight, Place, largest_weight

T = TypeVar("T")


class ShardedRows:
    """The rows of one rank, to be clustered together with those of the others.

    In a script that ``torchrun`` starts, every rank passes its own rows, so wrapped, as X to `fit`,
    `partial_fit` or `score` of a linear clusterer, or to `fit` of a deep estimator. The result is
    that of one process with all rows, in the order of the ranks. Without the wrapper, each rank
    fits a model of its own.

    Parameters
    ----------
    X : array-like of shape (n_rows, n_features), FeatureBlocks, or images
        What this rank has: at least one row. Columns and type must be those of the other ranks,
        the number of rows may differ.

    Raises
    ------
    RuntimeError
        If there is no process group.

    Examples
    --------
    A group of one process, here; ``torchrun`` says how many there are.

    >>> from torch import distributed
    >>> from skcollision import CollisionClusterer
    >>> from skcollision.blocks import ShardedRows
    >>> from skcollision.datasets import make_embeddings
    >>> store = distributed.HashStore()
    >>> distributed.init_process_group("gloo", store=store, rank=0, world_size=1)
    >>> rows, _ = make_embeddings(300, 3, 16, random_state=0)
    >>> clusterer = CollisionClusterer(3, random_state=0).fit(ShardedRows(rows))
    >>> clusterer.labels_.shape  # of this rank's rows
    (300,)
    >>> distributed.destroy_process_group()
    """

    def __init__(self, X: Any) -> None:
        _ranks.process_group()
        self.own = X

    def __array__(self, *args: Any, **kwargs: Any) -> np.ndarray:
        """Refuse: what reads an array would not know of the other rows."""
        raise TypeError("ShardedRows are for the linear clusterers and the deep estimators only.")


class Shards:
    """Checked rows of all ranks, of which `own` are here."""

    def __init__(self, own: Any, names: Any = None) -> None:
        self.own = own
        names = None if names is None else list(names)
        told = _ranks.gather((len(own), own.shape[1], str(own.dtype), names))
        if any(each[1:] != told[0][1:] for each in told):
            kinds = sorted({f"{width} columns of {dtype}" for _, width, dtype, _ in told})
            raise ValueError(
                f"X must have the same columns on all ranks. Got {', '.join(kinds)}"
                f"{', of different names' if len(kinds) == 1 else ''}."
            )
        ends = np.cumsum([size for size, *_ in told])
        self.place = Place(_ranks.rank(), int(ends[_ranks.rank()]) - len(own))
        self.ones = [1] * len(told)
        self.shape = (int(ends[-1]), own.shape[1])
        self.dtype = own.dtype

    def __len__(self) -> int:
        return self.shape[0]

    def take(self, rows: np.ndarray, take_own: Callable[[Any, np.ndarray], np.ndarray]) -> Any:
        """Return rows given in rising order on rank 0, none of them on others."""
        first = self.place.first
        mine = slice(*np.searchsorted(rows, [first, first + len(self.own)]))
        found = _ranks.together(lambda: take_own(self.own, rows[mine] - first))
        none = np.empty((0, self.shape[1]), self.dtype)
        return np.concatenate([none, *_ranks.gather_on_first(found)])

    def gather(
        self, function: Callable[..., np.ndarray], like: Any = None, sizes: Any = None
    ) -> Any:
        """Return what a function makes of each rank's place and rows, one below the other."""
        return np.concatenate(_ranks.gather(function(self.place, self.own)))

    def sums(
        self, function: Callable[..., list[np.ndarray]], weight: PartedWeight | None
    ) -> list[np.ndarray]:
        """Add up the arrays that a function makes of each rank's rows and weights."""
        own = [] if weight is None else [weight.column.own[:, 0]]
        return _ranks.add(_ranks.together(lambda: function(self.own, *own)))

    def weight(self, sample_weight: Any) -> PartedWeight | None:
        """Return weights of mean 1."""
        told = _ranks.gather(sample_weight is None)
        if all(told):
            return None
        if any(told):
            raise ValueError("sample_weight must be given on all ranks or on none.")
        weight = _ranks.together(lambda: self._checked(sample_weight))
        extremes = np.array(_ranks.gather((weight.min(), weight.max())))
        weight = weight / largest_weight(np.array([extremes[:, 0].min(), extremes[:, 1].max()]))
        mean = sum(_ranks.gather(float(weight.sum()))) / len(self)
        return PartedWeight(Shards((weight / mean)[:, None]))

    def _checked(self, sample_weight: Any) -> np.ndarray:
        weight = np.asarray(sample_weight, dtype=np.float64)
        if weight.shape != (len(self.own),):
            raise ValueError(f"sample_weight.shape == {weight.shape}, expected {(len(self.own),)}!")
        return weight


def led(X: Any, task: Callable[[], T]) -> T:
    """Do a task; where ranks share rows, the first does, and what it gives is returned on all."""
    return _ranks.on_first(task) if isinstance(X, Shards) else task()


def fit_on_first(estimator: Any, X: Any, learn: Callable[[], None]) -> None:
    """Call what fits an estimator; where ranks share rows, the first does so for all."""
    if not isinstance(X, Shards):
        learn()
        return

    def learned() -> dict[str, Any]:
        learn()
        state = estimator.__getstate__()
        for name in ("labels_", "probabilities_"):  # of the own rows, and of a fit before
            state.pop(name, None)
        kept = ("_trainer", "_normalisation")
        return {name: state[name] for name in state if name.endswith("_") or name in kept}

    found = _ranks.on_first(learned)
    if X.place.number:
        estimator.__setstate__({**estimator.__getstate__(), **found})
