"""Where to compute."""

from __future__ import annotations

import torch


def resolve_device(device: str) -> torch.device:
    """Turn "auto", "cpu", "cuda", "cuda:i" or "mps" into a device that is there.

    "auto" takes CUDA where torch finds it. Raises ValueError for other names, and for a device that
    torch does not find.

    >>> resolve_device("cpu")
    device(type='cpu')
    """
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    index = device.removeprefix("cuda").removeprefix(":")
    is_cuda = device == "cuda" or (device.startswith("cuda:") and index.isdecimal())
    if device not in ("cpu", "mps") and not is_cuda:
        raise ValueError(
            f"The 'device' parameter must be 'auto', 'cpu', 'cuda', 'cuda:i' or 'mps'. "
            f"Got {device!r} instead."
        )
    if is_cuda and int(index or 0) >= torch.cuda.device_count():
        raise ValueError(
            f"The 'device' parameter is {device!r}, but torch finds "
            f"{torch.cuda.device_count()} CUDA devices. Use device='cpu' or 'auto'."
        )
    if device == "mps" and not torch.backends.mps.is_available():
        raise ValueError(
            "The 'device' parameter is 'mps', but torch finds none. Use device='cpu' or 'auto'."
        )
    return torch.device(device)
