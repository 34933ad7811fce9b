import pytest
import torch

from skcollision.deep import VirtualAdversary
from skcollision.deep._views import default_augmentation
from skcollision.losses import soft_cross_entropy


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 32, 32), (4, 16, 16)])
def test_default_views_are_other_images_of_the_same_shape(shape):
    images = torch.rand(6, *shape)
    views = default_augmentation(shape, "Test")(images)
    assert views.shape == images.shape
    assert torch.isfinite(views).all()
    # Each image is drawn a change of its own.
    assert ((views - images).flatten(1).abs().amax(1) > 1e-3).all()
    repeated = default_augmentation(shape, "Test")(images[:1].expand(6, *shape))
    assert (repeated[1:] - repeated[0]).flatten(1).abs().amax(1).max() > 1e-3


def test_vectors_have_no_views():
    assert default_augmentation((5,), "Test") is None


@pytest.fixture
def network():
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(16, 3))


def test_an_adversary_has_its_length_and_beats_chance(network):
    images = torch.rand(50, 1, 4, 4)
    adversary = VirtualAdversary(epsilon=0.2, n_steps=2)
    views = adversary.view(images, network)
    change = (views - images).flatten(1).norm(dim=1)
    size = images.square().mean().mul(16).sqrt()
    torch.testing.assert_close(change, (0.2 * size).expand(50), rtol=1e-4, atol=1e-6)
    noise = torch.randn_like(images)
    noise *= (0.2 * size / noise.flatten(1).norm(dim=1))[:, None, None, None]

    def cost(views):
        return soft_cross_entropy(network(views), network(images).softmax(1))

    assert cost(views) > cost(images + noise) > 0


def test_the_adversary_of_two_classes_is_the_difference_of_their_weights():
    network = torch.nn.Linear(4, 2, bias=False)
    images = torch.randn(20, 4)
    change = VirtualAdversary(n_steps=3).view(images, network) - images
    direction = network.weight[0] - network.weight[1]
    cosine = torch.cosine_similarity(change, direction.expand(20, 4))
    torch.testing.assert_close(cosine.abs(), torch.ones(20), rtol=0, atol=1e-2)


def test_networks_are_left_without_gradients(network):
    VirtualAdversary().view(torch.rand(5, 1, 4, 4), network)
    assert all(parameter.grad is None for parameter in network.parameters())
