import pytest
import torch

from skcollision.engine import resolve_device


def test_auto_finds_what_is_there():
    expected = "cuda" if torch.cuda.is_available() else "cpu"
    assert resolve_device("auto").type == expected


@pytest.mark.parametrize("device", ["gpu", "cuda:", "cuda:x", "mps:0", ""])
def test_unknown_names_are_an_error(device):
    with pytest.raises(ValueError, match="'device' parameter"):
        resolve_device(device)


def test_a_missing_gpu_is_an_error():
    with pytest.raises(ValueError, match="CUDA devices"):
        resolve_device("cuda:99")
