import builtins
import sys
from types import SimpleNamespace

import pytest
import torch

from skcollision._networks import load_weights
from skcollision.deep import VGG4
from skcollision.deep._network import make_backbone


# Section 5.2 of the paper, as math.md has it: channels, stride and the inputs of the linear layer.
@pytest.mark.parametrize(
    ("shape", "channels", "stride", "n_features"),
    [
        ((1, 28, 28), [64, 128, 256, 512], 1, 512 * 3 * 3),
        ((3, 32, 32), [32, 64, 128, 256], 1, 256 * 4 * 4),
        ((3, 96, 96), [128, 256, 512, 1024], 2, 1024),
    ],
)
def test_the_three_variants(shape, channels, stride, n_features):
    network = VGG4(shape)
    convolutions = [layer for layer in network if isinstance(layer, torch.nn.Conv2d)]
    assert [layer.out_channels for layer in convolutions] == channels
    assert {layer.stride for layer in convolutions} == {(stride, stride)}
    assert {(layer.kernel_size, layer.padding) for layer in convolutions} == {((5, 5), (2, 2))}
    assert sum(isinstance(layer, torch.nn.MaxPool2d) for layer in network) == 3
    assert network.eval()(torch.zeros(1, *shape)).shape == (1, n_features)
    assert sum(isinstance(layer, torch.nn.BatchNorm2d) for layer in network) == 4


def test_pools_before_relus_change_nothing():
    """The paper's order is ReLU, then the pool."""
    torch.manual_seed(0)
    network = VGG4((1, 8, 8), width=0.05, batch_norm=False)
    usual, layers = [], list(network)
    for index, layer in enumerate(layers):
        if isinstance(layer, torch.nn.MaxPool2d):
            assert isinstance(layers[index + 1], torch.nn.ReLU)
            usual += [layers[index + 1], layer]
        elif not (index and isinstance(layers[index - 1], torch.nn.MaxPool2d)):
            usual.append(layer)
    assert [type(layer).__name__ for layer in usual[:3]] == ["Conv2d", "ReLU", "MaxPool2d"]
    images = torch.randn(5, 1, 8, 8)
    torch.testing.assert_close(network(images), torch.nn.Sequential(*usual)(images))


def test_width_scales_channels():
    assert VGG4((1, 28, 28), width=0.25)(torch.zeros(2, 1, 28, 28)).shape == (2, 128 * 9)


@pytest.mark.parametrize("shape", [(30,), (1, 7, 20)])
def test_vgg4_needs_images(shape):
    with pytest.raises(ValueError, match="at least 8 x 8 pixels"):
        VGG4(shape)


def test_a_module_is_copied():
    module = torch.nn.Linear(3, 2)
    made = make_backbone(module, (3,), "Test")
    torch.testing.assert_close(made.weight, module.weight)
    assert made.weight.data_ptr() != module.weight.data_ptr()


@pytest.mark.parametrize("name", ["resnet18", "keras/resnet18", "timm/"])
def test_an_unknown_library_is_an_error(name):
    with pytest.raises(ValueError, match="'backbone' parameter of Test must be 'vgg4'"):
        make_backbone(name, (3, 32, 32), "Test")


@pytest.mark.parametrize("name", ["torchvision/resnet18", "timm/resnet18"])
def test_a_library_that_cannot_be_imported_is_named(name, monkeypatch):
    library = name.split("/")[0]
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(ImportError, match=f"'backbone' parameter of Test needs {library}"):
        make_backbone(name, (3, 32, 32), "Test")


def test_networks_of_timm_take_any_number_of_channels(monkeypatch):
    def create_model(name, *, pretrained, num_classes, in_chans):
        assert (name, pretrained, num_classes) == ("any", False, 0)
        network = torch.nn.Conv2d(in_chans, 4, 1)
        network.pretrained_cfg = {}
        return network

    data = SimpleNamespace(
        resolve_model_data_config=lambda network: {},
        create_transform=lambda is_training: None,
    )
    timm = SimpleNamespace(create_model=create_model, data=data)
    monkeypatch.setitem(sys.modules, "timm", timm)
    assert make_backbone("timm/any", (5, 2, 2), "Test").in_channels == 5


@pytest.fixture
def trained():
    return VGG4((1, 8, 8), width=0.05)


@pytest.mark.parametrize("wrap", [lambda s: s, lambda s: {"state_dict": s}, lambda s: {"model": s}])
@pytest.mark.parametrize("prefix", ["", "module.backbone."])
def test_weights_are_found_in_a_file(trained, wrap, prefix, tmp_path):
    state = {prefix + name: value for name, value in trained.state_dict().items()}
    torch.save(wrap(state | {"head.weight": torch.zeros(3)}), tmp_path / "weights.pt")
    network = VGG4((1, 8, 8), width=0.05)
    load_weights(network, tmp_path / "weights.pt", "Test")
    for name, value in trained.state_dict().items():
        torch.testing.assert_close(network.state_dict()[name], value, rtol=0, atol=0)


def test_weights_that_do_not_fit_are_an_error(trained):
    wider = VGG4((1, 8, 8), width=0.1)
    with pytest.raises(
        ValueError, match=r"(?s)Test does not fit the network: .*size mismatch for 0\."
    ):
        load_weights(wider, trained.state_dict(), "Test")


class Code:
    def __reduce__(self):
        return builtins.exec, ("raise SystemExit",)


def test_code_in_a_file_is_not_run(trained, tmp_path):
    torch.save({"state_dict": Code()}, tmp_path / "evil.pt")
    with pytest.raises(ValueError, match="unpickling can run any code"):
        load_weights(trained, tmp_path / "evil.pt", "Test")
