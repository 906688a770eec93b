"""The code of docs/direct_training.md runs, and its trace can be read."""

import re

import pytest

pytest.importorskip("torch")

from chips import ROOT

from accelsim.workload import load_input

PAGE = (ROOT / "docs" / "direct_training.md").read_text(encoding="utf-8")


def test_the_page_s_code_writes_a_trace(tmp_path, monkeypatch) -> None:
    (code,) = re.findall(r"^```python\n(.*?)^```$", PAGE, flags=re.MULTILINE | re.DOTALL)
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "direct_training.md", "exec"), {})
    workload = load_input(tmp_path / "trained.npz")
    assert [layer.weight_bits for layer in workload.layers if layer.weight_bits] == [8, 4, 8]
    assert workload.images == 2
