"""scikit-learn's callback protocol where it is there (1.9 and later), silence where it is not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

try:
    from sklearn.callback import CallbackSupportMixin, with_callbacks
except ImportError:

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """An estimator whose callbacks never come."""

    def with_callbacks(method: Any) -> Any:
        """Return the method as it is."""
        return method


class EpochTasks:
    """The tasks of a fit, as scikit-learn's callbacks see it: a root with one child an epoch."""

    def __init__(self, estimator: Any, n_epochs: int, **data: Any) -> None:
        self._task = {"estimator": estimator, **data}
        self._left = n_epochs
        self._root: Any = None
        self._epoch: Any = None
        if hasattr(estimator, "_init_callback_context"):
            self._root = estimator._init_callback_context(max_subtasks=n_epochs)
            self._root.call_on_fit_task_begin(**self._task)
            self._begin_epoch()

    def end_epoch(self, attributes: Callable[[], dict[str, Any]]) -> bool:
        """End an epoch, after which the fit would have `attributes`; return whether to stop."""
        if self._root is None:
            return False
        stop = self._epoch.call_on_fit_task_end(**self._task, reconstruction_attributes=attributes)
        self._epoch = None
        if not stop:
            self._begin_epoch()
        return stop

    def close(self) -> None:
        """End the fit, and with it the epoch that early stopping left unused."""
        if self._epoch is not None:
            self._epoch.call_on_fit_task_end(estimator=self._task["estimator"])
        if self._root is not None:
            self._root.call_on_fit_task_end(**self._task, reconstruction_attributes=dict)

    def _begin_epoch(self) -> None:
        if self._left:
            self._left -= 1
            self._epoch = self._root.subcontext(task_name="epoch")
            self._epoch.call_on_fit_task_begin(**self._task)
