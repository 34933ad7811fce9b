"""Ranks of a process group, each with its own rows: the fit of one process with all of them.

This file is also what the ranks run, as forks of a process that has done the imports.
"""

import os
import pickle
import runpy
import sys
import warnings
from contextlib import nullcontext
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest

EXAMPLE = Path(__file__).parent.parent / "examples" / "distributed" / "fit.py"
SECONDS = 240  # until ranks that wait for each other are taken for lost


def data():
    from skcollision.datasets import make_embeddings

    X = make_embeddings(420, 4, 24, spread=0.7, random_state=0)[0]
    weight = np.random.default_rng(0).choice([0.0, 0.5, 3.0], len(X))
    weight[:110] = 0  # all of those of a rank, if there are four
    return X, weight


def bounds(n_ranks):
    """Ragged, the second shard long."""
    return [0, 100, 420] if n_ranks == 2 else [0, 100, 330, 331, 420]


def fits(share):
    """Return what fits clusterers, by names; `share` makes of an array what is here of it."""
    from skcollision import CollisionClusterer, FeatureBlocks
    from skcollision.blocks import ShardedRows
    from skcollision.cluster import MutualInfoClusterer

    def rows(X):
        return X if share is None else ShardedRows(share(X))

    own = share or (lambda X: X)
    X, weight = data()

    def fit(data=X, weight=None, cls=CollisionClusterer, method="fit", **parameters):
        parameters = {"n_init": 2, "max_iter": 4, "random_state": 0, **parameters}
        here = {} if weight is None else {"sample_weight": own(weight)}
        model = cls(4, **parameters)
        for _ in range(2 if method == "partial_fit" else 1):
            getattr(model, method)(data if data is not X else rows(X), **here)
        return model, None if data is not X else model.score(rows(X), **here)

    blocks = FeatureBlocks([own(X.astype(np.float64))])
    some = np.random.RandomState(1)
    part = {"cls": MutualInfoClusterer, "method": "partial_fit", "max_samples": 10_000}
    return {
        "all rows": fit,
        "a sample": lambda: fit(max_samples=150, random_state=some),
        "weights": lambda: fit(weight=weight),
        "a sample by weight": lambda: fit(weight=weight, max_samples=150),
        "in part": lambda: fit(**part),
        "blocks": lambda: fit(blocks if share is None else ShardedRows(blocks), max_samples=150),
    }


def images():
    from sklearn.datasets import load_digits

    X, y = load_digits(n_class=4, return_X_y=True)
    return X[:420].reshape(-1, 8, 8) / 16, np.where(np.arange(420) % 3, -1, y[:420])


def backbone(shape):
    from torch import nn

    return nn.Sequential(nn.Flatten(), nn.Linear(int(np.prod(shape)), 16), nn.ReLU())


def trainings(share, folder=None):
    """Return the same of networks, whose batches may have none of some ranks' images."""
    from skcollision.blocks import ShardedRows
    from skcollision.deep import DeepClusterer, SemiSupervisedDeepClassifier

    X, y = images()
    rows = X if share is None else ShardedRows(share(X))

    def fit(data=rows, y=None, cls=DeepClusterer, **parameters):
        quick = {"backbone": backbone, "augment": None, "max_iter": 2, "batch_size": 105}
        model = cls(**{**quick, "random_state": 0, **parameters})
        return model.set_params(n_clusters=4).fit(data) if y is None else model.fit(data, y)

    def on_each_rank():
        if share is None:
            return fit(X), None
        model = fit(X, n_devices=int(os.environ["WORLD_SIZE"]), strategy="ddp")
        model.labels_ = share(model.labels_)
        return model, None

    def rounds():
        parameters = {"criterion": "sela", "label_rounds": 2}
        if share is not None:  # a fit that ends after an epoch, and one that goes on from there
            parameters["checkpoint"] = folder / "network" if os.environ["RANK"] == "0" else None
            target = "skcollision.deep._trainer.DeepTrainer._pass"
            with patch(target, interrupted()), pytest.raises(InterruptedError):
                fit(**parameters)
        return fit(**parameters), None

    def known_classes():
        own = y if share is None else share(y)
        steep = {"optimizer": "sgd", "learning_rate": 0.1}
        model = fit(y=own, cls=SemiSupervisedDeepClassifier, **steep)
        model.labels_ = model.predict(rows)
        return model, None

    views = {"criterion": "iic", "augment": lambda batch: 0.9 * batch}
    return {
        "network": lambda: (fit(overclustering=6), None),
        "all images on each rank": on_each_rank,
        "views": lambda: (fit(**views), None),
        "rounds": rounds,
        "known classes": known_classes,
    }


# What more ranks may change, beside that some have no weight, or none of a batch's images.
FOR_FOUR = ["weights", "a sample by weight", "network", "known classes"]


def interrupted():
    from skcollision.deep._trainer import DeepTrainer

    run_epoch = DeepTrainer._pass

    def once(self):
        if self.epoch == 1:
            raise InterruptedError
        return run_epoch(self)

    return once


def attributes(model, score):
    found = {name: value for name, value in vars(model).items() if name.endswith("_")}
    found["history_"] = found["history_"]["objective"] if "history_" in found else None
    if "network_" in found:
        weights = found["network_"].state_dict().values()
        found["network_"] = np.concatenate([each.numpy().ravel() for each in weights])
    return {**found, "score": score}


@pytest.fixture(scope="module")
def expected():
    with warnings.catch_warnings(action="ignore"):  # of clusters that are empty so soon
        made = {name: fit() for name, fit in (fits(None) | trainings(None)).items()}
    return {name: attributes(*each) for name, each in made.items()}


@pytest.fixture
def launch(forkserver, tmp_path):
    """Return what starts ranks, and returns exit codes, what they wrote and said."""

    def call(n_ranks, task):
        ranks = [
            forkserver.Process(
                target=runpy.run_path,
                args=(__file__, {"GIVEN": (rank, n_ranks, tmp_path, task)}, "__main__"),
            )
            for rank in range(n_ranks)
        ]
        try:
            for each in ranks:
                each.start()
            for each in ranks:
                each.join(SECONDS)
        finally:
            for each in ranks:
                each.kill()
        files = [tmp_path / str(rank) for rank in range(n_ranks)]
        found = [pickle.loads(each.read_bytes()) if each.exists() else None for each in files]
        texts = [each.with_suffix(".stderr").read_text() for each in files]
        return [each.exitcode for each in ranks], found, texts

    return call


@pytest.mark.slow
@pytest.mark.parametrize("n_ranks", [2, 4])
def test_ranks_with_shards_fit_what_one_process_does(n_ranks, expected, launch, tmp_path):
    codes, found, texts = launch(n_ranks, "results")
    assert codes == [0] * n_ranks, "\n".join(texts)
    cases = {name: expected[name] for name in FOR_FOUR}
    if n_ranks == 2:
        cases = expected | {"resumed": {**expected["all rows"], "score": None}}
        check_errors([each.pop("errors") for each in found])
        assert [len(np.load(tmp_path / f"labels-{rank}.npy")) for rank in (0, 1)] == [3000, 3000]
    assert {*found[0]} == {*cases}
    for name, one in cases.items():
        several = [each[name] for each in found]
        own = [each.pop("labels_") for each in several]
        assert [len(labels) for labels in own] == list(np.diff(bounds(n_ranks)))
        labels = np.concatenate(own)
        np.testing.assert_array_equal(labels, one["labels_"], err_msg=name)
        own_rows = {"labels_"}
        if "probabilities_" in one:
            certainty = np.concatenate([each.pop("probabilities_") for each in several])
            np.testing.assert_allclose(certainty, one["probabilities_"], rtol=1e-5, err_msg=name)
            own_rows |= {"probabilities_"}
        for each in several:
            assert {*each} | own_rows == {*one}
            for key in {*one} - own_rows:
                np.testing.assert_equal(each[key], several[0][key], err_msg=f"{name} {key}")
                if key != "history_" and one[key] is not None:
                    np.testing.assert_allclose(
                        each[key], one[key], rtol=1e-5, atol=1e-5, err_msg=f"{name} {key}"
                    )


WORDS = {
    "NaN on rank 1": "Input X contains NaN",
    "columns": "same columns on all ranks. Got 23 columns of float32, 24 columns of float32",
    "types": "Got 24 columns of float32, 24 columns of float64",
    "weights on rank 0": "sample_weight must be given on all ranks or on none",
    "weights of one more": "sample_weight.shape == ",
    "negative": "Negative values in data passed to `sample_weight`",
    "zero": "at least one non-zero number",
    "no rows": "Found array with 0 sample(s)",
    "few rows": "fewer than n_clusters=5",
    "a classifier": "ShardedRows are for the linear clusterers and the deep estimators only",
    "neighbours": "'n_neighbors' parameter of DeepClusterer must be 0 with ShardedRows",
    "parameters": "'batch_size' must be the same on all ranks. Got {",
    "samples": "samples of other shapes on other ranks: [(23,), (24,)]",
    "NaN in a sample of rank 1": "Input X contains NaN",
    "classes of one more": "inconsistent numbers of samples: [1, 2]",
}


def check_errors(found):
    """Every rank says what is wrong; where one alone has it, the others say which."""
    assert all({*each} == {*WORDS} for each in found)
    for name, words in WORDS.items():
        for each in found:
            assert words in each[name]
    alone = [name for name in WORDS if "rank 1" in name or "one more" in name]
    for name in [*alone, "no rows"]:
        assert found[1][name].startswith("ValueError")
        assert found[0][name].startswith("RuntimeError: Rank 1 stopped with ValueError: ")


@pytest.mark.slow
def test_a_rank_that_dies_ends_the_others(launch):
    codes, _, texts = launch(2, "death")
    assert codes == [1, 7], texts
    assert "ConnectionError: Another rank of the process group has stopped" in texts[0]


def test_shards_need_a_process_group():
    from skcollision.blocks import ShardedRows

    with pytest.raises(RuntimeError, match=r"call torch\.distributed\.init_process_group first"):
        ShardedRows(np.zeros((3, 2)))


def results(rank, share, folder):
    """Do all that ranks do to an end; what has less to do with their number, two of them."""
    cases = fits(share) | trainings(share, folder)
    if os.environ["WORLD_SIZE"] != "2":
        check_normalisation(share)
        return {name: attributes(*cases[name]()) for name in FOR_FOUR}
    found = {name: attributes(*fit()) for name, fit in cases.items()}
    found["resumed"] = resumed(rank, share, folder)
    found["errors"] = errors(rank, share, folder)
    os.chdir(folder)
    with patch.multiple(
        "torch.distributed",
        init_process_group=lambda *_, **__: None,
        destroy_process_group=lambda: None,
    ):
        runpy.run_path(str(EXAMPLE), run_name="__main__")
    return found


def check_normalisation(share):
    """Train a network that normalises batches, of which a rank has one image now and then."""
    from torch import nn

    from skcollision.blocks import ShardedRows
    from skcollision.deep import DeepClusterer

    network = nn.Sequential(nn.Flatten(), nn.Linear(64, 8), nn.BatchNorm1d(8), nn.ReLU())
    quick = {"augment": None, "max_iter": 2, "batch_size": 42}
    model = DeepClusterer(4, backbone=network, **quick).fit(ShardedRows(share(images()[0])))
    assert np.isfinite(model.history_["objective"]).all()


def resumed(rank, share, folder):
    """Fit with a checkpoint that only rank 0 may write, in the second attempt to the end."""
    from skcollision import CollisionClusterer
    from skcollision._checkpoint import Checkpoint
    from skcollision.blocks import ShardedRows

    path = folder / "checkpoint" if rank == 0 else folder / "nowhere" / "checkpoint"
    rows, models = ShardedRows(share(data()[0])), []
    models = [CollisionClusterer(4, n_init=2, max_iter=4, random_state=0) for _ in range(2)]
    save = Checkpoint.save

    def die(checkpoint, state):
        save(checkpoint, state)
        raise OSError("no space left")

    with patch.object(Checkpoint, "save", die), pytest.raises(Exception, match="no space left"):
        models[0].fit(rows, checkpoint=path)
    return attributes(models[1].fit(rows, checkpoint=path), None)


def errors(rank, share, folder):
    """Return what each way to be wrong is told."""
    from skcollision import CollisionClusterer
    from skcollision.blocks import ShardedRows
    from skcollision.deep import DeepClusterer, SemiSupervisedDeepClassifier
    from skcollision.supervised import CollisionClassifier

    X, weight = data()
    own, weight = share(X), share(weight)
    wrong = own.copy()
    wrong[-1, 5] = np.nan if rank == 1 else 0

    def linear(rows, weights=None):
        CollisionClusterer(5).fit(ShardedRows(rows), sample_weight=weights)

    def deep(rows, y=None, **parameters):
        method = DeepClusterer(3) if y is None else SemiSupervisedDeepClassifier()
        method.set_params(backbone=backbone, augment=None, max_iter=1, **parameters)
        method.fit(ShardedRows(rows), y)

    few, y = own[: 1 if rank == 1 else 9], [0, 1, -1] * 3
    cases = {
        "NaN on rank 1": lambda: linear(wrong),
        "columns": lambda: linear(own[:, int(rank == 1) :]),
        "types": lambda: linear(own.astype(np.float64 if rank == 1 else np.float32)),
        "weights on rank 0": lambda: linear(own, None if rank else weight),
        "weights of one more": lambda: linear(own, np.append(weight, 1) if rank == 1 else weight),
        "negative": lambda: linear(own, -weight),
        "zero": lambda: linear(own, 0 * weight),
        "no rows": lambda: linear(own[: 3 if rank == 0 else 0]),
        "few rows": lambda: linear(own[:1]),
        "a classifier": lambda: CollisionClassifier().fit(ShardedRows(own), [0, 1] * 4),
        "neighbours": lambda: deep(own, n_neighbors=2),
        "parameters": lambda: deep(own, batch_size=20 + int(rank)),
        "samples": lambda: deep(own[:, int(rank == 1) :]),
        "NaN in a sample of rank 1": lambda: deep(wrong),
        "classes of one more": lambda: deep(few, y[: len(few) + (rank == 1)]),
    }
    found = {}
    for name, fit in cases.items():
        try:
            fit()
        except (TypeError, ValueError, RuntimeError) as error:
            found[name] = f"{type(error).__name__}: {error}"
    return found


def death(rank, share, folder):
    """Let rank 1 die in a step of a network, while rank 0 waits for it, and then tries more."""
    from skcollision import CollisionClusterer
    from skcollision.blocks import ShardedRows
    from skcollision.deep._trainer import DeepTrainer

    dies = patch.object(DeepTrainer, "_step", lambda *_: os._exit(7)) if rank else nullcontext()
    with dies, pytest.raises(ConnectionError, match="has stopped"):
        trainings(share)["network"]()
    CollisionClusterer(4, n_init=1, max_iter=1).fit(ShardedRows(share(data()[0])))


TASKS = {"results": results, "death": death}


def main(rank, n_ranks, folder, task):
    import torch
    from torch import distributed

    sys.stderr = (folder / f"{rank}.stderr").open("w")
    os.environ.update(RANK=str(rank), LOCAL_RANK=str(rank), WORLD_SIZE=str(n_ranks))
    torch.set_num_threads(1)
    store = f"file://{folder}/store"
    distributed.init_process_group("gloo", init_method=store, rank=rank, world_size=n_ranks)
    ends = bounds(n_ranks)
    warnings.simplefilter("ignore")
    found = TASKS[task](rank, lambda X: X[ends[rank] : ends[rank + 1]], folder)
    (folder / f"{rank}").write_bytes(pickle.dumps(found))
    distributed.barrier()
    distributed.destroy_process_group()
    sys.stderr.flush()
    os._exit(0)  # torch now and then aborts as it unloads, on busy machines, when all is done


if __name__ == "__main__":
    main(*GIVEN)  # noqa: F821 -- of what forks this
