"""Networks of timm and torchvision without their classifiers, and weights from files."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from textwrap import shorten
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from skcollision._extras import import_extra

# Where training scripts put the weights in a checkpoint that holds more.
_WEIGHTS_KEYS = ("state_dict", "model")


class NamedNetwork(NamedTuple):
    """A network without its classifier, the names of the classifier's layers, preprocessing."""

    network: nn.Module
    classifier: tuple[str, ...]
    preprocess: Any


def build_named(
    name: str, owner: str, others: str, *, pretrained: bool = False, n_channels: int = 3
) -> NamedNetwork:
    """Return "timm/NAME" or "torchvision/NAME", which parameter `owner` takes beside `others`."""
    library, _, model = name.partition("/")
    if library not in ("timm", "torchvision") or not model:
        raise ValueError(
            f"{owner} must be {others}, 'timm/NAME' or 'torchvision/NAME'. Got {name!r} instead."
        )
    module = import_extra("timm" if library == "timm" else "torchvision.models", "images", owner)
    try:
        if library == "timm":
            return _of_timm(module, model, pretrained, n_channels)
        return _of_torchvision(module, model, pretrained)
    except OSError as error:
        raise OSError(
            f"The weights of {name!r} could not be fetched: {error} Fetch them where there is a "
            "network, and give the file."
        ) from error
    except (KeyError, RuntimeError, ValueError) as error:
        raise ValueError(f"{owner} is {name!r}, which {library} cannot make: {error}") from error


def _of_timm(timm: Any, name: str, pretrained: bool, n_channels: int) -> NamedNetwork:
    network = timm.create_model(name, pretrained=pretrained, num_classes=0, in_chans=n_channels)
    classifier = network.pretrained_cfg.get("classifier") or ()
    names = (classifier,) if isinstance(classifier, str) else tuple(classifier)
    config = timm.data.resolve_model_data_config(network)
    return NamedNetwork(network, names, timm.data.create_transform(**config, is_training=False))


def _of_torchvision(models: Any, name: str, pretrained: bool) -> NamedNetwork:
    name, _, tag = name.partition(".")
    choices = models.get_model_weights(name)
    if tag and tag not in choices.__members__:
        raise ValueError(f"its weights are {', '.join(choices.__members__)}.")
    weights = choices[tag] if tag else choices.DEFAULT
    network = models.get_model(name, weights=weights if pretrained else None)
    # The classifier is the last linear layer of all of torchvision's classifiers but SqueezeNet.
    linear = [name for name, part in network.named_modules() if isinstance(part, nn.Linear)]
    if not linear:
        raise ValueError("it has no linear classifier. Give a torch.nn.Module without one.")
    network.set_submodule(linear[-1], nn.Identity())
    return NamedNetwork(network, (linear[-1],), weights.transforms())


def load_weights(
    network: nn.Module,
    weights: str | os.PathLike[str] | Mapping[str, Any],
    owner: str,
    *,
    unused: tuple[str, ...] = ("",),
) -> None:
    """Load all of a network's weights, and none of layers that begin with one of `unused`."""
    state = weights if isinstance(weights, Mapping) else _read(Path(weights), owner)
    for key in _WEIGHTS_KEYS:
        if isinstance(state, Mapping) and isinstance(state.get(key), Mapping):
            state = state[key]
    if not isinstance(state, Mapping) or not any(isinstance(v, Tensor) for v in state.values()):
        raise ValueError(f"{owner} holds no weights. Give network.state_dict(), or a file of it.")
    wanted = network.state_dict()
    prefix = _prefix(wanted, state)  # such as "module."
    state = {name.removeprefix(prefix): value for name, value in state.items()}
    state = {k: v for k, v in state.items() if k in wanted or not k.startswith(unused)}
    try:
        network.load_state_dict(state)
    except RuntimeError as error:  # names all keys that are missing, unknown or of another shape
        raise ValueError(f"{owner} does not fit the network: {shorten(str(error), 600)}") from error


def _read(path: Path, owner: str) -> Any:
    if not path.is_file():
        raise ValueError(f"{owner} must be a checkpoint. Got {str(path)!r}, which is not a file.")
    is_safe = path.suffix == ".safetensors"
    safetensors = import_extra("safetensors.torch", "images", owner) if is_safe else None
    try:
        if safetensors:
            return safetensors.load_file(path)
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # each library and kind of damage has its own
        raise ValueError(
            f"The checkpoint {path} is damaged or holds more than tensors, which is not loaded "
            "because unpickling can run any code. Save network.state_dict(), with torch.save or "
            "safetensors."
        ) from error


def _prefix(wanted: Mapping[str, Tensor], state: Mapping[str, Any]) -> str:
    """Return what stands before the most of the network's names in the state."""
    first = next(iter(wanted), "")
    prefixes = {"", *(key.removesuffix(first) for key in state if key.endswith(first))}
    return max(
        prefixes, key=lambda each: (sum(each + name in state for name in wanted), -len(each))
    )
