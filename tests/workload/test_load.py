from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from accelsim.errors import InputError
from accelsim.workload import load_input
from accelsim.workload.synthetic import Synthetic
from accelsim.workload.trace import Trace, write_trace


def test_the_suffix_decides(tmp_path: Path, meta: dict[str, Any], arrays: dict[str, Any]) -> None:
    write_trace(tmp_path / "t.npz", meta, arrays)
    assert isinstance(load_input(tmp_path / "t.npz"), Trace)
    text = "{name: n, layers: [{name: g, op: gemm, m: 2, n: 3, k: 4, density: 0.5}]}"
    for name in ("w.yaml", "w.yml", "W.YAML"):
        (tmp_path / name).write_text(text)
        assert isinstance(load_input(tmp_path / name), Synthetic)


def test_another_suffix_is_no_input() -> None:
    with pytest.raises(InputError) as caught:
        load_input("net.onnx")
    assert str(caught.value) == "net.onnx: is neither a trace nor a workload; allowed: .npz, .yaml, .yml"


@pytest.mark.parametrize("name", ["no.npz", "no.yaml"])
def test_a_missing_file(name: str) -> None:
    with pytest.raises(InputError) as caught:
        load_input(name)
    assert str(caught.value) == f"{name}: no such file"
