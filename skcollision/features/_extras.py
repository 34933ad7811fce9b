"""Libraries of the extra "images", imported when they are used and not before."""

from __future__ import annotations

from importlib import import_module
from typing import Any


def import_images_extra(module: str) -> Any:
    """Return a module, or say in one sentence how to get it.

    A torchvision built for another torch fails with a RuntimeError or an OSError, not an
    ImportError.
    """
    try:
        return import_module(module)
    except (ImportError, RuntimeError, OSError) as error:
        raise ImportError(
            f"ImageEmbedder needs {module.partition('.')[0]} for this, which the extra 'images' "
            "installs: pip install 'skcollision[images]'. A network of your own, given as a "
            f"torch.nn.Module, needs neither timm nor torchvision. (Importing it failed: {error})"
        ) from error
