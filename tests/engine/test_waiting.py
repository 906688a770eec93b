"""What a deadlock report says of the packets that wait in the network."""

from __future__ import annotations

from dataclasses import replace

import pytest
from bare_fabric import NETWORK
from network_driver import Packet, as_packets

from accelsim.engine.replay import NetworkRun
from accelsim.engine.waiting import describe_waiting
from accelsim.errors import SimulationError
from accelsim.kernels import network_state as n

RING = replace(NETWORK, topology="ring", columns=4, rows=1, virtual_channels=1, buffer_flits=2)
"""A ring without a second class of VCs, which the configuration refuses."""


def test_the_cycle_of_waiting_packets_is_printed() -> None:
    """Four packets, each two hops round the ring: each holds the link that the one behind it needs."""
    packets = as_packets([Packet(0, router, (router + 2) % 4, 9) for router in range(4)])
    with pytest.raises(SimulationError) as error:
        NetworkRun(RING, packets).run()
    lines = str(error.value).splitlines()
    assert lines[0] == "deadlock: nothing moves after cycle 7"
    for router in range(4):
        before = (router - 1) % 4
        packet = f"packet {before} from node {before} to node {(router + 1) % 4}"
        assert f"  router {router}, input -, VC 0: 2 flits, the first of {packet}, waits for a VC of output +" in lines
    cycle = lines.index("  a cycle of waiting packets:")
    named = [(line.split()[1], line.split()[10].rstrip(",")) for line in lines[cycle + 1 :]]
    # Packet p waits in router p + 1 for the output that packet p + 1 holds.
    assert named == [(str(p % 4), str((p + 1) % 4)) for p in range(int(named[0][0]), int(named[0][0]) + 5)]
    assert all(line.endswith(" waits for") for line in lines[cycle + 1 : -1])


def test_a_network_that_moves_waits_for_nobody() -> None:
    run = NetworkRun(replace(NETWORK, columns=3), as_packets([Packet(0, 0, 2, 4)]))
    # A flit that came in cycle 2 and won the switch in it has left; the one behind it came in cycle 3.
    run.run(until=3)
    run.network.port[0, n.CREDIT] = 0
    run.run(until=4)
    run.network.port[0, n.CREDIT] = 1
    assert describe_waiting(run.shape, run.network) == [
        "  router 0, input local, VC 0: 1 flit, the first of packet 0 from node 0 to node 2, is not blocked"
    ]
    run.run()
    assert describe_waiting(run.shape, run.network) == []


def test_branches_are_told_one_by_one() -> None:
    """A tree whose branch to the other router has no VC left, and whose local branch goes on."""
    shape = replace(NETWORK, columns=2, buffer_flits=4)
    packets = as_packets([Packet(0, 0, -1, 3)])
    run = NetworkRun(shape, replace(packets, destination_sets=((0, 1),)))
    run.run(until=2)
    run.network.port[0, n.FREE] = 0
    run.run(until=40)
    (line,) = describe_waiting(run.shape, run.network)
    waiting = "3 flits, the first of packet 0 from node 0 to tree 0, waits for a VC of output +x"
    assert line == f"  router 0, input local, VC 0: {waiting}"
