"""Pages as a browser shows them: nothing wider than the screen, no errors, no network, no raw TeX.

It needs playwright, and a Chromium that is on the machine or that ``playwright install`` fetched;
pages of the documentation are looked at where ``make docs`` has built them.
"""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from skcollision.plotting import ClusterMapDisplay, ClusterReport

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

BUILT = Path(__file__).parent.parent / "docs" / "_build"
PAGES = [
    "index",
    "coming_from_kmeans",
    "compared_with",
    "measurements",
    "auto_examples/index",
    "auto_examples/plot_five_minutes",
    "auto_examples/plot_features_to_report",
    "reference/names/skcollision.CollisionClusterer",
]
WIDTHS = [1366, 390]
FITS_SCREEN = "document.documentElement.scrollWidth <= innerWidth"
HAS_CUT_TABLES = """[...document.querySelectorAll("table")].some(
    table => table.offsetWidth > table.parentElement.clientWidth
)"""
# Where the first point of the first trace is, on the page.
PLACE = """() => {
    const map = document.querySelector(".plotly-graph-div"), {xaxis, yaxis} = map._fullLayout;
    const box = map.getBoundingClientRect(), [{x, y}] = map._fullData;
    return [
        box.left + xaxis._offset + xaxis.d2p(x[0]), box.top + yaxis._offset + yaxis.d2p(y[0])
    ];
}"""


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


@pytest.fixture
def page(browser):
    page = browser.new_page()
    yield page
    page.close()


@pytest.fixture
def look_at(page):
    """Open a file and look at it on each screen; return its text and what is wrong with it."""
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
        for screen in WIDTHS:
            page.set_viewport_size({"width": screen, "height": 900})
            try:  # scripts may take a moment to follow the new size
                page.wait_for_function(FITS_SCREEN, timeout=2000)
            except sync_api.TimeoutError:
                wrong.append(f"wider than a screen of {screen}")
            # On a narrow screen, tables scroll.
            if screen == max(WIDTHS) and page.evaluate(HAS_CUT_TABLES):
                wrong.append("a table is cut off")
            if BUILT in path.parents:
                name = "-".join(path.relative_to(BUILT / "html").with_suffix("").parts)
                picture = BUILT / "screenshots" / f"{name}-{screen}.png"
                page.screenshot(path=picture, full_page=True)
        return page.inner_text("body"), wrong

    return look


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


def test_an_interactive_map_shows_the_item_under_the_mouse(page, look_at, tmp_path):
    pytest.importorskip("plotly")
    rng = np.random.default_rng(0)
    display = ClusterMapDisplay(rng.normal(size=(60, 2)), np.arange(60) % 4)
    items = [f"<b>sentence</b> {i}" for i in range(60)]
    display.interactive(items).write_html(tmp_path / "map.html")
    _, wrong = look_at(tmp_path / "map.html")
    assert not wrong
    page.mouse.move(*page.evaluate(PLACE))
    page.wait_for_selector(".hoverlayer .hovertext")
    assert "<b>sentence</b> 0" in page.locator(".hoverlayer").text_content()


def test_what_is_wrong_is_seen(look_at, tmp_path):
    path = tmp_path / "page.html"
    path.write_text("<p style='width: 2000px'>wide</p><script>undefined_name()</script>")
    _, wrong = look_at(path)
    assert len(wrong) == 1 + len(WIDTHS)
