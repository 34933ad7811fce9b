"""The interior point's passes by numba, which is loaded with the first of them."""

from __future__ import annotations

from typing import Any

import numpy as np

from skcollision.pseudo_labels._problem import Problem


class KernelPasses:
    """`Passes` of a problem in NumPy arrays; kernels see one layout, float64 in C order."""

    def __init__(self, problem: Problem, linear: bool) -> None:
        from skcollision.pseudo_labels.kernels import passes

        n_stack, _, n_clusters = problem.probs.shape
        self._kernels, self._linear = passes, linear
        self._points = passes.new_points(problem.probs, problem.weights)
        self._sums = passes.new_sums(n_stack, n_clusters)
        self.labels = self._points.labels

    def centre(self, mu: float) -> None:
        """Start near the central path."""
        self._kernels.centre(self._points, mu, self._linear)

    def measure(self, active: Any, with_gram: Any, delta: Any, step_p: Any, step_d: Any) -> Any:
        """Take a step, then evaluate certificate and Newton system."""
        settings = active, with_gram, np.ascontiguousarray(delta), step_p, step_d, self._linear
        self._kernels.measure(self._points, *settings, self._sums)
        return self._sums

    def predict(self, active: Any, affine: Any) -> Any:
        """Follow the predictor."""
        self._kernels.predict(self._points, active, np.ascontiguousarray(affine), self._sums)
        return self._sums

    def correct(self, active: Any, affine: Any, step: Any, sigma_mu: Any) -> Any:
        """Find the corrected direction."""
        settings = active, np.ascontiguousarray(affine), np.ascontiguousarray(step), sigma_mu
        self._kernels.correct(self._points, *settings, self._sums)
        return self._sums
