"""A callback of a classifier's fit is given a model that predicts."""

import numpy as np
import pytest
from sklearn.datasets import load_wine

from skcollision import CollisionClassifier, SemiSupervisedCollisionClassifier

X, Y = load_wine(return_X_y=True)


class Scores:
    """Follows scikit-learn's protocol: the accuracy of the model after each epoch."""

    def __init__(self):
        self.after_epochs = []

    def setup(self, estimator, context): ...

    def teardown(self, estimator, context): ...

    def on_fit_task_begin(self, estimator, context): ...

    def on_fit_task_end(self, estimator, context, *, X=None, fitted_estimator=None):
        if context.task_name == "epoch" and fitted_estimator is not None:
            self.after_epochs.append(np.mean(fitted_estimator.predict(X) == Y))


@pytest.mark.parametrize("n_components", [128, 5])
@pytest.mark.parametrize(
    "classifier", [CollisionClassifier, SemiSupervisedCollisionClassifier], ids=["all", "few"]
)
def test_the_model_of_an_epoch_predicts(classifier, n_components):
    pytest.importorskip("sklearn.callback")
    scores, options = Scores(), {"max_iter": 20, "tol": 0, "random_state": 0}
    if classifier is SemiSupervisedCollisionClassifier:
        options["n_components"] = n_components
    classifier(**options).set_callbacks(scores).fit(X, Y)
    assert len(scores.after_epochs) == 20
    assert scores.after_epochs[-1] > 0.9
