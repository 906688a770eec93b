"""The architecture file: what is wrong with it is told in the user's words, file, line and key included."""

from pathlib import Path

import pytest
from chips import SPIKEPACK, chip

from accelsim.build.schema import load_arch
from accelsim.errors import InputError


def problems(tmp_path: Path, old: str, new: str) -> str:
    text = SPIKEPACK.read_text()
    assert old in text
    path = tmp_path / "arch.yaml"
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(InputError) as caught:
        load_arch(path)
    return str(caught.value).replace(str(path), "arch.yaml")


@pytest.mark.parametrize(
    ("override", "message"),
    [
        (
            "tiles.rows=3",
            "noc.columns: 6 nodes do not cover 6 tiles and 2 memory controllers (got 3)",
        ),
        (
            "memory_controller.nodes=[2, 9]",
            "--set: memory_controller.nodes: must be nodes of the noc (got [2, 9]); allowed: 0 to 5",
        ),
        ("memory_controller.nodes=[2, 2]", "--set: memory_controller.nodes: names a node twice (got [2, 2])"),
        (
            "pe_array.spike_mode=bit_serial",
            ": pe_array.lane_bits: a bit-serial array takes one bit of a word a scan (got 4); allowed: 1",
        ),
        (
            "pe_array.fifo_words=8",
            "--set: pe_array.fifo_words: the FIFO must hold the words of one cycle (got 8); allowed: >= 16",
        ),
        (
            "network_interface.packet_payload_bits=256",
            "--set: network_interface.packet_payload_bits: must hold one pixel of all columns, "
            "32 bits an accumulator (got 256); allowed: >= 512",
        ),
    ],
)
def test_rules_that_span_parts(override: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        chip(override)
    assert message in str(caught.value)


def test_nodes_of_controllers_are_left_out_for_tiles() -> None:
    arch = chip()
    assert arch.controller_nodes == (2, 5)
    assert arch.tile_nodes == (0, 1, 3, 4)


def test_physical_units_become_exact_cycles() -> None:
    arch = chip("dram={bandwidth_gb_per_s: 12.8, latency_ns: 61}", "clock_mhz=300")
    assert arch.bytes_per_cycle is not None
    assert arch.bytes_per_cycle * len(arch.controller_nodes) * 300 == 12800
    assert arch.latency_cycles == 19
    ideal = chip("dram=ideal")
    assert ideal.bytes_per_cycle is None and ideal.latency_cycles == 0


def test_unknown_key_is_named_with_its_line(tmp_path: Path) -> None:
    text = problems(tmp_path, "name: spikepack", "name: spikepack\ncolour: blue")
    assert "colour" in text and text.startswith("arch.yaml:")
