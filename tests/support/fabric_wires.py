"""The wires of the compiled fabric: what it has posted for the cycle that is about to be stepped."""

from __future__ import annotations

from collections.abc import Sequence

from bare_fabric import mesh
from network_driver import NetworkDriver, Packet
from wires import SOURCE, Credit, Flit, Wires

from accelsim.kernels import router
from accelsim.kernels import state as k
from accelsim.rtl.shape import MeshShape


class WireDriver(NetworkDriver):
    """Looks at all that arrives in a cycle before the cycle is stepped."""

    wires: Wires

    def _arriving(self, t: int) -> list[int]:
        network = self.fabric.network
        slot = t % k.WHEEL
        for node, mask in enumerate(network.wheel_mask[slot].tolist()):
            for port in range(k.PORTS):
                if port == k.LOCAL:
                    sender, receiver = (node, SOURCE), (node, k.LOCAL)
                else:
                    sender, receiver = (router.neighbour(network, node, port), port ^ 1), (node, port)
                if mask >> port & 1:
                    self._flit(t, *sender, int(network.wheel_flit[slot, node * k.PORTS + port]))
                if mask >> k.PORTS + port & 1:
                    vc = int(network.wheel_credit[slot, node * k.PORTS + port])
                    self.wires.credits.append(Credit(t, *receiver, vc))
            if mask >> 10 & 1:
                self._flit(t, node, k.LOCAL, int(network.wheel_sink[slot, node]))
            if mask >> 11 & 1:
                self.wires.credits.append(Credit(t, node, SOURCE, int(network.wheel_source[slot, node])))
        return super()._arriving(t)

    def _flit(self, t: int, node: int, port: int, flit: int) -> None:
        packet = self.number_of[flit >> 8]
        self.wires.flits.append(Flit(t, node, port, flit >> 2 & 63, packet, bool(flit & 1), bool(flit & 2)))


def simulate(shape: MeshShape, packets: Sequence[Packet]) -> Wires:
    """Send packets, those of one source in the order of the list, until all have arrived and the wires are quiet."""
    network = mesh(
        shape.columns,
        shape.rows,
        virtual_channels=shape.virtual_channels,
        buffer_flits=shape.buffer_flits,
        queue_flits=1 << 14,
    )
    driver = WireDriver(network)
    driver.wires = Wires()
    driver.send_all(packets)
    driver.wires.sort()
    return driver.wires
