"""A network whose features are known: the mean colour of an image, in [0, 1]."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from torch import nn

from skcollision.features import ImageEmbedder, ImagePreprocessing

MEAN_COLOUR = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
RAW = ImagePreprocessing(size=8, crop_fraction=1.0, mean=(0.0,) * 3, std=(1.0,) * 3)


@pytest.fixture
def mean_colour():
    """Make an embedder of mean colours, with other parameters as given."""

    def make(model=MEAN_COLOUR, **params):
        return ImageEmbedder(model, **{"preprocess": RAW, "batch_size": 4, **params})

    return make


@pytest.fixture
def colours():
    """Ten plain images, each of another colour."""
    rng = np.random.default_rng(0)
    return np.tile(rng.integers(0, 256, (10, 1, 1, 3), dtype=np.uint8), (1, 12, 9, 1))


@pytest.fixture
def folder(tmp_path, colours) -> Path:
    """The same as files, in a folder of folders."""
    root = tmp_path / "photos"
    (root / "more").mkdir(parents=True)
    for index, pixels in enumerate(colours):
        place = root / "more" if index > 6 else root
        Image.fromarray(pixels).save(place / f"{'z' if index > 6 else 'a'}{index}.PNG")
    (root / "notes.txt").write_text("no image")
    (root / ".hidden.png").write_text("no image")
    (root / "more").rename(root / "zz")
    return root
