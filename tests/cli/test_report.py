"""``skcollision report``: a page of the probabilities that ``fit`` wrote."""

import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

PROBA = np.array([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8]])


@pytest.fixture(autouse=True)
def _proba(folder):
    np.save("P.npy", PROBA)
    Path("texts.csv").write_text("text\n<b>ship</b>\nsea\na cat\n", encoding="utf-8")


def test_texts(run):
    pytest.importorskip("pyarrow")
    result = run("report", "P.npy", "-o", "report.html", "--texts", "texts.csv", "--points", 1)
    assert result.stderr == "3 points in 2 clusters: wrote report.html\n"
    page = Path("report.html").read_text(encoding="utf-8")
    assert page.startswith("<!DOCTYPE html>")
    assert "&lt;b&gt;ship&lt;/b&gt;" in page
    assert "Cluster 1: cat" in page


@pytest.mark.parametrize("way", ["folder", "file"])
def test_images(run, way):
    Path("pictures").mkdir()
    for i in range(3):
        Image.new("RGB", (4, 4), (80 * i, 0, 0)).save(f"pictures/{i}.png")
    np.save("paths.npy", [f"pictures/{i}.png" for i in range(3)])
    images = "pictures" if way == "folder" else "paths.npy"
    run("report", "P.npy", "-o", "report.html", "--images", images, "-q")
    page = Path("report.html").read_text(encoding="utf-8")
    assert len(set(page.split('src="')[1:])) >= 3


def test_neither_texts_nor_images(run):
    run("report", "P.npy", "-o", "report.html")
    assert "no.&nbsp;2" in Path("report.html").read_text(encoding="utf-8")


def test_errors(fail, monkeypatch):
    np.save("few.npy", ["a", "b"])
    np.save("X.npy", 2 * PROBA)
    Path("empty").mkdir()
    assert "'texts'" in fail("report", "P.npy", "-o", "report.html", "--texts", "few.npy")
    assert "'y_proba'" in fail("report", "X.npy", "-o", "report.html")
    assert "no image" in fail("report", "P.npy", "-o", "report.html", "--images", "empty")
    assert ".html" in fail("report", "P.npy", "-o", "report.pdf")
    assert "cannot be read" in fail("report", "missing.npy", "-o", "report.html")
    np.save("paths.npy", ["a.png", "b.png", "c.png"])
    monkeypatch.setitem(sys.modules, "PIL", None)
    message = fail("report", "P.npy", "-o", "report.html", "--images", "paths.npy")
    assert "skcollision[plot]" in message
