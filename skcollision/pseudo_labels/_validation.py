"""Checks of the public entry's arguments, each with an error that names the parameter."""

from __future__ import annotations

import math
from numbers import Integral, Real
from typing import Any

import numpy as np
import torch

from skcollision._errors import wrong
from skcollision.pseudo_labels._fairness import FAIRNESS_ORDERS

CALLER = "solve_pseudo_labels"
# How far rows of probabilities may sum from one: float16 softmax outputs pass.
_SUM_TOL = 2e-3


def fail(name: str, wanted: str, got: object, error: type[Exception] = ValueError) -> None:
    """Raise the error of a bad parameter."""
    raise wrong(name, CALLER, f"be {wanted}", got, error)


def check_choice(name: str, value: object, choices: tuple[str, ...]) -> None:
    """Raise unless ``value`` is one of ``choices``."""
    if not isinstance(value, str) or value not in choices:
        fail(name, "one of " + ", ".join(repr(choice) for choice in choices), repr(value))


def check_real(name: str, value: object, *, low: float, strict: bool, finite: bool) -> None:
    """Raise unless ``value`` is a real number above ``low``."""
    wanted = f"a real number {'>' if strict else '>='} {low:g}" + (", not infinite" * finite)
    if not isinstance(value, Real) or isinstance(value, bool):
        fail(name, wanted, f"{value!r} of type {type(value).__name__}", TypeError)
    number = float(value)  # type: ignore[arg-type]
    if math.isnan(number) or number < low or (strict and number == low):
        fail(name, wanted, repr(value))
    if finite and math.isinf(number):
        fail(name, wanted, repr(value))


def check_settings(*, lam: object, fairness: object, tol: object, max_iter: object) -> None:
    """Check the parameters that do not depend on the data or the solver."""
    check_real("lam", lam, low=0, strict=False, finite=False)
    check_choice("fairness", fairness, FAIRNESS_ORDERS)
    check_real("tol", tol, low=0, strict=False, finite=True)
    if max_iter is None:
        return
    if not isinstance(max_iter, Integral) or isinstance(max_iter, bool):
        fail("max_iter", "None or an integer >= 1", repr(max_iter), TypeError)
    if int(max_iter) < 1:  # type: ignore[call-overload]
        fail("max_iter", "None or an integer >= 1", repr(max_iter))


def check_array(name: str, value: Any, shape: tuple[int, ...] | None = None) -> Any:
    """Return a floating array or tensor of finite numbers; lists become float64 arrays."""
    if not isinstance(value, np.ndarray | torch.Tensor):
        try:
            value = np.asarray(value, dtype=np.float64)
        except (TypeError, ValueError):
            fail(name, "an array of real numbers", type(value).__name__, TypeError)
    is_tensor = isinstance(value, torch.Tensor)
    if is_tensor and value.device.type == "meta":
        fail(name, "a tensor with values", "one on the device 'meta'")
    floating = value.is_floating_point() if is_tensor else value.dtype.kind == "f"
    if not floating:
        fail(name, "of a floating type", f"dtype {value.dtype}", TypeError)
    if shape is not None and tuple(value.shape) != shape:
        fail(name, f"of shape {shape}", f"shape {tuple(value.shape)}")
    finite = torch.isfinite(value) if is_tensor else np.isfinite(value)
    if not bool(finite.all()):
        fail(name, "finite", f"{int((~finite).sum())} entries that are NaN or infinite")
    return value


def check_probs(probs: Any, from_logits: bool) -> Any:
    """Return probs, checked to be (N, K) or (R, N, K) with rows on the simplex (or any logits)."""
    probs = check_array("probs", probs)
    if probs.ndim not in (2, 3) or 0 in tuple(probs.shape):
        fail("probs", "non-empty, of shape (N, K) or (R, N, K)", f"shape {tuple(probs.shape)}")
    if from_logits:
        return probs
    if float(probs.min()) < 0:
        fail("probs", "non-negative (or logits, with from_logits=True)", float(probs.min()))
    worst = float(abs(_row_sums(probs) - 1).max())
    if worst > _SUM_TOL:
        fail(
            "probs",
            "probabilities, rows that sum to one (or logits, with from_logits=True)",
            f"a row whose sum is off by {worst:.3g}",
        )
    return probs


def check_weights(sample_weight: Any, n_points: int) -> Any:
    """Return the weights, checked: one a point, none negative, not all zero."""
    if sample_weight is None:
        return None
    weight = check_array("sample_weight", _as_float(sample_weight), (n_points,))
    if float(weight.min()) < 0 or not float(weight.max()) > 0:
        fail("sample_weight", "non-negative with a positive sum", f"minimum {float(weight.min())}")
    return weight


def check_prior(prior: Any, n_stack: int | None, n_clusters: int) -> Any:
    """Return the prior, checked: positive probabilities, one row or one for each of a stack."""
    if prior is None:
        return None
    prior = check_array("prior", _as_float(prior))
    shapes = [(n_clusters,)] + ([] if n_stack is None else [(n_stack, n_clusters)])
    if tuple(prior.shape) not in shapes:
        wanted = " or ".join(str(shape) for shape in shapes)
        fail("prior", f"of shape {wanted}", f"shape {tuple(prior.shape)}")
    if not float(prior.min()) > 0:
        fail("prior", "positive", f"an entry {float(prior.min())}")
    worst = float(abs(prior.sum(-1) - 1).max())
    if worst > 1e-3:
        fail("prior", "probabilities that sum to one", f"a sum off by {worst:.3g}")
    return prior


def check_labels(init: Any, shape: tuple[int, ...]) -> Any:
    """Return starting labels, checked to be on the simplex."""
    if init is None:
        return None
    init = check_array("init", init, shape)
    if float(init.min()) < 0 or float(abs(init.sum(-1) - 1).max()) > _SUM_TOL:
        fail("init", "labels on the simplex", "rows that are not")
    return init


def _row_sums(probs: Any) -> Any:
    """Return probs.sum(-1), in a third of NumPy's time where rows are short.

    Not by a product with ones: threads of BLAS stay awake after it, on cores that kernels need.
    """
    if isinstance(probs, np.ndarray) and probs.dtype in (np.float32, np.float64):
        return np.einsum("...k->...", probs)
    return probs.sum(-1)


def _as_float(values: Any) -> Any:
    """Turn integers and booleans into float64, leave the rest to the checks."""
    if isinstance(values, torch.Tensor):
        return values if values.is_floating_point() else values.double()
    values = np.asarray(values)
    return values.astype(np.float64) if values.dtype.kind in "iub" else values
