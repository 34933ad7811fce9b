"""What the caller has set in torch neither reaches our computations nor is changed by them."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
import torch

from skcollision._ambient import isolated


def settings():
    return (
        torch.is_grad_enabled(),
        torch.is_inference_mode_enabled(),
        torch.is_autocast_enabled("cpu"),
        torch.get_default_device(),
        torch.get_default_dtype(),
        torch.empty(0).dtype,
        torch.empty(0).device,
    )


def train():
    """Return what a step of training gives, with tensors that torch's defaults shape."""
    torch.manual_seed(0)
    network = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.BatchNorm1d(3))
    samples = torch.rand(5, 4) * torch.arange(4).div(4) + torch.full((4,), 0.1)
    loss = (network(samples) * torch.tensor([0.1, 0.2, 0.3])).square().sum()
    loss.backward()
    return torch.cat([loss.detach()[None], network[0].weight.grad.flatten()])


@pytest.fixture(scope="module")
def expected():
    with torch.random.fork_rng():
        return train()


@pytest.fixture(autouse=True)
def _keep_random_state():
    with torch.random.fork_rng():
        yield


def test_result_is_independent_of_the_settings(ambient, expected):
    with ambient(), isolated():
        result = train()
    assert result.dtype == torch.float32
    assert torch.equal(result, expected)


def test_settings_are_left_as_they_were(ambient):
    with ambient():
        before = settings()
        with isolated():
            pass
        assert settings() == before
        with pytest.raises(ZeroDivisionError), isolated():
            raise ZeroDivisionError
        assert settings() == before


def test_a_decorated_function_can_be_nested_and_called_again(ambient, expected):
    inner = isolated()(train)
    outer = isolated()(inner)
    with ambient():
        assert all(torch.equal(each(), expected) for each in (inner, outer, inner))
    assert inner.__name__ == "train"


def test_a_user_mode_stays_on():
    class Counter(torch.overrides.TorchFunctionMode):
        calls = 0

        def __torch_function__(self, func, types, args=(), kwargs=None):
            self.calls += 1
            return func(*args, **kwargs or {})

    with Counter() as counter, torch.device("meta"), isolated():
        before = counter.calls
        torch.zeros(2)
    assert counter.calls > before


def test_threads_do_not_see_each_other():
    n_threads = 4
    inside = Barrier(n_threads)

    def work(index):
        with torch.inference_mode(index % 2 == 0), torch.device("meta" if index % 2 else "cpu"):
            before = settings()
            for _ in range(20):
                inside.wait()
                if index < 2:
                    with isolated():
                        assert torch.is_grad_enabled()
                        assert torch.zeros(2).device.type == "cpu"
                        inside.wait()
                else:
                    inside.wait()
                    assert settings() == before
            assert settings() == before
        return True

    with ThreadPoolExecutor(n_threads) as pool:
        assert all(pool.map(work, range(n_threads)))
