"""scikit-learn's own estimator checks, on vectors: rows without an image_shape."""

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from skcollision.deep import DeepClusterer, SemiSupervisedDeepClassifier


class LinearBackbone:
    """A backbone with a repr, so that tests have the same name in every process."""

    def __repr__(self):
        return "linear"

    def __call__(self, input_shape):
        from torch import nn

        return nn.Linear(input_shape[0], 8)


SHORT = {"backbone": LinearBackbone(), "max_iter": 6, "batch_size": 100, "learning_rate": 0.1}
SUPERVISED = SHORT | {"supervised_weight": 10.0, "learning_rate": 0.2, "weight_decay": 0.0}


def not_for_unknown_classes(estimator):
    """Name the check whose data have a class -1."""
    if isinstance(estimator, DeepClusterer):
        return {}
    return {
        "check_classifiers_classes": "one of its two classes is -1, which marks unknown ones; "
        "scikit-learn itself leaves it out for LabelPropagation"
    }


@pytest.mark.filterwarnings("ignore:.*clusters ended empty:sklearn.exceptions.ConvergenceWarning")
@parametrize_with_checks(
    [DeepClusterer(2, **SHORT), SemiSupervisedDeepClassifier(**SUPERVISED)],
    expected_failed_checks=not_for_unknown_classes,
)
def test_estimator_checks(estimator, check):
    check(estimator)
