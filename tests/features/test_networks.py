"""Networks by name, with stand-ins for timm and torchvision, and local checkpoints."""

import enum
import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from skcollision.features import ImageEmbedder, ImagePreprocessing

PREPROCESS = ImagePreprocessing(size=4)


class Classifier(nn.Module):
    """The shape of torchvision's networks: features, then a head that ends in a linear layer."""

    def __init__(self, n_classes=7):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 5, 2), nn.BatchNorm2d(5), nn.AdaptiveAvgPool2d(1))
        self.head = nn.Sequential(nn.Dropout(), nn.Linear(5, n_classes))

    def forward(self, images):
        return self.head(self.body(images).flatten(1))


class Weights(enum.Enum):
    FIRST = 1
    SECOND = 2
    DEFAULT = 2

    def transforms(self):
        return PREPROCESS


@pytest.fixture
def torchvision(monkeypatch):
    """torchvision's calls, as its documentation has them; returns the calls made."""
    calls = []

    def get_model(name, *, weights):
        calls.append((name, weights))
        return {"net": Classifier, "pool": nn.AdaptiveAvgPool2d}[name](*([1] * (name == "pool")))

    def get_model_weights(name):
        if name not in ("net", "pool"):
            raise ValueError(f"Unknown model {name}")
        return Weights

    models = ModuleType("torchvision.models")
    models.get_model, models.get_model_weights = get_model, get_model_weights
    monkeypatch.setitem(sys.modules, "torchvision", ModuleType("torchvision"))
    monkeypatch.setitem(sys.modules, "torchvision.models", models)
    return calls


@pytest.fixture
def timm(monkeypatch):
    """timm's calls, as its documentation has them; returns the calls made."""
    calls = []

    def create_model(name, *, pretrained, num_classes, in_chans):
        calls.append((name, pretrained, num_classes))
        if name != "net.tag":
            raise RuntimeError(f"Unknown model ({name})")
        network = Classifier()
        network.head[1] = nn.Identity()
        network.pretrained_cfg = {"classifier": ("head.1", "aux")}
        return network

    module = ModuleType("timm")
    module.create_model = create_model
    module.data = SimpleNamespace(
        resolve_model_data_config=lambda network: {"size": 4 if network.pretrained_cfg else 0},
        create_transform=lambda size, is_training: None if is_training else PREPROCESS,
    )
    monkeypatch.setitem(sys.modules, "timm", module)
    return calls


@pytest.fixture
def images():
    return np.random.default_rng(0).integers(0, 256, (3, 9, 8, 3), dtype=np.uint8)


def expected_features(classifier, images):
    from PIL import Image

    tensors = torch.stack([PREPROCESS(Image.fromarray(each)) for each in images])
    with torch.no_grad():
        return classifier.eval().body(tensors).flatten(1).numpy()


@pytest.mark.parametrize(
    ("name", "weights"), [("net", Weights.DEFAULT), ("net.FIRST", Weights.FIRST)]
)
def test_torchvision_network_loses_its_classifier(torchvision, images, name, weights):
    embedder = ImageEmbedder(f"torchvision/{name}").fit()
    assert torchvision == [("net", weights)]
    assert embedder.preprocess_ is PREPROCESS
    features = embedder.transform(images)
    np.testing.assert_array_equal(features, expected_features(embedder.network_, images))


def test_timm_network_has_no_classifier(timm, images):
    embedder = ImageEmbedder("timm/net.tag").fit()
    assert timm == [("net.tag", True, 0)]
    assert embedder.preprocess_ is PREPROCESS
    assert embedder.transform(images).shape == (3, 5)


def test_the_paper_s_network_is_the_default(torchvision):
    with pytest.raises(ValueError, match=r"torchvision/resnet50\.IMAGENET1K_V1"):
        ImageEmbedder().fit()


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("resnet50", "'timm/NAME' or 'torchvision/NAME'. Got 'resnet50'"),
        ("timm/", "Got 'timm/'"),
        ("keras/net", "Got 'keras/net'"),
        ("timm/none", r"'timm/none', which timm cannot make: Unknown model \(none\)"),
        ("torchvision/none", "Unknown model none"),
        ("torchvision/net.THIRD", "weights are FIRST, SECOND, DEFAULT"),
        ("torchvision/pool", "no linear classifier"),
    ],
)
def test_unknown_names_are_an_error(torchvision, timm, model, message):
    with pytest.raises(ValueError, match=message):
        ImageEmbedder(model).fit()


@pytest.mark.parametrize("library", ["timm", "torchvision"])
def test_without_the_library_one_error_says_what_to_install(monkeypatch, library):
    monkeypatch.setitem(sys.modules, library, None)
    monkeypatch.setitem(sys.modules, f"{library}.models", None)
    with pytest.raises(
        ImportError, match=rf"needs {library}, .*pip install 'skcollision\[images\]'"
    ):
        ImageEmbedder(f"{library}/net").fit()


def test_a_library_that_breaks_at_its_import_is_not_there(monkeypatch, tmp_path):
    # What a torchvision for another torch does.
    (tmp_path / "timm.py").write_text("raise RuntimeError('operator nms does not exist')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "timm", raising=False)
    with pytest.raises(ImportError, match=r"images'.*operator nms does not exist"):
        ImageEmbedder("timm/net.tag").fit()


def test_weights_that_cannot_be_fetched_are_one_error(timm, monkeypatch):
    def create_model(*args, **kwargs):
        raise ConnectionError("no route to host.")

    monkeypatch.setattr(sys.modules["timm"], "create_model", create_model)
    with pytest.raises(OSError, match=r"'timm/net.tag' could not be fetched: no route.*"):
        ImageEmbedder("timm/net.tag").fit()


def save_nested(state, path):
    torch.save({"epoch": 3, "state_dict": {f"module.{k}": v for k, v in state.items()}}, path)


@pytest.mark.parametrize(
    ("save", "name"),
    [(torch.save, "w.pth"), (save_nested, "w.ckpt"), (save_file, "w.safetensors")],
)
@pytest.mark.parametrize("library", ["timm/net.tag", "torchvision/net", "own"])
def test_local_checkpoints(torchvision, timm, images, tmp_path, save, name, library):
    # A head of another size is as good, but in a module of one's own.
    trained = Classifier(7 if library == "own" else 3)
    nn.init.normal_(trained.body[1].running_mean)
    save(trained.state_dict(), tmp_path / name)
    model = Classifier() if library == "own" else library
    embedder = ImageEmbedder(model, weights=tmp_path / name, preprocess=PREPROCESS).fit()
    np.testing.assert_array_equal(
        expected_features(embedder.network_, images), expected_features(trained, images)
    )
    assert [call[1] for call in torchvision + timm] == [None] * len(torchvision) + [False] * len(
        timm
    )
    if library == "own":
        assert not torch.equal(model.body[0].weight, trained.body[0].weight)  # the user's is left


def test_checkpoints_from_before_batch_norm_counted(tmp_path, images):
    trained = Classifier()
    state = {k: v for k, v in trained.state_dict().items() if not k.endswith("_tracked")}
    torch.save(dict(state), tmp_path / "old.pth")
    embedder = ImageEmbedder(Classifier(), weights=tmp_path / "old.pth").fit()
    torch.testing.assert_close(embedder.network_.head[1].weight, trained.head[1].weight)


class Payload:
    """What a malicious checkpoint might run."""

    def __reduce__(self):
        return exec, ("raise SystemExit('ran code')",)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (lambda path: None, "which is not a file"),
        (lambda path: torch.save({"x": Payload()}, path), "unpickling can run any code"),
        (lambda path: path.write_bytes(b"PK damaged"), "damaged"),
        (lambda path: torch.save([1, 2], path), "holds no weights"),
        (
            lambda path: torch.save({"body.0.weight": torch.zeros(1), "x": torch.ones(1)}, path),
            r"(?s)Missing key.*body.0.bias.*Unexpected key.*\"x\".*size mismatch for body.0.weight",
        ),
    ],
)
@pytest.mark.parametrize("suffix", ["pth", "safetensors"])
def test_bad_checkpoints_are_one_error(tmp_path, content, message, suffix):
    path = tmp_path / f"bad.{suffix}"
    content(path)
    expected = "damaged" if suffix == "safetensors" and path.exists() else message
    with pytest.raises(ValueError, match=expected):
        ImageEmbedder(Classifier(), weights=path).fit()
