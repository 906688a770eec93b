"""Networks are made up to what the head of a packet can name, and refused beyond."""

from __future__ import annotations

import pytest
from network_shapes import packets, shape

from accelsim.engine.network import make_network
from accelsim.engine.replay import NetworkRun
from accelsim.errors import InputError
from accelsim.kernels import network_state as n


def test_nodes_that_a_packet_cannot_name_are_refused() -> None:
    assert len(make_network(shape(columns=64, rows=32, concentration=2), packets=1).node) == n.TREES
    with pytest.raises(InputError) as error:
        make_network(shape(columns=64, rows=64, concentration=2), packets=1)
    assert str(error.value) == "a network has at most 4096 nodes (got 8192)"


def test_packets_that_a_flit_cannot_name_are_refused() -> None:
    with pytest.raises(InputError) as error:
        make_network(shape(), packets=n.MOST_PACKETS + 1)
    assert str(error.value) == "a network has at most 268435456 packets (got 268435457)"


def test_the_last_of_the_most_nodes_is_reached() -> None:
    run = NetworkRun(shape(columns=64, rows=64), packets([(0, 0, 4095, 2), (0, 4095, 0, 2)]))
    run.run()
    assert (run.deliveries.node.tolist(), run.deliveries.hops.tolist()) == ([0, 4095], [127, 127])


def test_trees_that_a_packet_cannot_name_are_refused() -> None:
    small = shape(columns=2, rows=1)
    assert make_network(small, packets=1, trees=[(0, (0, 1))] * n.MOST_TREES).tree_hops.tolist() == [3] * n.MOST_TREES
    with pytest.raises(InputError) as error:
        make_network(small, packets=1, trees=[(0, (0, 1))] * (n.MOST_TREES + 1))
    assert str(error.value) == "a network has at most 4096 multicast trees (got 4097)"
