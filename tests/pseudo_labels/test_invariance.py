"""What must not change the solution, and that no input breaks it."""

import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from skcollision.pseudo_labels import PseudoLabelResult, solve_pseudo_labels, solve_stack

SOLVERS = pytest.mark.parametrize(
    "options",
    [{"solver": "dual", "tol": 1e-8}, {"solver": "em", "tol": 0, "max_iter": 20}],
    ids=["dual", "em"],
)


@SOLVERS
def test_weights_are_repetitions(predictions, options):
    probs = predictions(30, 4)
    counts = np.random.default_rng(0).integers(0, 4, 30)
    weighted = solve_pseudo_labels(probs, lam=10.0, sample_weight=counts, **options)
    repeated = solve_pseudo_labels(np.repeat(probs, counts, axis=0), lam=10.0, **options)
    assert weighted.objective == pytest.approx(repeated.objective, abs=2e-7)
    mean = np.average(weighted.pseudo_labels, axis=0, weights=counts)
    np.testing.assert_allclose(mean, repeated.pseudo_labels.mean(0), atol=1e-4)
    for unit in (1e-300, 1e6, 5e307):  # of the last the sum is beyond float64
        rescaled = solve_pseudo_labels(probs, lam=10.0, sample_weight=counts * unit, **options)
        assert rescaled.objective == pytest.approx(weighted.objective, abs=1e-10)


@SOLVERS
def test_order_of_points_and_names_of_clusters_do_not_matter(predictions, options):
    rng = np.random.default_rng(0)
    probs, prior = predictions(40, 6), rng.dirichlet(np.full(6, 5.0))
    rows, columns = rng.permutation(40), rng.permutation(6)
    plain = solve_pseudo_labels(probs, lam=10.0, prior=prior, **options)
    moved = solve_pseudo_labels(probs[rows][:, columns], lam=10.0, prior=prior[columns], **options)
    assert moved.objective == pytest.approx(plain.objective, abs=2e-8)
    np.testing.assert_allclose(
        moved.pseudo_labels, plain.pseudo_labels[rows][:, columns], atol=1e-3
    )


@SOLVERS
def test_a_stack_is_its_problems(predictions, options):
    probs = predictions(25, 5, stack=3)
    stack = solve_pseudo_labels(probs, lam=10.0, **options)
    assert stack.objective.shape == stack.duality_gap.shape == stack.converged.shape == (3,)
    assert stack.dual_variables.shape == (3, 5)
    for r in range(3):
        single = solve_pseudo_labels(probs[r], lam=10.0, **options)
        np.testing.assert_array_equal(single.pseudo_labels, stack.pseudo_labels[r])
        assert single.objective == stack.objective[r]


def test_types_follow_the_input(predictions):
    probs = predictions(25, 5)
    for dtype in (np.float32, np.float64):
        assert solve_pseudo_labels(probs.astype(dtype), lam=1.0).pseudo_labels.dtype == dtype
    tensor = torch.from_numpy(probs)
    result = solve_pseudo_labels(tensor, lam=1.0)
    assert isinstance(result, PseudoLabelResult)
    assert isinstance(result.pseudo_labels, torch.Tensor)
    array = solve_pseudo_labels(probs, lam=1.0)
    np.testing.assert_array_equal(result.pseudo_labels.numpy(), array.pseudo_labels)
    assert type(array.objective) is float
    with pytest.raises(AttributeError):
        result.objective = 0.0


def test_the_input_is_neither_changed_nor_required_contiguous(predictions):
    probs = predictions(25, 5)
    frozen = np.asfortranarray(probs)
    frozen.setflags(write=False)
    for solver in ("dual", "em"):
        a = solve_pseudo_labels(frozen, lam=1.0, solver=solver)
        b = solve_pseudo_labels(probs, lam=1.0, solver=solver)
        np.testing.assert_array_equal(a.pseudo_labels, b.pseudo_labels)


def test_logits_give_what_their_softmax_gives():
    logits = np.random.default_rng(0).normal(size=(20, 4)) * 3
    probs = torch.from_numpy(logits).softmax(1).numpy()
    a = solve_pseudo_labels(logits + 1e4, lam=10.0, from_logits=True)
    assert a.objective == pytest.approx(solve_pseudo_labels(probs, lam=10.0).objective, abs=1e-8)


SCRIPT = """\
import hashlib, numpy as np
from skcollision.pseudo_labels import solve_stack
digest = hashlib.sha256()
for shape in ((3, 300, 6), (1, 9000, 5)):
    x = np.exp(np.random.default_rng(0).normal(size=shape) * 3)
    x /= x.sum(2, keepdims=True)
    for solver, max_iter in (("dual", None), ("em", 5)):
        r = solve_stack(x, lam=10.0, solver=solver, tol=1e-6, max_iter=max_iter)
        digest.update(r.pseudo_labels.tobytes() + r.objective.tobytes() + r.duality_gap.tobytes())
print(digest.hexdigest())
"""


def test_any_number_of_threads_gives_the_same_bits():
    digests = set()
    for threads in ("1", "3"):
        env = os.environ | {"NUMBA_NUM_THREADS": threads, "OMP_NUM_THREADS": "1"}
        run = subprocess.run(
            [sys.executable, "-c", SCRIPT], env=env, capture_output=True, text=True, check=True
        )
        digests.add(run.stdout.strip())
    assert len(digests) == 1
    assert len(digests.pop()) == 64


@settings(max_examples=80)
@given(
    logits=hnp.arrays(
        np.float64,
        st.tuples(st.integers(1, 12), st.integers(2, 7)),
        elements=st.floats(-1e4, 1e4) | st.floats(-3, 3),
    ),
    lam=st.sampled_from([0, 1e-3, 0.1, 1, 10, 100, 1e4, 1e6, np.inf]),
    dtype=st.sampled_from([np.float32, np.float64]),
    solver=st.sampled_from(["dual", "em"]),
    weighted=st.booleans(),
)
def test_labels_are_on_the_simplex_for_any_predictions(logits, lam, dtype, solver, weighted):
    if solver == "em" and np.isinf(lam):
        return
    weights = np.arange(len(logits)) % 3 + (len(logits) == 1) if weighted else None
    weights = None if weights is None or weights.sum() == 0 else weights
    result = solve_pseudo_labels(
        logits.astype(dtype),
        lam=lam,
        sample_weight=weights,
        solver=solver,
        from_logits=True,
        max_iter=30,
    )
    labels = result.pseudo_labels
    assert labels.dtype == dtype
    assert np.isfinite(labels).all()
    assert labels.min() >= 0
    np.testing.assert_allclose(labels.sum(1), 1, atol=2e-6)
    assert np.isfinite(result.objective)
    assert 0 <= result.duality_gap < np.inf
    assert np.isfinite(result.dual_variables).all()


HARD = {
    "one-hot": lambda n, k, rng: np.eye(k)[rng.integers(k, size=n)],
    "one cluster": lambda n, k, rng: np.tile(np.eye(k)[0], (n, 1)),
    "uniform": lambda n, k, rng: np.full((n, k), 1 / k),
    "dead": lambda n, k, rng: np.pad(rng.dirichlet(np.ones(k - 1), n), ((0, 0), (1, 0))),
    "duplicates": lambda n, k, rng: np.repeat(rng.dirichlet(np.ones(k), -(-n // 10)), 10, 0)[:n],
    "sharp": lambda n, k, rng: rng.dirichlet(np.full(k, 0.05), n),
}


@pytest.mark.parametrize("make", HARD.values(), ids=HARD)
@pytest.mark.parametrize("shape", [(1, 2), (1, 200), (50, 2), (50, 10), (200, 77)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_hard_predictions(make, shape, dtype):
    probs = make(*shape, np.random.default_rng(0))
    probs = (probs / probs.sum(1, keepdims=True)).astype(dtype)
    for lam in (0, 0.1, 1.0, 10.0, 100.0, 1e4, np.inf):
        result = solve_pseudo_labels(probs, lam=lam)
        labels = result.pseudo_labels
        assert np.isfinite(labels).all()
        assert labels.min() >= 0
        np.testing.assert_allclose(labels.sum(1), 1, atol=2e-6)
        assert np.isfinite(result.objective)
        limit = 1e-6 * max(1.0, abs(result.objective))
        assert result.converged == (result.duality_gap <= limit)
        # What a training step needs is certain even where the last digits are not.
        assert result.duality_gap <= 0.1 * max(1.0, abs(result.objective))
        if np.isinf(lam):
            np.testing.assert_allclose(labels.mean(0), 1 / shape[1], atol=1e-6)


def test_solve_stack_takes_a_prior_for_each_problem(predictions):
    probs = predictions(80, 4, stack=2)
    priors = np.array([[0.4, 0.3, 0.2, 0.1], [0.25] * 4])
    result = solve_stack(probs, lam=np.inf, prior=priors, tol=1e-6)
    np.testing.assert_allclose(result.pseudo_labels.mean(1), priors, atol=1e-6)
