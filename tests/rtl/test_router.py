"""The router as hardware against the compiled fabric, wire by wire, and against figures of BookSim 2."""

from __future__ import annotations

import random
from collections.abc import Sequence

import fabric_wires
import pytest
import rtl_bench
from amaranth import Module, Mux, Signal, Value
from amaranth.lib import wiring
from bare_fabric import mesh
from network_driver import Packet, as_packets
from wires import Flit, Wires, first_difference

from accelsim.engine.replay import NetworkRun
from accelsim.rtl import input_port, output_port, router, terminal
from accelsim.rtl.allocator import Allocator
from accelsim.rtl.credits import Credits
from accelsim.rtl.input_channel import InputChannel
from accelsim.rtl.shape import LOCAL, MeshShape

PAYLOAD_BITS = 12

Case = tuple[MeshShape, list[Packet]]


def shape_of(columns: int, rows: int, vcs: int, depth: int) -> MeshShape:
    return MeshShape(columns, rows, vcs, depth, PAYLOAD_BITS)


def random_packets(chance: random.Random, nodes: int, flits: int) -> list[Packet]:
    """About `flits` flits of random sizes, sources, destinations (sources too) and loads up to beyond saturation."""
    sizes = chance.choice(((1,), (1, 2, 3), (5,), (1, 9)))
    load = chance.uniform(0.4, 1.0)
    hot = chance.randrange(nodes) if chance.random() < 0.3 else None
    packets = []
    clock = [0.0] * nodes
    while flits > 0:
        source = min(range(nodes), key=lambda node: (clock[node], node))
        size = chance.choice(sizes)
        destination = hot if hot is not None and chance.random() < 0.5 else chance.randrange(nodes)
        packets.append(Packet(int(clock[source]), source, destination, size))
        clock[source] += chance.expovariate(load / size)
        flits -= size
    return packets


def random_case(seed: int, sizes: Sequence[tuple[int, int]], most_vcs: int, flits: int) -> Case:
    chance = random.Random(seed)
    columns, rows = chance.choice(sizes)
    shape = shape_of(columns, rows, chance.randint(1, most_vcs), chance.choice((1, 2, 2, 3, 4, 6)))
    return shape, random_packets(chance, shape.nodes, flits)


def differences(case: Case) -> list[str]:
    """Where hardware and compiled fabric part, for flits and for credits."""
    shape, packets = case
    simulated = mesh(
        shape.columns, shape.rows, virtual_channels=shape.virtual_channels, buffer_flits=shape.buffer_flits
    )
    hardware = rtl_bench.simulate(*case)
    fabric = fabric_wires.simulate(NetworkRun(simulated, as_packets(packets)))
    assert len(fabric.flits) > sum(packet.flits for packet in packets)
    found = (first_difference(hardware.flits, fabric.flits), first_difference(hardware.credits, fabric.credits))
    return [text for text in found if text]


SMALL = ((1, 1), (2, 1), (3, 1), (1, 3), (2, 2), (2, 2), (3, 2))


DEFAULT_SEEDS = range(20)


def default_case(seed: int) -> Case:
    return random_case(seed, SMALL, 2, 120)


@pytest.mark.parametrize("seed", DEFAULT_SEEDS)
def test_every_flit_and_credit_is_on_its_wire_in_the_same_cycle(seed: int) -> None:
    assert differences(default_case(seed)) == []


@pytest.mark.long
@pytest.mark.parametrize("seed", range(1000, 1040))
def test_long_every_flit_and_credit_is_on_its_wire_in_the_same_cycle(seed: int) -> None:
    assert differences(random_case(seed, (*SMALL, (3, 3), (4, 2), (2, 4)), 4, 1000)) == []


class EagerAllocator(Allocator):
    """Grant pointers move although the grant is not accepted."""

    def elaborate(self, platform: object) -> Module:
        m = super().elaborate(platform)
        for resource in range(self.resources):
            arbiter = getattr(m.submodules, f"grant{resource}")
            m.d.comb += arbiter.advance.eq(arbiter.grant.any())
        return m


class LateCredits(Credits):
    """A credit counts one cycle late."""

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.inner = inner = Credits(self.shape)
        m.d.comb += [inner.sent.eq(self.sent), self.available.eq(inner.available)]
        m.d.sync += [inner.credit.eq(self.credit), inner.credit_vc.eq(self.credit_vc)]
        return m


class BoldChannel(InputChannel):
    """A head bids for the switch although no VC of its output has credit."""

    def elaborate(self, platform: object) -> Module:
        m = super().elaborate(platform)
        bid = Signal(5)
        m.d.comb += bid.eq(1 << self.front.port)
        m.d.comb += self.speculative.eq(Mux(self.wanted.any(), bid, 0))
        return m


class TimidChannel(InputChannel):
    """A head asks for VCs with credit only."""

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.inner = inner = InputChannel(self.shape)
        wiring.connect(m, wiring.flipped(self), inner)
        m.d.comb += inner.free.eq(self.free & self.credit)
        return m


def equal_rights(bids: Value, speculative: Value) -> Value:
    """Heads that speculate bid against packets that hold a VC."""
    return bids | speculative


def lowest_first(chosen: Value) -> Value:
    """A round robin that always begins with the lowest."""
    return ~(chosen & 0)


single_wrong_rules = pytest.mark.parametrize(
    ("module", "name", "mutant"),
    [
        (router, "Allocator", EagerAllocator),
        (output_port, "Credits", LateCredits),
        (terminal, "Credits", LateCredits),
        (input_port, "InputChannel", BoldChannel),
        (input_port, "InputChannel", TimidChannel),
        (input_port, "holders_first", equal_rights),
        (input_port, "after", lowest_first),
        (terminal, "after", lowest_first),
    ],
    ids=lambda value: value.__name__.rpartition(".")[2] if hasattr(value, "__name__") else value,
)


@single_wrong_rules
def test_a_single_wrong_rule_is_found(
    monkeypatch: pytest.MonkeyPatch, module: object, name: str, mutant: object
) -> None:
    monkeypatch.setattr(module, name, mutant)
    assert differences((shape_of(3, 1, 2, 2), random_packets(random.Random(5), 3, 150))) != []


@pytest.mark.long
@single_wrong_rules
def test_long_the_random_cases_find_a_single_wrong_rule(
    monkeypatch: pytest.MonkeyPatch, module: object, name: str, mutant: object
) -> None:
    monkeypatch.setattr(module, name, mutant)
    assert any(differences(default_case(seed)) for seed in DEFAULT_SEEDS)


def arrivals(wires: Wires) -> list[Flit]:
    return [flit for flit in wires.flits if flit.port == LOCAL]


@pytest.mark.parametrize("size", [1, 4])
def test_an_unobstructed_packet_takes_three_cycles_a_router(size: int) -> None:
    """BookSim 2 (commit 28f4329): head = injection + 2 + 3 a router, tail = size - 1 later."""
    nodes = 3
    packets = [Packet(100 * i, i // nodes, i % nodes, size) for i in range(nodes * nodes)]
    found = arrivals(rtl_bench.simulate(shape_of(nodes, 1, 1, 8), packets))
    for index, (created, source, destination, _) in enumerate(packets):
        head = created + 2 + 3 * (abs(source - destination) + 1)
        assert [flit.cycle for flit in found if flit.packet == index] == list(range(head, head + size))


def test_a_source_waits_for_a_credit_of_its_router() -> None:
    """BookSim 2: five flits to the neighbour with buffers of 4; the head arrives in 8, the tail a cycle late, in 13."""
    found = arrivals(rtl_bench.simulate(shape_of(2, 1, 1, 4), [Packet(0, 0, 1, 5)]))
    assert [flit.cycle for flit in found] == [8, 9, 10, 11, 13]


def test_four_neighbours_send_to_the_router_between_them() -> None:
    """BookSim 2: two one-flit packets each, one VC of 4; they arrive in order of inputs +x, -x, +y, -y, twice.

    The gap after the fourth is the loop of the sink's credit, five cycles.
    """
    order = (5, 3, 7, 1)
    packets = [Packet(0, source, 4, 1) for source in order * 2]
    found = arrivals(rtl_bench.simulate(shape_of(3, 3, 1, 4), packets))
    assert [flit.cycle for flit in found] == [8, 9, 10, 11, 13, 14, 15, 16]
    assert [packets[flit.packet].source for flit in found] == [*order, *order]
