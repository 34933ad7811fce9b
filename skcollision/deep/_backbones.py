"""Networks from samples to features."""

from __future__ import annotations

import copy
import os
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

import torch
from torch import Tensor, nn

Backbone = str | nn.Module | Callable[[tuple[int, ...]], nn.Module]

# Below it, RGB images are treated as CIFAR's 32 x 32 are, from it on as STL-10's 96 x 96.
LARGE_IMAGE = 64


class VGG4(nn.Sequential):
    """The paper's network for training from scratch: four 5 x 5 convolutions with ReLU.

    A 2 x 2 max-pool follows each of the first three. There are three variants, for grey images, for
    RGB images, and for RGB images of 64 pixels and more, whose convolutions have stride 2. Each
    convolution is normalised over the batch, as in the network of the same layers of IIC's authors.

    Parameters
    ----------
    input_shape : tuple (C, H, W)
        Shape of an image; one channel selects the grey variant.
    width : float, default=1.0
        Factor of the numbers of channels, 64-128-256-512 for grey images, 32-64-128-256 for RGB
        ones and 128-256-512-1024 for large ones.
    batch_norm : bool, default=True
        Whether a batch normalisation follows each convolution. Without it predictions have most of
        their differences drowned in what all images share, and learn several times slower; it is
        for batches of one image, and for the paper's description to the letter.

    Raises
    ------
    ValueError
        If the input is no image, or smaller than the pools can halve (8 pixels; 64 for stride 2).

    References
    ----------
    Zhang & Boykov, "Collision Cross-entropy for Soft Class Labels and Deep Clustering",
    arXiv 2303.07321, section 5.2. X. Ji, J. F. Henriques and A. Vedaldi, "Invariant Information
    Clustering for Unsupervised Image Classification and Segmentation", ICCV 2019, code.

    Examples
    --------
    >>> import torch
    >>> from skcollision.deep import VGG4
    >>> VGG4((1, 28, 28), width=0.25)(torch.zeros(2, 1, 28, 28)).shape  # 128 x 3 x 3
    torch.Size([2, 1152])
    """

    def __init__(
        self, input_shape: tuple[int, ...], width: float = 1.0, batch_norm: bool = True
    ) -> None:
        if len(input_shape) != 3 or min(input_shape[1:]) < 8:
            raise ValueError(
                f"VGG4 takes images of at least 8 x 8 pixels. Got samples of shape {input_shape} "
                "instead; set 'image_shape' for flattened images, or another 'backbone'."
            )
        channels, side = input_shape[0], min(input_shape[1:])
        stride = 2 if channels > 1 and side >= LARGE_IMAGE else 1
        first = 64 if channels == 1 else 128 if stride == 2 else 32
        layers: list[nn.Module] = []
        for index in range(4):
            outputs = max(1, round(width * first * 2**index))
            layers.append(nn.Conv2d(channels, outputs, 5, stride, padding=2, bias=not batch_norm))
            if batch_norm:
                layers.append(nn.BatchNorm2d(outputs))
            # The maximum and ReLU commute, and after the pool ReLU has a quarter of the work.
            if index < 3:
                layers.append(nn.MaxPool2d(2))
            layers.append(nn.ReLU())
            channels = outputs
        super().__init__(*layers, nn.Flatten())
        for layer in self:
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
                if layer.bias is not None:
                    nn.init.zeros_(layer.bias)


def make_backbone(backbone: Backbone, input_shape: tuple[int, ...], caller: str) -> nn.Module:
    """Return a new network from samples of `input_shape` to features.

    Parameters
    ----------
    backbone : "vgg4", "torchvision/NAME", "timm/NAME", nn.Module or callable
        A module is copied, with its weights; a callable is given `input_shape`.
    input_shape : tuple of int
        (C, H, W) or (F,).
    caller : str
        Who asks, for error messages.
    """
    if isinstance(backbone, nn.Module):
        return copy.deepcopy(backbone)
    if not isinstance(backbone, str):
        return backbone(input_shape)
    if backbone == "vgg4":
        return VGG4(input_shape)
    library, _, name = backbone.partition("/")
    if library not in _ZOOS or not name:
        raise ValueError(
            f"The 'backbone' parameter of {caller} must be 'vgg4', 'torchvision/NAME', "
            f"'timm/NAME', a torch.nn.Module or a callable. Got {backbone!r} instead."
        )
    try:
        return _ZOOS[library](name, input_shape)
    # An installation made for another torch fails with a RuntimeError or an OSError.
    except (ImportError, RuntimeError, OSError) as error:
        raise ImportError(
            f"backbone={backbone!r} of {caller} needs {library}, which cannot be used: {error} "
            f"Install the version that fits torch {torch.__version__}, or pass a torch.nn.Module."
        ) from error
    except (KeyError, ValueError) as error:
        raise ValueError(
            f"The 'backbone' parameter of {caller} must name a network of {library}. "
            f"Got {backbone!r} instead: {error}"
        ) from error


def _timm_network(name: str, input_shape: tuple[int, ...]) -> nn.Module:
    timm = import_module("timm")
    network: nn.Module = timm.create_model(name, num_classes=0, in_chans=input_shape[0])
    return network


def _torchvision_network(name: str, input_shape: tuple[int, ...]) -> nn.Module:
    network: nn.Module = import_module("torchvision.models").get_model(name, weights=None)
    # The classifier is the last linear layer of torchvision's classifiers.
    linear = [name for name, part in network.named_modules() if isinstance(part, nn.Linear)]
    if not linear:
        raise ValueError("it has no linear classifier to take off.")
    network.set_submodule(linear[-1], nn.Identity())
    return network


_ZOOS = {"timm": _timm_network, "torchvision": _torchvision_network}


def load_pretrained(
    network: nn.Module, pretrained: str | os.PathLike[str] | Mapping[str, Tensor], caller: str
) -> None:
    """Load weights into a network, from a file or a state dict.

    Files are read with ``weights_only=True``. A dictionary under "state_dict" or "model" is found,
    and a prefix that all weights of the network share ("module.", "backbone.") is taken off. What
    the file has beyond the network, such as the head of the pretext task, is not used.

    Raises
    ------
    ValueError
        If the file does not have all the network's weights, in their shapes.
    """
    state: Any = pretrained
    if not isinstance(pretrained, Mapping):
        state = torch.load(pretrained, map_location="cpu", weights_only=True)
    for key in ("state_dict", "model"):
        if isinstance(state, Mapping) and isinstance(state.get(key), Mapping):
            state = state[key]
    if not isinstance(state, Mapping):
        raise ValueError(
            f"The 'pretrained' parameter of {caller} must be a state dict or a file of one. "
            f"Got a {type(state).__name__} instead."
        )
    wanted = network.state_dict()
    prefix = _common_prefix(wanted, state)
    found = {name: state.get(prefix + name) for name in wanted}
    bad = [
        name
        for name, value in found.items()
        if not isinstance(value, Tensor) or value.shape != wanted[name].shape
    ]
    if bad:
        raise ValueError(
            f"The 'pretrained' parameter of {caller} lacks {len(bad)} of the backbone's "
            f"{len(wanted)} weights in their shapes, {bad[0]!r} among them. Check that it was made "
            "with this backbone."
        )
    network.load_state_dict(found)


def _common_prefix(wanted: Mapping[str, Tensor], state: Mapping[str, Any]) -> str:
    """Return what stands before the network's names in the state, "" where they are not there."""
    first = next(iter(wanted), "")
    prefixes = [key.removesuffix(first) for key in state if key.endswith(first)]
    complete = [each for each in prefixes if all(each + name in state for name in wanted)]
    return min(complete, key=len, default="")
