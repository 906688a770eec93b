"""The architecture file: what is wrong with it is told in the user's words, file, line and key included."""

from fractions import Fraction
from pathlib import Path

import pytest
import yaml
from chips import SPIKEPACK, chip

from accelsim.build.arch import load_arch
from accelsim.errors import InputError
from accelsim.kernels import state as k

LONE = ("tiles={columns: 1, rows: 1}", "noc=none")
PORTS = "dram={weight_bytes_per_cycle: 16, spike_bytes_per_cycle: 4, store_bytes_per_cycle: ideal}"


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


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (
            ["tiles={columns: 2, rows: 2}", "noc=none"],
            "--set: noc: wires one tile to memory, and there are 4 (got 'none'); "
            "allowed: a network, or tiles: {columns: 1, rows: 1}",
        ),
        (["noc=wires"], "--set: noc: must be none or a mapping (got 'wires')"),
        (["noc=3"], "--set: noc: must be none or a mapping (got 3)"),
        (["neuron_unit=fast"], "--set: neuron_unit: must be ideal or a mapping (got 'fast')"),
        (
            ["dram={weight_bytes_per_cycle: 16, spike_bytes_per_cycle: 4, store_bytes_per_cycle: ideal}"],
            "--set: dram: is the ports of a tile that is wired to memory, and here is a network between; "
            "allowed: noc: none, or memory behind controllers",
        ),
        (
            [*LONE, "dram={weight_bytes_per_cycle: 16, spike_bytes_per_cycle: 0, store_bytes_per_cycle: fast}"],
            "--set: dram.spike_bytes_per_cycle: must be at least 1e-06 (got 0)\n"
            "--set: dram.store_bytes_per_cycle: must be a number or ideal (got 'fast')",
        ),
        (
            [*LONE, "dram={weight_bytes_per_cycle: 16, spike_bytes_per_cycle: 4}"],
            "--set: dram.store_bytes_per_cycle: is missing",
        ),
        (
            [*LONE, PORTS.replace("}", ", latency_ns: 1, latency_cycles: 2}")],
            "--set: dram.latency_cycles: is given as latency_ns too (got 2)",
        ),
        (
            [*LONE, PORTS.replace("}", ", channels: 2}")],
            "--set: dram.channels: unknown key; allowed: energy, latency_cycles, latency_ns, spike_bytes_per_cycle, "
            "store_bytes_per_cycle, weight_bytes_per_cycle",
        ),
        (
            [*LONE, PORTS.replace("16", "3.1415926535897")],
            "--set: dram.weight_bytes_per_cycle: over clock_mhz = 500.0 is a fraction of more digits than time is "
            "counted with (got 3.1415926535897); allowed: fewer decimals of either",
        ),
        (["memory_controller={packet_bytes: 64}"], "--set: memory_controller.nodes: is missing"),
        (["weight_buffer.ports=3rw"], "--set: weight_buffer.ports: is not one of the choices"),
    ],
)
def test_a_tile_without_a_network_and_what_goes_with_it(overrides: list[str], message: str) -> None:
    with pytest.raises(InputError) as caught:
        load_arch(SPIKEPACK, overrides)
    assert message in str(caught.value)


def test_a_lone_tile_needs_no_memory_controller_and_no_network_interface(tmp_path: Path) -> None:
    data = yaml.safe_load(SPIKEPACK.read_text())
    for key in ("memory_controller", "network_interface", "neuron_unit"):
        del data[key]
    path = tmp_path / "lone.yaml"
    path.write_text(yaml.safe_dump(data | {"tiles": {"columns": 1, "rows": 1}, "noc": "none", "dram": "ideal"}))
    arch = load_arch(path)
    assert (arch.tile_nodes, arch.controller_nodes, arch.controllers) == ((0,), (1, 2, 3), 1)
    assert arch.ports == (None, None, None) and arch.bytes_per_cycle is None
    assert arch.network.routers == 0


def test_ports_are_exact_and_go_with_their_traffic() -> None:
    arch = load_arch(SPIKEPACK, [*LONE, PORTS.replace("16", "12.8"), "clock_mhz=300"])
    assert arch.ports == (Fraction(64, 5), 4, None)
    assert arch.bytes_per_cycle is None
    assert [arch.channel(kind, 0) for kind in (k.WEIGHTS, k.SPIKES, k.STORE)] == [0, 1, 2]
    latency = load_arch(SPIKEPACK, [*LONE, PORTS.replace("}", ", latency_ns: 61}"), "clock_mhz=300"]).latency_cycles
    assert latency == 19


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
