"""scikit-learn's own estimator checks."""

from sklearn.utils.estimator_checks import check_classifiers_classes, parametrize_with_checks

from skcollision.supervised import CollisionClassifier, SemiSupervisedCollisionClassifier

SHORT = {"n_init": 2, "max_iter": 20}


MINUS_ONE = "-1 is a class in this check; scikit-learn spares its own semi-supervised classifiers"


def expected_failures(estimator):
    if not isinstance(estimator, SemiSupervisedCollisionClassifier):
        return {}
    return {"check_classifiers_classes": MINUS_ONE}


@parametrize_with_checks(
    [
        CollisionClassifier(**SHORT),
        CollisionClassifier(loss="shannon", **SHORT),
        SemiSupervisedCollisionClassifier(max_iter=15),
    ],
    expected_failed_checks=expected_failures,
)
def test_estimator_checks(estimator, check):
    check(estimator)


def test_the_check_passes_where_minus_one_means_no_label():
    # By this name the check knows such a classifier, and leaves -1 out.
    classifier = SemiSupervisedCollisionClassifier(max_iter=15)
    check_classifiers_classes("SelfTrainingClassifier", classifier)
