"""Pages as a browser shows them: nothing wider than the screen, no errors, no network, no raw TeX.

It needs playwright, and a Chromium that is on the machine or that ``playwright install`` fetched;
pages of the documentation are looked at where ``make docs`` has built them.
"""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from skcollision.plotting import ClusterReport

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

BUILT = Path(__file__).parent.parent / "docs" / "_build"
PAGES = [
    "index",
    "five_minutes",
    "compared_with",
    "auto_examples/index",
    "auto_examples/plot_features_to_report",
    "reference/names/skcollision.CollisionClusterer",
]
WIDTHS = [1366, 390]


@pytest.fixture(scope="module")
def browser():
    names = ("chromium", "chromium-browser", "google-chrome", "chrome")
    found = next(filter(None, map(shutil.which, names)), None)
    with sync_api.sync_playwright() as playwright:
        if found is None and not Path(playwright.chromium.executable_path).exists():
            pytest.skip("no Chromium is on this machine")
        # As root, in a container, Chromium has no sandbox.
        arguments = ["--no-sandbox"] if getattr(os, "geteuid", lambda: 1)() == 0 else []
        yield playwright.chromium.launch(executable_path=found, args=arguments)


@pytest.fixture(params=WIDTHS)
def look_at(browser, request):
    """Open a file; return its text and what is wrong with it."""
    page = browser.new_page(viewport={"width": request.param, "height": 900})
    wrong = []
    page.on("console", lambda m: wrong.append(m.text) if m.type == "error" else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on(
        "request",
        lambda sent: None if sent.url.startswith(("file:", "data:")) else wrong.append(sent.url),
    )

    def look(path):
        page.goto(path.as_uri(), wait_until="networkidle")
        if page.locator(".math").count():
            page.wait_for_function("document.querySelector('mjx-container') !== null")
        if BUILT in path.parents:
            name = "-".join(path.relative_to(BUILT / "html").with_suffix("").parts)
            picture = BUILT / "screenshots" / f"{name}-{request.param}.png"
            page.screenshot(path=picture, full_page=True)
        width = page.evaluate("document.documentElement.scrollWidth")
        if width > request.param:
            wrong.append(f"{width} pixels wide, on a screen of {request.param}")
        return page.inner_text("body"), wrong

    yield look
    page.close()


@pytest.mark.parametrize("name", PAGES)
def test_pages_of_the_documentation(look_at, name):
    path = BUILT / "html" / f"{name}.html"
    if not path.exists():
        pytest.skip("the documentation is not built: make docs")
    text, wrong = look_at(path)
    assert not wrong
    assert "\\frac" not in text


def test_a_report(look_at, tmp_path):
    rng = np.random.default_rng(0)
    proba = rng.dirichlet(np.full(4, 0.3), 60)
    texts = ["<b>a word</b> & " + "verylongword" * 20] * 30 + ["another one"] * 30
    for name, options in {
        "both": {"texts": texts, "images": rng.random((60, 8, 8))},
        "numbers": {},
    }.items():
        report = ClusterReport.from_predictions(proba, n_points=10, **options)
        report.to_html(tmp_path / f"{name}.html")
        text, wrong = look_at(tmp_path / f"{name}.html")
        assert not wrong
        assert "60 points in 4 clusters" in text
        assert ("<b>a word</b> &" in text) == ("texts" in options)


def test_what_is_wrong_is_seen(look_at, tmp_path):
    page = tmp_path / "page.html"
    page.write_text("<p style='width: 2000px'>wide</p><script>undefined_name()</script>")
    _, wrong = look_at(page)
    assert len(wrong) == 2
