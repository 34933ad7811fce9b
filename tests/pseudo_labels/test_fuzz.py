"""Random problems for every solver: finite labels on the simplex, a bounded run, or a clear error.

``SKCOLLISION_FUZZ_CASES`` sets how many cases run, ``SKCOLLISION_FUZZ_SEED`` the first seed.
"""

import os

import numpy as np
import pytest
import torch

from skcollision.pseudo_labels import solve_pseudo_labels
from skcollision.pseudo_labels._solve import SOLVERS

N_CASES = 2 * int(os.environ.get("SKCOLLISION_FUZZ_CASES", 200))
FIRST_SEED = int(os.environ.get("SKCOLLISION_FUZZ_SEED", 0))


def draw_predictions(rng):
    """Draw predictions of any certainty, down to exact zeros, or their logits."""
    n_points, n_clusters = int(rng.integers(1, 12)), int(rng.integers(1, 8))
    scale = 10.0 ** rng.integers(-3, 5)
    logits = scale * rng.normal(size=(n_points, n_clusters))
    if rng.random() < 0.3:
        logits = logits[rng.integers(n_points, size=n_points)]
    if rng.random() < 0.2:
        logits[:, rng.integers(n_clusters)] -= 1e4
    dtype = rng.choice([np.float32, np.float64])
    if rng.random() < 0.3:
        return logits.astype(dtype), True
    probs = np.exp(logits - logits.max(1, keepdims=True))
    probs /= probs.sum(1, keepdims=True)
    return (probs.round() if rng.random() < 0.1 else probs).astype(dtype), False


def draw_problem(rng):
    """Draw predictions and arguments."""
    probs, from_logits = draw_predictions(rng)
    n_points, n_clusters = probs.shape
    arguments = {
        "lam": float(rng.choice([0.0, np.inf, 10.0 ** rng.integers(-323, 309), 1.0, 100.0])),
        "solver": str(rng.choice(list(SOLVERS))),
        "fairness": str(rng.choice(["KL(u||y)", "KL(y||u)"])),
        "from_logits": from_logits,
        "tol": 10.0 ** rng.integers(-12, 0),
        "max_iter": int(rng.integers(1, 30)),
    }
    if rng.random() < 0.5:
        prior = rng.random(n_clusters) ** 4 + 10.0 ** rng.integers(-12, 1)
        arguments["prior"] = prior / prior.sum()
    if rng.random() < 0.5:
        weight = rng.random(n_points) * 10.0 ** rng.integers(-300, 301)
        weight[rng.random(n_points) < 0.3] = 0
        arguments["sample_weight"] = weight
    if rng.random() < 0.1:
        return torch.from_numpy(probs), arguments
    return probs, arguments


def fault(seed):
    """Solve one problem; return what is wrong with the answer, if anything."""
    probs, arguments = draw_problem(np.random.default_rng(seed))
    case = f"seed {seed}, {arguments} on {probs.dtype} {tuple(probs.shape)}"
    try:
        result = solve_pseudo_labels(probs, **arguments)
    except ValueError as error:
        return None if "parameter" in str(error) or "weight" in str(error) else f"{case}: {error}"
    except Exception as error:
        return f"{case}: {error!r}"
    labels = np.asarray(result.pseudo_labels, dtype=np.float64)
    if not (np.isfinite(labels).all() and (labels >= 0).all()):
        return f"{case}: labels are not finite and positive"
    if np.abs(labels.sum(1) - 1).max() > 1e-5:
        return f"{case}: labels are off the simplex"
    if np.isnan(result.objective) or np.isnan(result.duality_gap) or result.duality_gap < -1e-4:
        return f"{case}: objective {result.objective}, gap {result.duality_gap}"
    return None


@pytest.mark.filterwarnings("ignore")
def test_every_solver_ends_with_labels_or_a_clear_error():
    print(f"seeds from {FIRST_SEED}")
    faults = [each for each in map(fault, range(FIRST_SEED, FIRST_SEED + N_CASES)) if each]
    assert not faults, "\n".join(faults)
