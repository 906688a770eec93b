"""The compiled fabric as the engine holds it: state arrays, made empty, and the call that advances them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from accelsim.engine.dram import DramShape, make_dram, no_dram
from accelsim.engine.groups import GroupTable
from accelsim.engine.layout import bank_period, weight_banks
from accelsim.engine.network import Tree, with_more_packets
from accelsim.engine.sram import SramShape
from accelsim.engine.topology import NetworkShape, Words
from accelsim.engine.waiting import describe_waiting
from accelsim.kernels import delivery, network_state, payload, state
from accelsim.kernels import dram as dram_kernels
from accelsim.kernels import fabric as kernels
from accelsim.kernels import tile as tile_kernels
from accelsim.units import ceil_div

BINS = 1024
"""Bins of the timeline: their width doubles whenever a run outgrows them."""

PATIENCE_CYCLES = 100_000
"""Cycles without any movement, though units are busy, after which a run counts as stuck."""

STOPPED, IDLE, STUCK = range(3)
"""What `advance` returns: at a completed group or its limit; nothing will move by itself; busy but nothing moves."""


@dataclass(frozen=True, slots=True)
class TileShape:
    """Integer settings that all tiles share."""

    rows: int
    line_words: int
    fifo_words: int
    weight_banks: int
    spike_banks: int
    spike_sram: SramShape
    weight_sram: SramShape
    pixels: int
    results: int
    spike_latency_cycles: int
    pipeline_cycles: int
    skips: bool
    payload_bits: int
    header_bits: int
    flit_bits: int
    payload: int
    """Encoding of spike packets: a number of `accelsim.kernels.payload`."""
    scheduled: bool = False
    """Whether the array plays the steps of a dataflow."""
    streams: bool = False
    """Whether these read the input map from memory."""
    at_once: bool = False
    """The neuron unit takes no time."""


@dataclass(frozen=True, slots=True)
class MemoryShape:
    """Settings of the memory controllers; `bytes_per_cycle` None: unlimited bandwidth, no latency.

    With `dram` a controller has channels of banks, of that bandwidth, else a pipe; the latency comes after either.
    With `ports` there are neither controllers nor these: each node is a port of that many bytes a cycle, None without
    a limit, and the latency is that of requests.
    """

    nodes: tuple[int, ...]
    bytes_per_cycle: Fraction | None
    latency_cycles: int
    chunk_bytes: int
    chunks: int
    write_buffer_bytes: int
    dram: DramShape | None = None
    ports: tuple[Fraction | None, ...] = ()
    write_packet_bytes: int = 1
    """Payload of the largest packet that is to be written."""


@dataclass(frozen=True, slots=True)
class Contents:
    """What flows through the fabric in one run: arrays that the kernels index by the passes' offsets."""

    planes: Words
    words: Words
    weights: NDArray[np.int8]
    bias: Words
    theta: Words
    outputs: Words
    membrane_pixels: int
    routes: Words
    transfers: Words
    destinations: Words
    trees: Sequence[Tree]
    layers: int
    verify: bool
    outs: int
    """Most output channels of a pass."""
    steps: Words
    """Schedules of all passes, [steps, STEP_COLUMNS] of `accelsim.kernels.steps`."""
    counts: Words
    """What each of these passes adds to the events of its layer, [passes, EVENTS]."""


def make_clock(groups: GroupTable) -> state.Clock:
    """Time zero, and the groups of a run."""
    count = len(groups.left)
    return state.Clock(
        scalars=np.zeros(state.CLOCK_SCALARS, np.int64),
        left=np.array(groups.left, np.int64),
        watched=np.array(groups.watched, np.int64),
        fires=np.array(groups.fires, np.int64),
        chain=np.array(groups.chain, np.int64),
        box=np.array(groups.box, np.int64),
        bits=np.array(groups.bits, np.int64),
        place=np.array(groups.place, np.int64),
        begun=np.zeros(groups.boxes, np.int64),
        completed=np.zeros(count + 1, np.int64),
    )


def packets_under_way(shape: NetworkShape) -> int:
    """Most packets that tiles and memories can have in the network: waiting at sources, in VCs, on the way to sinks.

    A source queue takes one packet however long it is, so packets waiting are at most its flits, and one.
    """
    queues = shape.routers * shape.ports * shape.virtual_channels
    sinks = shape.nodes * shape.virtual_channels
    return shape.nodes * (shape.queue_flits + 2) + (queues + sinks) * shape.buffer_flits


def make_tiles(shape: TileShape, nodes: Sequence[int], network: NetworkShape, contents: Contents) -> state.Tiles:
    """Idle tiles at the given nodes of a network."""
    count = len(nodes)

    def zeros(*dimensions: int) -> Words:
        return np.zeros(dimensions, np.int64)

    settings = zeros(state.TILE_SETTINGS)
    settings[state.T_ROWS] = shape.rows
    settings[state.T_LINE] = shape.line_words
    settings[state.T_FIFO] = shape.fifo_words
    settings[state.T_BANKS] = shape.weight_banks
    settings[state.T_PIXELS] = shape.pixels
    settings[state.T_RESULTS] = shape.results
    settings[state.T_SPIKE_LATENCY] = shape.spike_latency_cycles
    settings[state.T_PIPELINE] = shape.pipeline_cycles
    settings[state.T_SKIP] = shape.skips
    settings[state.T_PAYLOAD_BITS] = shape.payload_bits
    settings[state.T_HEADER_BITS] = shape.header_bits
    settings[state.T_FLIT_BITS] = shape.flit_bits
    settings[state.T_VERIFY] = contents.verify
    settings[state.T_BANK_PERIOD] = bank_period(shape.weight_banks, shape.line_words)
    settings[state.T_PLANES] = contents.planes.shape[1]
    settings[state.T_PAYLOAD] = shape.payload
    settings[state.T_SCHEDULED] = shape.scheduled
    settings[state.T_STREAMS] = shape.streams
    settings[state.T_AT_ONCE] = shape.at_once
    tile_of = np.full(network.nodes, -1, np.int64)
    tile_of[list(nodes)] = np.arange(count)
    layers = contents.layers
    scalars = zeros(count, state.TILE_SCALARS)
    scalars[:, state.S_STATE] = state.IDLE
    scalars[:, state.S_LAYER] = layers
    scalars[:, state.S_ENDS] = state.FOREVER
    sram = np.stack(
        [
            shape.spike_sram.rules(shape.spike_banks, shape.flit_bits),
            shape.weight_sram.rules(shape.weight_banks, shape.flit_bits),
        ]
    )
    interface = zeros(count, state.INTERFACE_COLUMNS)
    interface[:, [state.I_SPIKE_AT, state.I_WEIGHT_AT]] = -1
    span = zeros(layers + 1, 2)
    span[:, 0] = state.FOREVER
    return state.Tiles(
        settings=settings,
        node=np.array(nodes, np.int64),
        tile_of=tile_of,
        active=zeros(-(-count // 32)),
        scalars=scalars,
        sram=sram,
        use=zeros(2, count, max(shape.spike_banks, shape.weight_banks)),
        interface=interface,
        sink=zeros(count, network.virtual_channels * network.buffer_flits, state.FLIT_COLUMNS),
        sink_place=zeros(count, network.virtual_channels),
        sinking=zeros(-(-count // 32)),
        passes=zeros(count, state.PASSES, state.PASS_COLUMNS),
        wake=np.full(count, state.FOREVER, np.int64),
        steps=contents.steps,
        counts=contents.counts,
        emitting=zeros(count, state.PASS_COLUMNS),
        routes=contents.routes,
        bank=weight_banks(shape.weight_banks, shape.line_words, shape.weight_sram.interleaving == state.DIAGONAL),
        line=zeros(count, ceil_div(shape.line_words, state.BLOCK_WORDS) + 1),
        line_entry=zeros(count, shape.line_words if contents.verify else 0),
        bank_fifo=zeros(count, shape.weight_banks, shape.fifo_words if contents.verify else 0),
        bank_head=zeros(count, shape.weight_banks),
        bank_tail=zeros(count, shape.weight_banks),
        bank_words=zeros(count, shape.pixels, shape.weight_banks),
        pixel=zeros(count, shape.pixels, state.PIXEL_COLUMNS),
        result=zeros(count, shape.results, state.RESULT_COLUMNS),
        accumulator=zeros(count, contents.outs),
        membrane=zeros(count, contents.membrane_pixels, contents.outs),
        words=contents.words,
        planes=contents.planes.ravel(),
        weights=contents.weights,
        bias=contents.bias,
        theta=contents.theta,
        outputs=contents.outputs,
        cycles=zeros(count, layers + 1, state.STATES),
        span=span,
        bins=zeros(count, BINS, state.STATES),
        events=zeros(layers + 1, state.EVENTS),
        payload=zeros(layers + 1, len(payload.ENCODINGS), state.PAYLOAD_COLUMNS),
    )


def make_memory(shape: MemoryShape, network: NetworkShape, contents: Contents) -> state.Memory:
    """Idle memory controllers at their nodes."""
    channels = len(shape.nodes)
    transfers = contents.transfers
    settings = np.zeros(state.MEMORY_SETTINGS, np.int64)
    rates = shape.ports or (shape.bytes_per_cycle,) * channels
    if shape.ports or shape.bytes_per_cycle is not None:
        settings[state.M_LATENCY] = shape.latency_cycles
    dram = no_dram()
    if shape.ports:
        settings[state.M_KIND] = state.PORTS
        settings[state.M_AHEAD] = 2
    elif shape.dram is not None:
        settings[state.M_KIND] = state.BANKS
        rates = (shape.dram.clocks_per_cycle,) * channels
        # Once it is full only flits come whose credits were out; every byte in it may be of a burst of its own.
        packets = 1 + network.virtual_channels * network.buffer_flits
        bursts = packets * (2 + shape.write_packet_bytes // shape.dram.burst_bytes)
        dram = make_dram(shape.dram, channels, shape.write_buffer_bytes + bursts)
        longest = max(shape.dram.timing.cl, shape.dram.timing.cwl) + shape.dram.burst_clocks
        settings[state.M_AHEAD] = 3 + int(longest / shape.dram.clocks_per_cycle)
    else:
        settings[state.M_KIND] = state.PIPE
        settings[state.M_AHEAD] = 2 + int(shape.chunk_bytes / rates[0] if rates[0] else 0)
    settings[state.M_CHUNK] = shape.chunk_bytes
    settings[state.M_WRITE_BUFFER] = shape.write_buffer_bytes
    channel_of = np.full(network.nodes, -1, np.int64)
    channel_of[list(shape.nodes)] = np.arange(channels)
    channel = np.zeros((channels, state.CHANNEL_SCALARS), np.int64)
    channel[:, state.C_NODE] = shape.nodes
    channel[:, state.C_RATE] = [1 if rate is None else rate.numerator for rate in rates]
    channel[:, state.C_COST] = [0 if rate is None else rate.denominator for rate in rates]
    channel[:, state.C_CURRENT] = -1
    channel[:, state.C_WAKE] = state.FOREVER
    return state.Memory(
        settings=settings,
        channel_of=channel_of,
        channel=channel,
        transfer=transfers,
        destination=contents.destinations,
        queue=np.zeros((channels, max(1, len(transfers))), np.int64),
        ready=np.zeros((channels, shape.chunks, state.READY_COLUMNS), np.int64),
        held=np.zeros((channels, network.virtual_channels), np.int64),
        read_bins=np.zeros((channels, BINS), np.int64),
        write_bins=np.zeros((channels, BINS), np.int64),
        dram=dram,
    )


class Fabric:
    """Everything that is stepped in cycles. Actors hand work in through the bridge; nothing else writes here."""

    def __init__(
        self,
        shape: NetworkShape,
        clock: state.Clock,
        network: network_state.Network,
        tiles: state.Tiles,
        memory: state.Memory,
    ) -> None:
        self.shape = shape
        self.clock = clock
        self.network = network
        self.tiles = tiles
        self.memory = memory

    @property
    def now(self) -> int:
        """The cycle that is stepped next."""
        return int(self.clock.scalars[state.NOW])

    @property
    def last_move(self) -> int:
        """The last cycle in which a tile or a memory moved anything, or a flit or a credit arrived anywhere."""
        return max(int(self.clock.scalars[state.LAST_MOVE]), int(self.network.scalars[network_state.LAST_MOVE]))

    def advance(self, until: int) -> int:
        """Step cycles below `until`, stopping after the first that completes a watched group (see the kernel)."""
        return int(kernels.advance(self.clock, self.network, self.tiles, self.memory, int(until), PATIENCE_CYCLES))

    def take_completed(self) -> list[int]:
        """Watched groups completed since the last call."""
        count = int(self.clock.scalars[state.COMPLETED])
        self.clock.scalars[state.COMPLETED] = 0
        return [int(group) for group in self.clock.completed[:count]]

    def is_complete(self, group: int) -> bool:
        return bool(self.clock.left[group] == 0)

    def submit_pass(self, tile: int, work: Words) -> None:
        """Append a pass to a tile's command queue."""
        scalars = self.tiles.scalars[tile]
        number = int(scalars[state.S_SUBMITTED])
        assert number - scalars[state.S_DRAINED] < state.PASSES - 1, "the ring of passes is full"
        self.tiles.passes[tile, number % state.PASSES] = work
        scalars[state.S_SUBMITTED] = number + 1
        under_way = number + 1 - int(scalars[state.S_DRAINED])
        scalars[state.S_PASSES_PEAK] = max(int(scalars[state.S_PASSES_PEAK]), under_way)
        self.tiles.active[tile >> 5] |= 1 << (tile & 31)

    def free_spikes(self, tile: int, bits: int) -> None:
        """Words of a tile's spike buffer have been read for the last time."""
        self.tiles.interface[tile, state.I_HELD] -= bits

    def send_control(self, node: int, destination: int, group: int, layer: int) -> None:
        """Send a one-flit packet that counts a group down by one when it arrives.

        Unlike tiles, actors do not ask whether the source queue has room: what they send waits in it. There must
        always be as many free packets as tiles and memories can send while it waits. Without a network nothing is
        sent: the group is counted down at once.
        """
        if self.shape.routers == 0:
            tile = int(self.tiles.tile_of[destination])
            delivery.arrive(self.clock, self.tiles, self.memory, tile, group, 1)
            return
        if self.network.scalars[network_state.FREE_PACKETS] <= packets_under_way(self.shape):
            self.network = with_more_packets(self.network)
        delivery.send(self.clock, self.network, node, destination, 1, group, 0, 1, state.CONTROL, 0, layer, self.now)

    def skip_to(self, cycle: int) -> None:
        """Let idle time pass until the next actor event."""
        self.clock.scalars[state.NOW] = max(self.now, cycle)

    @property
    def cycles(self) -> int:
        """Length of a finished run: up to the last flit delivered, the last byte written and the last pass."""
        return int(self.clock.scalars[state.LAST_WORK]) + 1

    def settle(self) -> None:
        """Book every tile's state, and the refreshes of idle channels, up to the end of the run; called once."""
        while self.cycles >> int(self.clock.scalars[state.BIN_SHIFT]) >= BINS:
            kernels.fold(self.clock, self.network, self.tiles, self.memory)
        for tile in range(len(self.tiles.node)):
            tile_kernels.settle(self.clock, self.tiles, tile, self.cycles)
        dram_kernels.settle(self.memory.dram, self.cycles)

    def stalled_units(self, groups: GroupTable) -> list[str]:
        """For a deadlock report: what each tile waits for, and which packets wait in the network, and for whom."""
        lines = []
        scalars = self.tiles.scalars
        for tile in range(len(self.tiles.node)):
            number = int(scalars[tile, state.S_DETECTOR])
            if number < scalars[tile, state.S_SUBMITTED]:
                work = self.tiles.passes[tile, number % state.PASSES]
                for column in (state.W_WEIGHTS_GROUP, state.W_ROW_GROUP, state.W_ROW_GROUP_B):
                    group = int(work[column])
                    if group >= 0 and self.clock.left[group]:
                        lines.append(f"  tile {tile} waits for {groups.name(group)} ({self.clock.left[group]} to come)")
            if scalars[tile, state.S_EMITTING]:
                work = self.tiles.emitting[tile]
                grant = int(work[state.W_GRANT_GROUP])
                if grant >= 0 and self.clock.left[grant]:
                    lines.append(f"  tile {tile} cannot send: it waits for {groups.name(grant)}")
        return lines + describe_waiting(self.shape, self.network)
