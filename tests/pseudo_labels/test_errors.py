"""Bad input: one error that names the parameter."""

import numpy as np
import pytest
import torch

from skcollision.pseudo_labels import solve_pseudo_labels

PROBS = np.full((4, 3), 1 / 3)


def with_nan():
    probs = PROBS.copy()
    probs[1, 2] = np.nan
    return probs


@pytest.mark.parametrize(
    "probs",
    [
        with_nan(),
        PROBS * 2,
        PROBS - [[0.5, 0, -0.5]],
        PROBS[0],
        PROBS[:0],
        PROBS[None, None],
        torch.full((4, 3), torch.inf),
        torch.full((4, 3), 1 / 3, device="meta"),
    ],
    ids=["nan", "sum", "negative", "1d", "empty", "4d", "inf", "device"],
)
def test_bad_predictions(probs):
    with pytest.raises(ValueError, match="probs"):
        solve_pseudo_labels(probs, lam=1.0)


def test_logits_without_from_logits_are_told_how():
    with pytest.raises(ValueError, match="from_logits"):
        solve_pseudo_labels(np.arange(6.0).reshape(2, 3), lam=1.0)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("lam", -1.0),
        ("lam", np.nan),
        ("prior", [0.5, 0.5]),
        ("prior", [0.5, 0.5, 0.0]),
        ("prior", [0.5, np.nan, 0.5]),
        ("sample_weight", [1.0, 1.0]),
        ("sample_weight", [1.0, -1.0, 1.0, 1.0]),
        ("sample_weight", np.zeros(4)),
        ("solver", "newton"),
        ("solver", None),
        ("fairness", "KL"),
        ("tol", -1e-3),
        ("tol", np.nan),
        ("max_iter", 0),
    ],
)
def test_a_wrong_value_is_named(name, value):
    with pytest.raises(ValueError, match=name):
        solve_pseudo_labels(PROBS, **{"lam": 1.0, name: value})


@pytest.mark.parametrize(
    ("name", "value"), [("lam", "1"), ("lam", None), ("tol", "x"), ("max_iter", 2.5)]
)
def test_a_wrong_type_is_named(name, value):
    with pytest.raises(TypeError, match=name):
        solve_pseudo_labels(PROBS, **{"lam": 1.0, name: value})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("init", PROBS[:2]),
        ("init", PROBS * 2),
        ("init", with_nan()),
        ("lam", np.inf),
        ("fairness", "KL(y||u)"),
    ],
)
def test_what_em_cannot_do_is_named(name, value):
    with pytest.raises(ValueError, match=name):
        solve_pseudo_labels(PROBS, **{"lam": 1.0, "solver": "em", name: value})
