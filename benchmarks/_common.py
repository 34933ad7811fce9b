"""What the benchmark scripts share: real feature sets, and tables written into files."""

from __future__ import annotations

import argparse
import csv
import platform
import re
from pathlib import Path

import numpy as np
import pandas as pd

HERE = Path(__file__).parent
RESULTS = HERE / "results"
FEATURE_SETS = ("mnist_resnet50", "fashion_resnet50", "20news_minilm", "banking77_minilm")


def parser(description: str) -> argparse.ArgumentParser:
    """Return a parser with the options that every benchmark takes."""
    result = argparse.ArgumentParser(description=description)
    result.add_argument(
        "--data", type=Path, required=True, help="folder of feature sets: NAME.npz with X and y"
    )
    result.add_argument("--sets", nargs="+", default=list(FEATURE_SETS), help="which of them")
    result.add_argument("--seeds", type=int, default=6, help="number of seeds")
    return result


def load(folder: Path, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the float32 features and the labels of a set; labels are for evaluation only."""
    with np.load(folder / f"{name}.npz") as arrays:
        return arrays["X"].astype(np.float32, copy=False), arrays["y"]


def read_rows(path: Path, fields: list[str]) -> pd.DataFrame:
    """Return what a CSV has; a row that was being written when its script was killed is short."""
    return pd.read_csv(path).dropna() if path.exists() else pd.DataFrame(columns=fields)


def append_row(path: Path, row: list) -> None:
    """Append a row to a CSV."""
    with path.open("a", newline="") as file:
        csv.writer(file, lineterminator="\n").writerow(row)


def mean_std(values: list[float], digits: int = 3) -> str:
    """Format seeds' values as mean ± standard deviation."""
    return f"{np.mean(values):.{digits}f} ± {np.std(values, ddof=1):.{digits}f}"


def markdown(header: list[str], rows: list[list[str]]) -> str:
    """Format a Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def machine() -> str:
    """Describe what the numbers were measured on."""
    import os

    import sklearn
    import torch

    return (
        f"{os.cpu_count()} cores ({platform.machine()}), Python {platform.python_version()}, "
        f"scikit-learn {sklearn.__version__}, torch {torch.__version__}"
    )


def write(name: str, text: str) -> None:
    """Write results/NAME.md, and put it into the README where that has a place for it."""
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.md").write_text(text)
    readme = HERE.parent / "README.md"
    start, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
    pattern = re.compile(f"{re.escape(start)}.*?{re.escape(end)}", re.DOTALL)
    readme.write_text(pattern.sub(lambda _: f"{start}\n{text}{end}", readme.read_text()))
    print(text)
