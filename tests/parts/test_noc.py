"""Settings of the network: what could deadlock, or has no meaning on a topology, is refused with the reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from accelsim.build import load_network
from accelsim.errors import InputError
from accelsim.parts.noc import NocSettings

MESH = Path(__file__).parents[2] / "arch_configs" / "mesh_booksim.yaml"


def test_nodes_count_those_that_share_a_router() -> None:
    noc = NocSettings(columns=3, rows=2, concentration=4)
    assert (noc.nodes, noc.shape(8).routers, noc.shape(8).ports) == (24, 6, 8)
    crossbar = NocSettings(topology="crossbar", columns=3, rows=2, concentration=4)
    assert (crossbar.nodes, crossbar.shape(8).routers, crossbar.shape(8).ports) == (24, 1, 24)


def test_every_setting_reaches_the_engine() -> None:
    given = {
        "topology": "torus",
        "columns": 5,
        "rows": 3,
        "concentration": 2,
        "routing": "yx",
        "virtual_channels": 4,
        "buffer_flits": 7,
        "routing_cycles": 2,
        "vc_allocation_cycles": 3,
        "switch_allocation_cycles": 4,
        "traversal_cycles": 2,
        "credit_cycles": 3,
        "speculative": False,
        "link_cycles": 4,
    }
    shape = NocSettings(**given).shape(queue_flits=9)  # type: ignore[arg-type]
    assert {name: getattr(shape, name) for name in given} == given
    assert shape.queue_flits == 9


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (
            ["noc.topology=torus", "noc.virtual_channels=1"],
            "noc.virtual_channels: could deadlock: packets round a torus wait for each other without a second class of "
            "channels (got 1); allowed: >= 2",
        ),
        (
            ["noc.topology=ring", "noc.virtual_channels=1"],
            "noc.virtual_channels: could deadlock: packets round a ring wait for each other without a second class of "
            "channels (got 1); allowed: >= 2",
        ),
        (
            ["noc.topology=torus", "noc.routing=west_first"],
            "noc.routing: could deadlock: the turns that it forbids break no cycle over the wrap links of a torus "
            "(got 'west_first'); allowed: xy, yx",
        ),
        (
            ["noc.topology=ring", "noc.routing=odd_even"],
            "noc.routing: chooses between two dimensions, and a ring has one (got 'odd_even'); allowed: xy",
        ),
        (
            ["noc.topology=crossbar", "noc.virtual_channels=1", "noc.routing=west_first"],
            "noc.routing: chooses between two dimensions, and a crossbar has none (got 'west_first'); allowed: xy",
        ),
        (
            ["noc.topology=ring", "noc.routing=yx"],
            "noc.routing: orders two dimensions, and a ring has one (got 'yx'); allowed: xy",
        ),
        (
            ["noc.topology=crossbar", "noc.virtual_channels=1", "noc.routing=yx"],
            "noc.routing: orders two dimensions, and a crossbar has none (got 'yx'); allowed: xy",
        ),
        (
            ["noc.multicast=tree", "noc.routing=odd_even"],
            "noc.multicast: could deadlock: the branches of a tree must follow one order of dimensions, not odd_even "
            "(got 'tree'); allowed: none; or routing xy or yx",
        ),
        (
            ["noc.virtual_channels=13"],
            "noc.virtual_channels: 5 ports of 13 channels are more than the 62 that a router's allocators take "
            "(got 13); allowed: <= 12",
        ),
        (
            ["noc.concentration=58", "noc.virtual_channels=2"],
            "noc.virtual_channels: 62 ports of 2 channels are more than the 62 that a router's allocators take "
            "(got 2); allowed: <= 1",
        ),
        (
            ["noc.concentration=59"],
            "noc.concentration: 63 ports of 4 channels are more than the 62 that a router's allocators take (got 59)",
        ),
        (
            ["noc.topology=crossbar", "noc.columns=8", "noc.rows=8"],
            "noc.columns: 64 ports of 4 channels are more than the 62 that a router's allocators take (got 8)",
        ),
        (["noc.columns=1", "noc.rows=1"], "noc.columns: a network has at least two nodes (got 1)"),
        (
            ["noc.columns=64", "noc.rows=64", "noc.concentration=2"],
            "noc.concentration: a network has at most 4096 nodes, and this one has 8192 (got 2)",
        ),
    ],
)
def test_what_is_refused(overrides: list[str], message: str) -> None:
    with pytest.raises(InputError) as caught:
        load_network(MESH, overrides)
    place, _, text = str(caught.value).partition(": ")
    assert text == message
    assert place == "--set" or place.startswith(str(MESH))


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("noc.routing_cycles=5", "--set: noc.routing_cycles: must be at most 4 (got 5)"),
        ("noc.vc_allocation_cycles=0", "--set: noc.vc_allocation_cycles: must be at least 1 (got 0)"),
        ("noc.switch_allocation_cycles=5", "--set: noc.switch_allocation_cycles: must be at most 4 (got 5)"),
        ("noc.traversal_cycles=0", "--set: noc.traversal_cycles: must be at least 1 (got 0)"),
        ("noc.credit_cycles=-1", "--set: noc.credit_cycles: must be at least 0 (got -1)"),
        ("noc.link_cycles=0", "--set: noc.link_cycles: must be at least 1 (got 0)"),
        (
            "noc.topology=tours",
            "--set: noc.topology: is not one of the choices; did you mean torus? (got 'tours'); "
            "allowed: mesh, torus, ring, crossbar",
        ),
    ],
)
def test_ranges(override: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        load_network(MESH, [override])
    assert str(caught.value) == message


@pytest.mark.parametrize(
    "overrides",
    [
        ["noc.concentration=58", "noc.virtual_channels=1"],
        ["noc.virtual_channels=12"],
        ["noc.topology=crossbar", "noc.columns=31", "noc.rows=2", "noc.virtual_channels=1"],
        ["noc.topology=torus", "noc.virtual_channels=3", "noc.routing=yx", "noc.multicast=tree"],
        ["noc.routing=west_first", "noc.virtual_channels=1"],
        ["noc.columns=64", "noc.rows=64"],
    ],
)
def test_what_is_just_allowed(overrides: list[str]) -> None:
    assert load_network(MESH, overrides).noc.nodes >= 16
