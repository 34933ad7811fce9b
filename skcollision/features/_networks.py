"""Networks without their classifiers: one's own, timm's and torchvision's."""

from __future__ import annotations

import copy
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.utils import consume_prefix_in_state_dict_if_present

from skcollision.features._extras import import_images_extra
from skcollision.features._preprocessing import ImagePreprocessing

Preprocess = Callable[[Any], Tensor]
# Where training scripts put the weights in a checkpoint that holds more.
_WEIGHTS_KEYS = ("state_dict", "model")


def build_network(
    model: str | nn.Module, weights: str | os.PathLike[str]
) -> tuple[nn.Module, Preprocess]:
    """Return a network of its own, ready to embed, and its preprocessing."""
    pretrained = weights == "pretrained"
    if isinstance(model, nn.Module):
        network, head, preprocess = copy.deepcopy(model), "", ImagePreprocessing()
    else:
        network, head, preprocess = _named_network(model, pretrained)
    if not pretrained:
        _load_checkpoint(network, Path(weights), head)
    return network.cpu().eval().requires_grad_(False), preprocess


def _named_network(model: str, pretrained: bool) -> tuple[nn.Module, str, Any]:
    """Return a library's network without its classifier, the classifier's name, preprocessing."""
    library, _, name = model.partition("/")
    if library not in _BUILDERS or not name:
        raise ValueError(
            "The 'model' parameter of ImageEmbedder must be a torch.nn.Module, 'timm/NAME' or "
            f"'torchvision/NAME'. Got {model!r} instead."
        )
    try:
        return _BUILDERS[library](name, pretrained)
    except ImportError:
        raise
    except OSError as error:
        raise OSError(
            f"The weights of {model!r} could not be fetched: {error} Fetch them where there is a "
            "network, and give the file as 'weights'."
        ) from error
    except (RuntimeError, ValueError) as error:
        raise ValueError(
            f"The 'model' parameter of ImageEmbedder is {model!r}, which {library} cannot make: "
            f"{error}"
        ) from error


def _torchvision_network(name: str, pretrained: bool) -> tuple[nn.Module, str, Any]:
    models = import_images_extra("torchvision.models")
    name, _, tag = name.partition(".")
    choices = models.get_model_weights(name)
    if tag and tag not in choices.__members__:
        raise ValueError(f"its weights are {', '.join(choices.__members__)}.")
    chosen = choices[tag] if tag else choices.DEFAULT
    network = models.get_model(name, weights=chosen if pretrained else None)
    # The classifier is the last linear layer of all of torchvision's classifiers but SqueezeNet.
    linear = [name for name, part in network.named_modules() if isinstance(part, nn.Linear)]
    if not linear:
        raise ValueError("it has no linear classifier. Give a torch.nn.Module without one.")
    parent, _, child = linear[-1].rpartition(".")
    setattr(network.get_submodule(parent), child, nn.Identity())
    return network, linear[-1], chosen.transforms()


def _timm_network(name: str, pretrained: bool) -> tuple[nn.Module, str, Any]:
    timm = import_images_extra("timm")
    network = timm.create_model(name, pretrained=pretrained, num_classes=0)
    config = timm.data.resolve_model_data_config(network)
    preprocess = timm.data.create_transform(**config, is_training=False)
    return network, network.pretrained_cfg.get("classifier") or "", preprocess


_BUILDERS = {"timm": _timm_network, "torchvision": _torchvision_network}


def _load_checkpoint(network: nn.Module, path: Path, head: str | tuple[str, ...]) -> None:
    """Put a file's weights into a network; all of them must fit but the classifier's."""
    state = _read_state(path)
    consume_prefix_in_state_dict_if_present(state, "module.")  # of DataParallel
    heads = tuple(f"{name}." for name in ([head] if isinstance(head, str) else head) if name)
    wanted = network.state_dict()
    state = {name: value for name, value in state.items() if not name.startswith(heads)}
    # Batch norm's counts of batches came to torch later, and serve training alone.
    optional = {name for name in wanted if name.endswith("num_batches_tracked")}
    missing = wanted.keys() - state.keys() - optional
    surplus = state.keys() - wanted.keys()
    other = {name for name in state.keys() & wanted if state[name].shape != wanted[name].shape}
    if missing or surplus or other:
        problems = {"missing": missing, "not of this network": surplus, "of another shape": other}
        listed = "; ".join(
            f"{what}: {', '.join(sorted(names)[:3])}{', ...' if len(names) > 3 else ''}"
            for what, names in problems.items()
            if names
        )
        raise ValueError(f"The weights in {path} do not fit the network: {listed}.")
    network.load_state_dict(state, strict=False)


def _read_state(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise ValueError(
            "The 'weights' parameter of ImageEmbedder must be 'pretrained' or the path of a "
            f"checkpoint. Got {str(path)!r} instead, which is not a file."
        )
    try:
        if path.suffix == ".safetensors":
            return dict(import_images_extra("safetensors.torch").load_file(path))
        state = torch.load(path, map_location="cpu", weights_only=True)
    except ImportError:
        raise
    except Exception as error:  # each library and kind of damage has its own
        raise ValueError(_unusable(path)) from error
    for key in _WEIGHTS_KEYS:
        if isinstance(state, dict) and isinstance(state.get(key), dict):
            state = state[key]
    if not isinstance(state, dict) or not all(
        isinstance(value, Tensor) for value in state.values()
    ):
        raise ValueError(_unusable(path))
    return dict(state)


def _unusable(path: Path) -> str:
    return (
        f"The checkpoint {path} is damaged or holds more than tensors, which is not loaded because "
        "unpickling can run any code. Save network.state_dict(), with torch.save or safetensors."
    )
