"""docs/trace_format.md: what it shows can be run, and its tables name every key."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from pydantic import BaseModel

from accelsim.interop.raw import RawLayer, RawNetwork, import_raw
from accelsim.workload.synthetic import WorkloadFile, WorkloadLayer
from accelsim.workload.trace import read_trace
from accelsim.workload.trace_meta import Encoding, LayerMeta, Meta

PAGE = (Path(__file__).parents[2] / "docs" / "trace_format.md").read_text()


def shown(language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    assert found is not None
    return found[1]


def test_the_program_shown_writes_a_trace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    program = shown("python")
    assert len(program.splitlines()) <= 20
    exec(compile(program, "trace_format.md", "exec"), {})
    trace = read_trace("small.npz")
    assert [layer.name for layer in trace.layers] == ["conv1", "pool", "fc"]
    assert trace.drawn == ("fc",)
    pooled = trace.input_words("pool", 0).reshape(16, 4, 2, 4, 2).max(axis=(2, 4))
    assert np.array_equal(trace.input_words("fc", 0), pooled)


def test_the_layers_shown_are_imported(tmp_path: Path) -> None:
    (tmp_path / "raw.layers.yaml").write_text(shown("yaml"))
    rng = np.random.default_rng(0)
    arrays = {
        "conv0": np.tile(rng.integers(0, 256, (1, 3, 8, 8)), (4, 1, 1, 1)),
        "conv1": rng.integers(0, 2, (4, 16, 8, 8)),
        "fc": rng.integers(0, 2, (4, 16 * 8 * 8)),
    }
    np.savez(tmp_path / "raw.npz", **arrays)
    meta, _, notes = import_raw(tmp_path / "raw.npz", tmp_path / "raw.layers.yaml")
    assert [layer["name"] for layer in meta["layers"]] == ["conv0", "conv1", "sum", "fc"]
    assert notes == ()


@pytest.mark.parametrize("settings", [Meta, Encoding, LayerMeta, RawNetwork, RawLayer, WorkloadFile, WorkloadLayer])
def test_every_key_is_explained(settings: type[BaseModel]) -> None:
    missing = [key for key in settings.model_fields if f"`{key}`" not in PAGE and f"\n{key}:" not in PAGE]
    assert missing == []
