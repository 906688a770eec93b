"""The wires of the compiled network: what it has posted for the cycle that is about to be stepped."""

from __future__ import annotations

from collections.abc import Sequence

from bare_fabric import mesh
from network_driver import Packet, as_packets
from wires import SOURCE, Credit, Flit, Wires

from accelsim.engine.replay import NetworkRun
from accelsim.engine.topology import NetworkShape, neighbours
from accelsim.kernels import network_state as n
from accelsim.rtl.shape import LOCAL, PORTS, MeshShape


def network_shape(shape: MeshShape) -> NetworkShape:
    return mesh(shape.columns, shape.rows, virtual_channels=shape.virtual_channels, buffer_flits=shape.buffer_flits)


def simulate(shape: MeshShape, packets: Sequence[Packet]) -> Wires:
    """Send packets, those of one source in the order of the list, until all have arrived and the wires are quiet."""
    run = NetworkRun(network_shape(shape), as_packets(packets))
    senders = {(there, entry): (router, port) for router, port, there, entry in neighbours(run.shape)}
    senders |= {(node, LOCAL): (node, SOURCE) for node in range(shape.nodes)}
    slots = run.network.wheel_wake.shape[0]
    seen = Wires()
    last = max(packet.created for packet in packets)
    t = quiet = 0
    while quiet < slots or run.in_flight or run.now <= last:
        run.run(until=t)
        before = len(seen.flits) + len(seen.credits)
        look(run.network, t, t % slots, senders, seen)
        quiet = quiet + 1 if before == len(seen.flits) + len(seen.credits) else 0
        t += 1
    seen.sort()
    return seen


def look(network: n.Network, t: int, slot: int, senders: dict[tuple[int, int], tuple[int, int]], seen: Wires) -> None:
    """Note all that reaches the far end of a wire in cycle t."""
    nodes, vcs = network.shape.nodes, network.shape.vcs
    for node in range(nodes):
        index = slot * nodes + node
        for port in range(PORTS):
            if network.wheel_flits[index] >> port & 1:
                seen.flits.append(as_flit(t, *senders[node, port], int(network.wheel_flit[index * PORTS + port])))
            for vc in range(vcs):
                if network.wheel_credits[index] >> port * vcs + vc & 1:
                    seen.credits.append(Credit(t, node, port, vc))
        if network.wheel_sink[index]:
            seen.flits.append(as_flit(t, node, LOCAL, int(network.wheel_sink[index])))
        for vc in range(vcs):
            if network.wheel_source[index] >> vc & 1:
                seen.credits.append(Credit(t, node, SOURCE, vc))


def as_flit(t: int, node: int, port: int, flit: int) -> Flit:
    vc = flit >> n.VC_SHIFT & n.VC_MASK
    return Flit(t, node, port, vc, flit >> n.PACKET_SHIFT, bool(flit & n.HEAD), bool(flit & n.TAIL))
