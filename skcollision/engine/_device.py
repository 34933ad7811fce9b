"""Where to compute."""

from __future__ import annotations

import torch


def resolve_device(device: str) -> torch.device:
    """Turn "auto", "cpu", "cuda" or "cuda:i" into a device that is there.

    Parameters
    ----------
    device : str
        "auto" takes CUDA where torch finds it.

    Returns
    -------
    torch.device
        The device to compute on.

    Raises
    ------
    ValueError
        If the name is none of these, or CUDA is asked for and torch does not find it.

    Examples
    --------
    >>> from skcollision.engine import resolve_device
    >>> resolve_device("cpu")
    device(type='cpu')
    """
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    index = device.removeprefix("cuda").removeprefix(":")
    is_cuda = device == "cuda" or (device.startswith("cuda:") and index.isdecimal())
    if device != "cpu" and not is_cuda:
        raise ValueError(
            f"The 'device' parameter must be 'auto', 'cpu', 'cuda' or 'cuda:i'. "
            f"Got {device!r} instead."
        )
    if is_cuda and int(index or 0) >= torch.cuda.device_count():
        raise ValueError(
            f"The 'device' parameter is {device!r}, but torch finds "
            f"{torch.cuda.device_count()} CUDA devices. Use device='cpu' or 'auto'."
        )
    return torch.device(device)
