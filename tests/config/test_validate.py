from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, ValidationError, field_validator, model_validator

from accelsim.config import (
    Bytes,
    Count,
    Cycles,
    Document,
    NonNegative,
    Positive,
    Settings,
    Share,
    broken,
    load_yaml,
    override,
    validate,
)
from accelsim.errors import InputError


class OutputStationary(Settings):
    dataflow: Literal["output_stationary"]
    rows: Count
    columns: Count


class WeightStationary(Settings):
    dataflow: Literal["weight_stationary"]
    depth: Count = 3


class Noc(Settings):
    topology: Literal["mesh", "torus"] = "mesh"
    columns: Count
    rows: Count
    flit_bits: Annotated[int, Field(multiple_of=8)] = 64
    wait_cycles: Cycles = 0

    @model_validator(mode="after")
    def _ring(self) -> Noc:
        if self.topology == "torus" and self.columns < 3:
            raise broken("columns", "must be at least 3 in a torus", self.columns, "3 and more")
        return self


class Dram(Settings):
    channels: Count
    bandwidth_gb_per_s: Positive


class Layer(Settings):
    name: str
    kernel: tuple[int, int] | int = 1
    density: Share = 1.0

    @field_validator("name")
    @classmethod
    def _name(cls, name: str) -> str:
        if "/" in name:
            raise ValueError("must not hold a slash")
        return name


class Buffer(Settings):
    bytes: Bytes = Field(gt=0)
    energy_pj: NonNegative = 0.0


class Arch(Settings):
    clock_mhz: Positive
    pe_array: Annotated[OutputStationary | WeightStationary, Field(discriminator="dataflow")]
    noc: Literal["none"] | Noc = "none"
    dram: Literal["ideal"] | Dram = "ideal"
    spike_buffer: Buffer | None = None
    layers: list[Layer] = Field(default=[], max_length=3)
    tables: dict[str, Dram] = Field(default={})
    size: tuple[int, int] = (1, 2)
    trace: bool = True


GOOD = """\
clock_mhz: 12.8
pe_array: {dataflow: output_stationary, rows: 1, columns: 2}
"""


def messages(directory: Path, text: str, assignments: list[str] | None = None) -> list[str]:
    path = directory / "arch.yaml"
    path.write_text(text)
    with pytest.raises(InputError) as caught:
        validate(Arch, override(load_yaml(path), assignments or []))
    return [str(problem).replace(str(path), "arch.yaml") for problem in caught.value.problems]


def test_good_settings_are_typed_and_frozen(tmp_path: Path) -> None:
    path = tmp_path / "arch.yaml"
    path.write_text(
        GOOD
        + "noc: {columns: 2, rows: 2}\nspike_buffer: {bytes: 1.5 KiB}\nlayers: [{name: a, kernel: [3, 5]}, {name: b}]\n"
    )
    document = load_yaml(path)
    arch = validate(Arch, document)
    assert arch == Arch(
        clock_mhz=12.8,
        pe_array=OutputStationary(dataflow="output_stationary", rows=1, columns=2),
        noc=Noc(columns=2, rows=2),
        spike_buffer=Buffer(bytes=1536),
        layers=[Layer(name="a", kernel=(3, 5)), Layer(name="b")],
    )
    with pytest.raises(ValidationError, match="frozen"):
        arch.clock_mhz = 1.0
    assert validate(Noc, document, at=("noc",)) == arch.noc


@pytest.mark.parametrize(
    ("size", "count"), [("7", 7), ("512 B", 512), ("64 KiB", 65536), ("0.5 MiB", 524288), ("2GiB", 2 << 30)]
)
def test_sizes(tmp_path: Path, size: str, count: int) -> None:
    path = tmp_path / "buffer.yaml"
    path.write_text(f"bytes: {size}\n")
    assert validate(Buffer, load_yaml(path)).bytes == count


@pytest.mark.parametrize("size", ["64 KB", "1.1 B", "-1 B", "'64'", "64 kib"])
def test_bad_sizes(tmp_path: Path, size: str) -> None:
    assert messages(tmp_path, GOOD + f"spike_buffer: {{bytes: {size}}}\n") == [
        f"arch.yaml:3: spike_buffer.bytes: must be a whole number of bytes (got {size.strip(chr(39))!r}); "
        "allowed: a number, or one with B, KiB, MiB or GiB: 64 KiB"
    ]


KEYS = "clock_mhz, dram, layers, noc, pe_array, size, spike_buffer, tables, trace"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "clock_mhz: fast\nlayer: 1\n",
            [
                "arch.yaml: pe_array: is missing",
                "arch.yaml:1: clock_mhz: must be a number (got 'fast')",
                f"arch.yaml:2: layer: unknown key; did you mean layers?; allowed: {KEYS}",
            ],
        ),
        ("clock_mhz: 0\n", ["arch.yaml:1: clock_mhz: must be greater than 0 (got 0)"]),
        ("clock_mhz: .inf\n", ["arch.yaml:1: clock_mhz: must be a finite number (got inf)"]),
        ("clock_mhz: '500'\n", ["arch.yaml:1: clock_mhz: must be a number (got '500')"]),
        ("clock_mhz: true\n", ["arch.yaml:1: clock_mhz: must be a number (got True)"]),
        ("clock_mhz:\n", ["arch.yaml:1: clock_mhz: must be a number, not nothing"]),
        ("trace: on\n", ["arch.yaml:1: trace: must be true or false (got 'on')"]),
        ("trace: 1\n", ["arch.yaml:1: trace: must be true or false (got 1)"]),
        ("noc: mesh\n", ["arch.yaml:1: noc: must be none or a mapping (got 'mesh')"]),
        ("noc: [1]\n", ["arch.yaml:1: noc: must be none or a mapping, not a list"]),
        (
            "noc: {topology: tours, column: 3, flit_bits: 9, wait_cycles: -1, rows: 99999999999999999999}\n",
            [
                "arch.yaml:1: noc.topology: is not one of the choices; did you mean torus? (got 'tours'); "
                "allowed: mesh, torus",
                "arch.yaml:1: noc.columns: is missing",
                "arch.yaml:1: noc.rows: must be at most 2147483647 (got 99999999999999999999)",
                "arch.yaml:1: noc.flit_bits: must be a multiple of 8 (got 9)",
                "arch.yaml:1: noc.wait_cycles: must be at least 0 (got -1)",
                "arch.yaml:1: noc.column: unknown key; did you mean columns?; "
                "allowed: columns, flit_bits, rows, topology, wait_cycles",
            ],
        ),
        ("noc: {columns: 2.0, rows: 2}\n", ["arch.yaml:1: noc.columns: must be a whole number (got 2.0)"]),
        ("noc: {columns: 2.5, rows: 2}\n", ["arch.yaml:1: noc.columns: must be a whole number (got 2.5)"]),
        (
            "noc: {topology: [mesh], columns: 2, rows: 2}\n",
            ["arch.yaml:1: noc.topology: must be mesh or torus, not a list"],
        ),
        (
            "noc:\n  topology: torus\n  rows: 2\n  columns: 2\n",
            ["arch.yaml:4: noc.columns: must be at least 3 in a torus (got 2); allowed: 3 and more"],
        ),
        (
            "pe_array: {dataflow: output_stationery}\n",
            [
                "arch.yaml:1: pe_array.dataflow: is not one of the choices; did you mean output_stationary? "
                "(got 'output_stationery'); allowed: output_stationary, weight_stationary"
            ],
        ),
        ("pe_array: {rows: 1}\n", ["arch.yaml:1: pe_array.dataflow: is missing"]),
        (
            "pe_array: {dataflow: weight_stationary, rows: 1}\n",
            ["arch.yaml:1: pe_array.rows: unknown key; allowed: dataflow, depth"],
        ),
        ("layers: {a: 1}\n", ["arch.yaml:1: layers: must be a list, not a mapping"]),
        (
            "layers:\n  - {nam: a}\n  - {name: 3, kernel: [3, x]}\n  - {name: a/b, density: 1.5, kernel: x}\n",
            [
                "arch.yaml:2: layers[0].name: is missing",
                "arch.yaml:2: layers[0].nam: unknown key; did you mean name?; allowed: density, kernel, name",
                "arch.yaml:3: layers[1].name: must be text (got 3)",
                "arch.yaml:3: layers[1].kernel[1]: must be a whole number (got 'x')",
                "arch.yaml:4: layers[2].name: must not hold a slash (got 'a/b')",
                "arch.yaml:4: layers[2].density: must be at most 1 (got 1.5)",
                "arch.yaml:4: layers[2].kernel: must be a list or a whole number (got 'x')",
            ],
        ),
        (
            "layers: [{name: a}, {name: a}, {name: a}, {name: a}]\n",
            ["arch.yaml:1: layers: must have at most 3 entries"],
        ),
        (
            "tables: {a: 1, b: {channels: 1, bandwidth: 2}}\n",
            [
                "arch.yaml:1: tables.a: must be a mapping (got 1)",
                "arch.yaml:1: tables.b.bandwidth_gb_per_s: is missing",
                "arch.yaml:1: tables.b.bandwidth: unknown key; did you mean bandwidth_gb_per_s?; "
                "allowed: bandwidth_gb_per_s, channels",
            ],
        ),
        ("size: [1]\n", ["arch.yaml:1: size: must have more than 1 entries"]),
        ("size: [1, 2, 3]\n", ["arch.yaml:1: size: must have at most 2 entries"]),
    ],
)
def test_bad_settings(tmp_path: Path, text: str, expected: list[str]) -> None:
    given = {line.split(":")[0] for line in text.splitlines()}
    rest = "".join(f"{line}\n" for line in GOOD.splitlines() if line.split(":")[0] not in given)
    if "pe_array: is missing" in expected[0]:
        rest = ""
    assert messages(tmp_path, text + rest) == expected


def test_overrides_are_checked_like_the_file(tmp_path: Path) -> None:
    assert messages(tmp_path, GOOD + "dram: {chanels: 1}\n", ["pe_array.rows=x", "clock_mhz=-1"]) == [
        "arch.yaml:3: dram.channels: is missing",
        "arch.yaml:3: dram.bandwidth_gb_per_s: is missing",
        "arch.yaml:3: dram.chanels: unknown key; did you mean channels?; allowed: bandwidth_gb_per_s, channels",
        "--set: clock_mhz: must be greater than 0 (got -1)",
        "--set: pe_array.rows: must be a whole number (got 'x')",
    ]


def test_long_values_are_cut(tmp_path: Path) -> None:
    assert messages(tmp_path, GOOD + f"trace: {'x' * 5000}\n") == [
        f"arch.yaml:3: trace: must be true or false (got '{'x' * 60}...')"
    ]


def test_a_rule_may_point_below_its_settings() -> None:
    class Chip(Settings):
        noc: Noc

        @model_validator(mode="after")
        def _odd(self) -> Chip:
            raise broken("noc.columns", "must be odd", self.noc.columns)

    document = Document("a.yaml", {"noc": {"columns": 4, "rows": 1}}, lines={("noc",): 1, ("noc", "columns"): 2})
    with pytest.raises(InputError) as caught:
        validate(Chip, document)
    assert str(caught.value) == "a.yaml:2: noc.columns: must be odd (got 4)"


words = st.sampled_from(["none", "mesh", "ideal", "output_stationary", "x", "64 KiB"])
scalars = st.none() | st.booleans() | st.integers() | st.floats() | words | st.text(max_size=3)
names = st.sampled_from(
    [
        "rows",
        "columns",
        "dataflow",
        "depth",
        "topology",
        "channels",
        "bytes",
        "name",
        "kernel",
        "x",
        "Noc",
        "none",
        "noc",
    ]
)
values = st.recursive(
    scalars, lambda below: st.lists(below, max_size=3) | st.dictionaries(names, below, max_size=4), max_leaves=10
)


@given(st.dictionaries(st.sampled_from([*Arch.model_fields, "x"]), values))
def test_any_data_is_taken_or_told_in_plain_words(data: dict[str, object]) -> None:
    try:
        validate(Arch, Document("a.yaml", data))
    except InputError as error:
        for problem in error.problems:
            assert problem.key
            assert problem.rule.startswith(("must ", "is ", "unknown key"))
            assert "nput" not in problem.rule


def test_a_key_narrows_the_range_of_its_type() -> None:
    class Narrow(Settings):
        lanes: Count = Field(le=12)
        node_nm: Count = Field(28, ge=22, le=45)
        delay: Cycles = Field(2, le=64)
        size: Bytes = Field(4, gt=0, le=8)

    document = Document("a.yaml", {"lanes": 13, "node_nm": 7, "delay": 65, "size": "1 KiB"})
    with pytest.raises(InputError) as caught:
        validate(Narrow, document)
    assert str(caught.value).splitlines() == [
        "a.yaml: lanes: must be at most 12 (got 13)",
        "a.yaml: node_nm: must be at least 22 (got 7)",
        "a.yaml: delay: must be at most 64 (got 65)",
        "a.yaml: size: must be at most 8 (got '1 KiB')",
    ]
