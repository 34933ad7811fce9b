"""Networks from samples to features, and with linear heads on them to logits."""

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from skcollision._networks import build_named

Backbone = str | nn.Module | Callable[[tuple[int, ...]], nn.Module]

# Below it, RGB images are treated as CIFAR's 32 x 32 are, from it on as STL-10's 96 x 96.
LARGE_IMAGE = 64


class VGG4(nn.Sequential):
    """The paper's network for training from scratch: four 5 x 5 convolutions with ReLU.

    A 2 x 2 max-pool follows each of the first three. There are three variants: for grey images, for
    RGB images, and for RGB images of 64 pixels and more, whose convolutions have stride 2.

    Parameters
    ----------
    input_shape : tuple (C, H, W)
        Shape of an image; one channel selects the grey variant.
    width : float, default=1.0
        Factor of the numbers of channels, 64-128-256-512 for grey images, 32-64-128-256 for RGB
        ones and 128-256-512-1024 for large ones.
    batch_norm : bool, default=True
        Whether a batch normalisation follows each convolution, as in IIC's network of the same
        layers. The paper describes none, but training then is several times slower.

    Raises
    ------
    ValueError
        If the input is no image, or smaller than the pools can halve (8 pixels; 64 for stride 2).

    References
    ----------
    Zhang & Boykov, arXiv:2303.07321, section 5.2. Ji et al., the code of "Invariant Information
    Clustering for Unsupervised Image Classification and Segmentation", ICCV 2019.

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
    """Return a new network from samples of shape (C, H, W) or (F,) to features."""
    if isinstance(backbone, nn.Module):
        return copy.deepcopy(backbone)
    if not isinstance(backbone, str):
        return backbone(input_shape)
    if backbone == "vgg4":
        return VGG4(input_shape)
    owner, others = f"The 'backbone' parameter of {caller}", "'vgg4', a module, a callable"
    return build_named(backbone, owner, others, n_channels=input_shape[0]).network


class ClusteringNetwork(nn.Module):
    """From raw samples to the logits of all heads, of which the first predicts."""

    mean: Tensor
    std: Tensor

    def __init__(
        self, backbone: nn.Module, n_outputs: list[int], mean: Tensor, std: Tensor, sample: Tensor
    ) -> None:
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("std", std)
        # Whatever torch's default type is: samples are float32.
        self.backbone = backbone.float()
        self.n_outputs = n_outputs
        with evaluating(self), torch.no_grad():
            self.n_features = self.features(sample).shape[1]
        self.head = nn.Linear(self.n_features, sum(n_outputs), dtype=torch.float32)
        # torch's own initialisation, small: predictions that start out sure start out in few
        # clusters, since what features have in common outweighs their differences.
        nn.init.zeros_(self.head.bias)

    def features(self, samples: Tensor) -> Tensor:
        """Return the backbone's features, flattened, (B, D)."""
        features: Tensor = self.backbone((samples - self.mean) / self.std)
        return features.flatten(1)

    def forward(self, samples: Tensor) -> Tensor:
        """Return the logits of all heads, (B, sum(n_outputs))."""
        logits: Tensor = self.head(self.features(samples))
        return logits

    def logits(self, samples: Tensor) -> Tensor:
        """Return the logits of the head that predicts, (B, K)."""
        return self(samples)[:, : self.n_outputs[0]]


@contextmanager
def evaluating(network: nn.Module) -> Iterator[None]:
    """Hold a network in evaluation mode, and restore the mode of each of its parts after."""
    before = [(part, part.training) for part in network.modules()]
    network.eval()
    try:
        yield
    finally:
        for part, training in before:
            part.training = training
