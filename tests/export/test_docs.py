"""The code on docs/persistence.md runs as it is printed."""

import re
from pathlib import Path

import skcollision

PAGE = Path(skcollision.__file__).parents[1] / "docs" / "persistence.md"


def test_the_page(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = PAGE.read_text(encoding="utf-8")
    exec("\n".join(re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)), {})
    assert {path.suffix for path in tmp_path.iterdir()} == {".joblib", ".skops", ".onnx"}
