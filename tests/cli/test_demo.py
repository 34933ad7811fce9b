"""The demo: a table of both methods and a picture."""

import importlib.util
from pathlib import Path

import pytest

from skcollision.cli._demo import format_table

pytest.importorskip("matplotlib")


@pytest.mark.slow
def test_demo_prints_both_methods_and_draws(run):
    result = run("demo", "--seeds", 1, "--output", "new/folder")
    assert result.stderr == ""
    lines = result.stdout.splitlines()
    (header,) = (line for line in lines if "ACC" in line)
    assert header.split() == ["1", "seed", "ACC", "NMI", "ARI", "seconds"]
    for method in ("CollisionClusterer", "KMeans(n_init=10)"):
        (line,) = (line for line in lines if line.startswith(method))
        accuracy, nmi, ari, seconds = map(float, line.removeprefix(method).split())
        assert 0.6 < accuracy <= 1.0
        assert 0.6 < nmi <= 1.0
        assert 0.5 < ari <= 1.0
        assert seconds > 0.0
    (picture,) = Path("new/folder").iterdir()
    assert f"wrote {picture}" in lines[-1]
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert picture.stat().st_size > 50_000


def test_table_shows_mean_and_sample_standard_deviation():
    runs = [
        {"ACC": accuracy, "NMI": 0.5, "ARI": 0.25, "seconds": seconds}
        for seconds, accuracy in [(1.0, 0.7), (3.0, 0.9)]
    ]
    header, line = format_table({"method": runs}).splitlines()
    assert header.startswith("mean ± std of 2 seeds")
    assert "0.800 ± 0.141" in line
    assert "0.500 ± 0.000" in line
    assert "2.000 ± 1.414" in line
    assert line.index("2.000") == header.index("seconds")


def test_demo_says_what_it_needs_and_where_it_cannot_write(fail, monkeypatch):
    Path("file").touch()
    assert "file: cannot be made" in fail("demo", "--output", "file")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert "pip install 'skcollision[plot]'" in fail("demo")
