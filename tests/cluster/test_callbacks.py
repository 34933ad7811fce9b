import builtins
import importlib

import numpy as np
import pytest

import skcollision._callbacks
from skcollision import CollisionClusterer
from skcollision.datasets import make_embeddings
from skcollision.metrics import clustering_accuracy_score

X, _ = make_embeddings(200, 3, 8, random_state=0)


class Recorder:
    """Follows scikit-learn's protocol: counts epochs, keeps a fitted estimator, may stop."""

    def __init__(self, stop_at=None):
        self.begun, self.ended, self.stop_at, self.predictions = 0, [], stop_at, []

    def setup(self, estimator, context):
        self.open = True

    def teardown(self, estimator, context):
        self.open = False

    def on_fit_task_begin(self, estimator, context):
        self.begun += 1

    def on_fit_task_end(self, estimator, context, *, X=None, fitted_estimator=None):
        self.ended.append(context.task_name)
        if context.task_name == "epoch" and fitted_estimator is not None:
            self.predictions.append(fitted_estimator.predict(X))
            return len(self.predictions) == self.stop_at
        return False


@pytest.fixture
def callback_module():
    return pytest.importorskip("sklearn.callback")


def test_each_epoch_is_a_task_with_an_estimator_to_evaluate(callback_module, clusterer_class):
    recorder = Recorder()
    clusterer = clusterer_class(3, max_iter=6, tol=0, random_state=0).set_callbacks(recorder)
    clusterer.fit(X)
    assert recorder.ended == ["epoch"] * 6 + ["fit"]
    assert recorder.begun == 7
    assert len(recorder.predictions) == 6
    assert not recorder.open
    # The restart that is best in an epoch need not be the one that is kept in the end.
    assert clustering_accuracy_score(clusterer.labels_, recorder.predictions[-1]) > 0.9


def test_a_callback_can_stop_the_fit(callback_module):
    recorder = Recorder(stop_at=2)
    clusterer = CollisionClusterer(3, max_iter=50, random_state=0).set_callbacks(recorder).fit(X)
    assert clusterer.n_iter_ == 2
    assert recorder.begun == len(recorder.ended) == 3


def test_progress_bar(callback_module, capsys):
    pytest.importorskip("rich")
    bar = callback_module.ProgressBar()
    CollisionClusterer(3, max_iter=5, random_state=0).set_callbacks(bar).fit(X)
    assert "CollisionClusterer" in capsys.readouterr().out


def test_early_stopping_closes_every_task(callback_module):
    recorder = Recorder()
    clusterer = CollisionClusterer(3, max_iter=2000, tol=1.0, random_state=0)
    clusterer.set_callbacks(recorder).fit(X)
    assert clusterer.n_iter_ < 2000
    assert recorder.begun == len(recorder.ended)


def test_older_scikit_learn_is_served_without_callbacks(monkeypatch):
    real_import = builtins.__import__

    def without_callbacks(name, *args, **kwargs):
        if name.startswith("sklearn.callback"):
            raise ImportError(name)
        return real_import(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without_callbacks)
    try:
        old = importlib.reload(skcollision._callbacks)

        class Estimator(old.CallbackSupportMixin):
            fit = old.with_callbacks(lambda self: old.EpochTasks(self, n_epochs=2, X=None))

        tasks = Estimator().fit()
        assert [tasks.end_epoch(dict), tasks.end_epoch(dict)] == [False, False]
        tasks.close()
    finally:
        monkeypatch.undo()
        importlib.reload(skcollision._callbacks)


def test_callbacks_leave_the_result_alone(callback_module):
    plain = CollisionClusterer(3, max_iter=5, random_state=0).fit(X)
    watched = CollisionClusterer(3, max_iter=5, random_state=0).set_callbacks(Recorder()).fit(X)
    np.testing.assert_array_equal(plain.coef_, watched.coef_)
