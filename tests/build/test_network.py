"""The network alone: read out of any architecture file, with nothing else of it looked at."""

from __future__ import annotations

from pathlib import Path

import pytest

from accelsim.build import NetworkOnly, load_arch, load_network
from accelsim.errors import InputError

CONFIGS = Path(__file__).parents[2] / "arch_configs"


NETWORKS = [path for path in sorted(CONFIGS.glob("*.yaml")) if "\nnoc: none" not in path.read_text(encoding="utf-8")]


@pytest.mark.parametrize("path", NETWORKS, ids=lambda path: path.stem)
def test_every_file_but_those_of_lone_tiles_has_a_network(path: Path) -> None:
    network = load_network(path, ["noc.columns=6"])
    assert network.name == path.stem
    assert network.noc.columns == 6
    assert network.document.get(("noc", "columns")) == 6


def test_only_the_network_is_read(tmp_path: Path) -> None:
    path = tmp_path / "some.yaml"
    path.write_text("tilez: {columns: 0}\nclock_mhz: 500\nnoc: {columns: 2, rows: 3}\ndram: 7\n")
    network = load_network(path)
    assert network.noc.nodes == 6
    assert set(network.document.data) == {"clock_mhz", "noc"}
    again = tmp_path / "again.yaml"
    again.write_text(network.document.dump())
    assert load_network(again).settings == network.settings


def test_a_network_file_comes_out_as_it_was_written() -> None:
    text = (CONFIGS / "mesh_booksim.yaml").read_text(encoding="utf-8")
    assert load_network(CONFIGS / "mesh_booksim.yaml").document.dump() == text


@pytest.mark.parametrize(
    ("text", "overrides", "message"),
    [
        ("noc: {columns: 2, rows: 2}\n", [], "net.yaml: clock_mhz: is missing"),
        ("clock_mhz: 500\n", [], "net.yaml: noc: is missing"),
        (
            "clock_mhz: 0\nnoc: {columns: 2, rows: 2, column: 3}\n",
            [],
            "net.yaml:1: clock_mhz: must be at least 0.001 (got 0)\n"
            "net.yaml:2: noc.column: unknown key; did you mean columns?; allowed: buffer_flits, columns, "
            "concentration, credit_cycles, flit_bits, link_cycles, multicast, routing, routing_cycles, rows, "
            "speculative, switch_allocation_cycles, topology, traversal_cycles, vc_allocation_cycles, "
            "virtual_channels",
        ),
        (
            "clock_mhz: 500\nnoc: none\n",
            [],
            "net.yaml:2: noc: is none: tile and memory are wired to each other; allowed: a network",
        ),
        (
            "clock_mhz: 500\nnoc: {columns: 2, rows: 2}\n",
            ["nco.columns=3", "tiles.rows=2"],
            "--set: nco.columns: is no key of a network alone; allowed: clock_mhz, noc\n"
            "--set: tiles.rows: is no key of a network alone; allowed: clock_mhz, noc",
        ),
    ],
)
def test_problems(tmp_path: Path, text: str, overrides: list[str], message: str) -> None:
    path = tmp_path / "net.yaml"
    path.write_text(text)
    with pytest.raises(InputError) as caught:
        load_network(path, overrides)
    assert str(caught.value).replace(str(path), "net.yaml") == message


def test_a_network_is_no_chip() -> None:
    path = CONFIGS / "mesh_booksim.yaml"
    with pytest.raises(NetworkOnly) as caught:
        load_arch(path, ["noc.columns=5"])
    assert str(caught.value) == (
        f"{path}: describes a network without a chip, which `accelsim noc` takes; "
        "allowed: a file with tiles and memory for the rest"
    )
