"""scikit-learn's own estimator checks, with no expected failure."""

import numpy as np
import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from skcollision import (
    CollisionClusterer,
    MIADMClusterer,
    MutualInfoClusterer,
    SeLaClusterer,
    ShannonClusterer,
)

# The default fit, and short ones of the same machinery with other criteria.
SHORT = {"n_init": 2, "max_iter": 20}
RIVALS = [MIADMClusterer, MutualInfoClusterer, SeLaClusterer, ShannonClusterer]


class InFloat32(CollisionClusterer):
    """The clusterer as users of float32 features meet it: the checks' own data are float64."""

    def _check_data(self, X, sample_weight, *, reset):
        X, weight = super()._check_data(X, sample_weight, reset=reset)
        return X.astype(np.float32), None if weight is None else weight.astype(np.float32)


def not_for_float32(estimator):
    """Name the checks that rounding the data to float32 makes meaningless."""
    if not isinstance(estimator, InFloat32):
        return {}
    return {
        "check_sample_weight_equivalence_on_dense_data": "compares to 1e-7, a float32's resolution",
        "check_transformer_preserve_dtypes": "the subclass makes float32 of float64 on purpose",
    }


@pytest.mark.filterwarnings("ignore:.*clusters ended empty:sklearn.exceptions.ConvergenceWarning")
@pytest.mark.filterwarnings("ignore:Batches of 15 points:UserWarning")
@parametrize_with_checks(
    [CollisionClusterer(), InFloat32(**SHORT), *(rival(**SHORT) for rival in RIVALS)],
    expected_failed_checks=not_for_float32,
)
def test_estimator_checks(estimator, check):
    check(estimator)


def test_every_clusterer_is_checked(clusterer_class):
    assert clusterer_class in [CollisionClusterer, *RIVALS]
