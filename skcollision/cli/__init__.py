"""The command line: ``skcollision fit``, ``predict``, ``score`` and ``demo``.

Modules here import torch, scikit-learn and the estimators inside the commands only, so that
``skcollision --help`` answers at once.
"""

from skcollision.cli._main import main

__all__ = ["main"]
