"""The interior point's passes by numba, which is loaded with the first of them."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import numpy as np

from skcollision.pseudo_labels._problem import Problem


class KernelPasses:
    """`Passes` of a problem in NumPy arrays; kernels see one layout, float64 in C order."""

    def __init__(self, problem: Problem, linear: bool) -> None:
        from skcollision.pseudo_labels.kernels import passes

        probs = problem.probs
        n_stack, n_points, n_clusters = probs.shape
        self._kernels, self._linear = passes, linear
        self._with_share = math.isinf(problem.lam)
        self.labels = np.empty_like(probs)
        self._points = passes.new_records((n_stack, n_points), passes.POINT)
        arrays = probs, self.labels, np.zeros_like(probs)
        self._data = *arrays, problem.weights, self._points
        self._numbers = passes.new_records((n_stack,), passes.SUMS)
        self._vectors = np.zeros((6, n_stack, n_clusters))
        self._gram = np.zeros((n_stack, n_clusters, n_clusters))
        names = ("mean", "share", "response", "response_mu", "response_2nd", "missed")
        self._sums = SimpleNamespace(
            **{name: self._numbers[name] for name in passes.SUMS.names or ()},
            **dict(zip(names, self._vectors, strict=True)),
            gram=self._gram,
        )

    def centre(self, mu: float) -> None:
        """Start near the central path."""
        self._kernels.centre(*self._data[:2], self._points, mu, self._linear)

    def measure(self, active: Any, with_gram: Any, delta: Any, step_p: Any, step_d: Any) -> Any:
        """Take a step, then evaluate certificate and Newton system."""
        step = np.ascontiguousarray(delta), step_p, step_d, self._linear, self._with_share
        sums = self._numbers, *self._vectors[:3], self._gram
        self._kernels.measure(*self._data, active, with_gram, *step, *sums)
        return self._sums

    def predict(self, active: Any, affine: Any) -> Any:
        """Follow the predictor."""
        sums = self._numbers, *self._vectors[3:5]
        self._kernels.predict(*self._data, active, np.ascontiguousarray(affine), *sums)
        return self._sums

    def correct(self, active: Any, affine: Any, step: Any, sigma_mu: Any) -> Any:
        """Find the corrected direction."""
        steps = np.ascontiguousarray(affine), np.ascontiguousarray(step), sigma_mu
        self._kernels.correct(*self._data, active, *steps, self._numbers, self._vectors[5])
        return self._sums
