"""Lengths of wires that the price list asks for."""

from __future__ import annotations

import pytest
from chips import chip

from accelsim.simulation.counters import link_lengths, node_lengths


@pytest.mark.parametrize(
    ("overrides", "link", "node"),
    [
        ((), 1, 0),
        (("noc.topology=torus", "noc.virtual_channels=2"), 2, 0),
        (("noc.topology=ring", "noc.virtual_channels=2"), 1, 0),
        (("noc.concentration=4", "memory_controller.nodes=[2, 23]"), 2, 0),
        (("noc.topology=crossbar",), 1, 2.5),
    ],
)
def test_lengths_of_wires(overrides: tuple[str, ...], link: float, node: float) -> None:
    shape = chip(*overrides).network
    assert (link_lengths(shape), node_lengths(shape)) == (link, node)
