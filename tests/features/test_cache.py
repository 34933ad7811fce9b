"""The cache: what is embedded again and what is not, whatever happens."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from skcollision.features import ImagePreprocessing, image_paths

SEEN = []


class Counting(nn.Module):
    """Features that count how many images were embedded."""

    def __init__(self, scale=1.0):
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(scale))

    def forward(self, images):
        SEEN.append(len(images))
        return images.mean(dim=(2, 3)) * self.scale


class Squared(Counting):
    """The same weights, other code."""

    def forward(self, images):
        return super().forward(images) ** 2


@pytest.fixture
def embed(mean_colour, tmp_path):
    """Embed with a cache and return the features and the number of images that were embedded."""

    def embed(X, model=None, **params):
        embedder = mean_colour(model or Counting(), cache_dir=tmp_path / "cache", **params).fit()
        SEEN.clear()
        features = embedder.transform(X)
        return features, sum(SEEN)

    return embed


def test_nothing_is_embedded_twice(embed, mean_colour, folder, colours):
    expected = mean_colour().fit_transform(folder)
    # By content, not by name: the array has the same pixels but not the same bytes as the files.
    for X, n_new in [(folder, 10), (image_paths(folder)[3:], 0), (colours, 10), (colours[::2], 0)]:
        features, n_embedded = embed(X)
        # the key of the network takes one more look at the test image
        assert n_embedded == n_new
        np.testing.assert_allclose(
            features, expected[{5: np.s_[::2], 7: np.s_[3:]}.get(len(features), np.s_[:])]
        )


@pytest.mark.parametrize(
    "other",
    [
        {"model": Counting(1.5)},
        {"model": Counting(1 + 1e-6)},
        {"model": Squared()},
        {"preprocess": ImagePreprocessing(size=8, interpolation="bicubic")},
        {"preprocess": ImagePreprocessing(size=8, mean=(0.4,) * 3)},
    ],
    ids=["weights", "nearly the same weights", "code", "interpolation", "mean"],
)
def test_another_network_has_features_of_its_own(embed, colours, other):
    embed(colours)
    assert embed(colours, **other)[1] == len(colours)
    assert embed(colours)[1] == embed(colours, **other)[1] == 0


def test_weights_of_any_type_are_told_apart(embed, colours):
    assert embed(colours, model=Counting().double())[1] == len(colours)
    assert embed(colours, model=Counting())[1] == len(colours)
    model = Counting()
    model.register_buffer("steps", torch.tensor(3, dtype=torch.bfloat16))
    assert embed(colours, model=model)[1] == len(colours)


def test_changed_content_is_embedded_again(embed, folder):
    embed(folder, n_jobs=2)
    path = image_paths(folder)[2]
    path.write_bytes(image_paths(folder)[5].read_bytes())
    assert embed(folder)[1] == 0  # that content is known
    changed = bytearray(path.read_bytes())
    path.write_bytes(changed + b"trailing")
    assert embed(folder)[1] == 1


def test_unreadable_images_are_not_kept(embed, folder):
    path = image_paths(folder)[4]
    whole = path.read_bytes()
    path.write_bytes(whole[:45])
    with pytest.warns(UserWarning, match="1 of 10 images"):
        embed(folder, on_error="mask")
    with pytest.raises(ValueError, match=r"a4\.PNG"):
        embed(folder)
    path.write_bytes(whole)
    assert embed(folder)[1] == 1


def test_a_damaged_cache_is_named(embed, colours, tmp_path):
    embed(colours)
    (file,) = (tmp_path / "cache").glob("*.sqlite")
    file.write_bytes(b"damaged" * 1000)
    with pytest.raises(ValueError, match=rf"{file.name} cannot be used.*'cache_dir'"):
        embed(colours)


KILLED = """
import os, signal, sys
sys.path.insert(0, {tests!r})
import test_cache
from conftest import RAW
from skcollision.features import ImageEmbedder

class Killed(test_cache.Counting):
    def forward(self, images):
        if sum(test_cache.SEEN[1:]) == 8:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().forward(images)

ImageEmbedder(Killed(), preprocess=RAW, batch_size=4, cache_dir={cache!r}).fit_transform({images!r})
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs kill -9")
def test_a_killed_run_goes_on_where_it_was(embed, mean_colour, folder, tmp_path):
    script = KILLED.format(
        tests=str(Path(__file__).parent), cache=str(tmp_path / "cache"), images=str(folder)
    )
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    run = subprocess.run([sys.executable, "-c", script], env=environment, check=False)
    assert run.returncode == -signal.SIGKILL
    features, n_embedded = embed(folder)
    assert n_embedded == 2
    np.testing.assert_allclose(features, mean_colour().fit_transform(folder))
