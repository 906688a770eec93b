"""What must hold in every run; a broken invariant is a bug of the simulator, and ends the run with its evidence."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from accelsim.errors import SimulationError
from accelsim.kernels import network_state as n
from accelsim.kernels import state as k
from accelsim.kernels.payload import AUTO, DENSE, SELECTOR_BITS
from accelsim.mapping.traffic import plan_traffic
from accelsim.simulation.counters import layer_counters
from accelsim.simulation.record import Run
from accelsim.workload.layer import ARRAY_OPS


def check_invariants(run: Run) -> None:
    """Raise SimulationError listing every invariant that a finished run breaks."""
    broken = [*_spikes(run), *_traffic(run), *_plan(run), *_payloads(run), *_states(run)]
    if broken:
        raise SimulationError("\n".join(["broken invariants:", *(f"  {line}" for line in broken)]))


def _spikes(run: Run) -> Iterator[str]:
    """Synaptic operations done by the arrays are those of the trace, layer by layer."""
    events = run.fabric.tiles.events
    layers = len(run.layers)
    for index, layer in enumerate(run.layers):
        if layer.op not in ARRAY_OPS:
            continue
        done = int(events[index:-1:layers, k.E_SYNOPS].sum())
        expected = run.statistics[layer.name].synops
        if done != expected:
            yield f"{layer.name}: {done} synaptic operations done, the trace has {expected}"


def _traffic(run: Run) -> Iterator[str]:
    """What was sent arrived, nothing is left under way, and memory gave what the plan asked for."""
    fabric = run.fabric
    scalars = fabric.clock.scalars
    for what, sent, received in (
        ("packets", scalars[k.SENT_COPIES], scalars[k.RECEIVED_COPIES]),
        ("flits", scalars[k.SENT_FLIT_COPIES], scalars[k.RECEIVED_FLITS]),
    ):
        if sent != received:
            yield f"{sent} {what} sent, {received} received"
    for what, left in (
        ("packets under way", len(fabric.network.packet) - fabric.network.scalars[n.FREE_PACKETS]),
        ("flits in routers", fabric.network.vc[:, n.COUNT].sum()),
        ("flits waiting for credits", fabric.network.source_occupied.sum() + fabric.network.occupied.sum()),
        ("groups incomplete", np.count_nonzero(fabric.clock.left)),
        ("bytes unwritten", fabric.memory.channel[:, k.C_WRITES].sum()),
        ("words in FIFOs", fabric.tiles.scalars[:, k.S_FIFO].sum()),
        ("flits waiting to be written", fabric.tiles.interface[:, k.I_FLITS].sum()),
        ("bits of words held in spike buffers", np.abs(fabric.tiles.interface[:, k.I_HELD]).sum()),
    ):
        if left:
            yield f"{left} {what} at the end"
    room = 8 * run.arch.settings.spike_buffer.bytes
    held = int(fabric.tiles.interface[:, k.I_HELD_PEAK].max())
    if held > room:
        yield f"{held} bits of words in a spike buffer of {room}"
    most = len(fabric.network.packet)
    if scalars[k.PEAK_PACKETS] > most:
        yield f"{scalars[k.PEAK_PACKETS]} packets under way at once, there is room for {most}"
    links = int(fabric.network.link_bins.sum())
    layers = int(fabric.network.layer_flits[:, n.FLIT_HOPS_DONE].sum())
    if links != layers:
        yield f"{links} flits left routers, the ways of all packets add up to {layers}"
    asked = int(run.program.bytes_to_load) + sum(run.program.streamed_bytes)
    read = int(fabric.tiles.events[:, k.E_DRAM_READ].sum())
    if asked != read:
        yield f"{read} bytes read from DRAM, the program asks for {asked}"
    drawn = int(fabric.memory.read_bins.sum())
    if run.arch.dram is None and drawn != read:
        yield f"{read} bytes read from DRAM, the timeline has {drawn}"


def _plan(run: Run) -> Iterator[str]:
    """Every image moved the bytes that the plan says, layer by layer, at every level."""
    events = run.fabric.tiles.events
    layers = len(run.layers)
    networked = run.arch.noc is not None
    first, later = (plan_traffic(run.plan, run.arch.capacity, first_image) for first_image in (True, False))
    for number in range(layers * run.images):
        planned = (later if number >= layers else first)[number % layers]
        streamed = run.program.streamed_bytes[number]
        for what, moved, expected in (
            (
                "bytes read from DRAM",
                events[number, k.E_DRAM_READ],
                planned.dram_read_bytes + streamed,
            ),
            ("bytes written to DRAM", events[number, k.E_DRAM_WRITE], planned.stored_bytes),
            ("words sent to other tiles", events[number, k.E_SENT_WORDS], planned.sent_words if networked else 0),
            ("bytes sent to weight buffers", run.program.weight_bytes[number], planned.weight_bytes),
            ("bytes sent from DRAM to spike buffers", run.program.word_bytes[number], planned.word_bytes),
        ):
            if moved != expected:
                where = f"{run.layers[number % layers].name}, image {number // layers}"
                yield f"{where}: {moved} {what}, the plan has {expected}"


def _payloads(run: Run) -> Iterator[str]:
    """Dense payloads have the bits of the words sent, and no encoding is cheaper than `auto` says."""
    tiles = run.fabric.tiles
    layers = len(run.layers)
    for planned in run.plan.layers:
        layer = planned.layer
        rows = slice(planned.index, -1, layers)
        packets = int(tiles.events[rows, k.E_SPIKE_PACKETS].sum())
        sent = int(tiles.events[rows, k.E_SENT_WORDS].sum())
        bits = tiles.payload[rows, :, k.Q_BITS].sum(axis=0)
        width = layer.out_word_bits if layer.signed else run.arch.capacity.stored_bits(layer.out_word_bits)
        if bits[DENSE] != sent * width:
            yield f"{layer.name}: {bits[DENSE]} bits of dense payload in {sent} words of {width} bits"
        if bits[AUTO] > bits[:AUTO].min() + SELECTOR_BITS * packets:
            yield f"{layer.name}: {bits[AUTO]} bits of the shortest payloads, there are shorter ones"


def _states(run: Run) -> Iterator[str]:
    """Every cycle of every tile has one state, and no array does more than it can."""
    tiles = run.fabric.tiles
    for tile, total in enumerate(tiles.cycles.sum(axis=(1, 2))):
        if total != run.fabric.cycles:
            yield f"tile {tile}: states add up to {total} of {run.fabric.cycles} cycles"
    for counters in layer_counters(run):
        spent = sum(cycles for name, cycles in counters.states.items() if name != "idle")
        if spent > counters.cycles:
            yield f"{counters.layer.name}: a tile spent {spent} cycles on it, it lasted {counters.cycles}"
    array = run.arch.settings.pe_array
    most = math.prod(array.pe_shape) * int(tiles.cycles[:, :, [k.BUSY, k.BANK_CONFLICT]].sum())
    done = int(tiles.events[:, k.E_MACS].sum())
    if done > most:
        yield f"{done} products in array cycles that have room for {most}"
    if run.fabric.clock.left.min(initial=0) < 0:
        yield "a group was counted down below zero"
