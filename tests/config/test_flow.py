from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from accelsim.config import flow, load_yaml


def test_what_is_plain_stays_plain() -> None:
    assert flow({"name": "conv1.0", "kernel": (3, 1), "density": 0.5, "fires": False}) == (
        "{name: conv1.0, kernel: [3, 1], density: 0.5, fires: false}"
    )


@pytest.mark.parametrize(
    "value",
    ["no", "On", "1e3", "0x1", "a: b", "", "null", "-", "{", "# a", 'q"', "ü", 1, 0.25, 1e-9, True, None, [], [[1]]],
)
def test_what_is_written_is_read_back(value: Any, tmp_path: Path) -> None:
    (tmp_path / "f.yaml").write_text(f"key: {flow(value)}\nkeys: {flow({'a': [value, value]})}\n", encoding="utf-8")
    read = load_yaml(tmp_path / "f.yaml")
    assert read.get(("key",)) == value
    assert read.get(("keys",)) == {"a": [value, value]}
