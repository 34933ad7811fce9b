"""scikit-learn's own estimator checks, with no expected failure."""

import numpy as np
import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from skcollision import CollisionClusterer


class Float32CollisionClusterer(CollisionClusterer):
    """The clusterer as users of float32 features meet it."""

    def _check_data(self, X, sample_weight, *, reset):
        X, weight = super()._check_data(X, sample_weight, reset=reset)
        return X.astype(np.float32), None if weight is None else weight.astype(np.float32)


@pytest.mark.filterwarnings("ignore:.*clusters ended empty:sklearn.exceptions.ConvergenceWarning")
@parametrize_with_checks([CollisionClusterer()])
def test_estimator_checks(estimator, check):
    check(estimator)
