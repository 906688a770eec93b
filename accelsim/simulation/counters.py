"""Counters of the fabric, per layer, under the names of the report and of the price list."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from accelsim.cost.chip import ChipDescription
from accelsim.cost.constants import dram_pj_per_bit
from accelsim.engine.topology import NetworkShape
from accelsim.kernels import network_state as n
from accelsim.kernels import state as k
from accelsim.kernels.payload import DENSE, ENCODINGS
from accelsim.simulation.record import Run
from accelsim.simulation.timeline import STATE_NAMES
from accelsim.workload.layer import ARRAY_OPS, Layer


@dataclass(frozen=True, slots=True)
class LayerCounters:
    """What the fabric counted for one layer over all images of a run."""

    layer: Layer
    start_cycle: int
    end_cycle: int
    cycles: int
    """Sum over images of the time from the layer's first cycle to its last."""
    states: dict[str, int]
    """Cycles of the tile that was busiest with the layer; with idle they add up to `cycles`."""
    events: NDArray[np.int64]
    flits: int
    """Flits of packets, each counted once wherever it goes."""
    flits_received: int
    flit_hops: int
    payload: NDArray[np.int64]
    """[encodings, PAYLOAD_COLUMNS] What its spike packets would have cost in each encoding."""


def layer_counters(run: Run) -> list[LayerCounters]:
    """Counters of every layer, in order."""
    count = len(run.layers)
    tiles = run.fabric.tiles
    found = []
    for index, layer in enumerate(run.layers):
        spans = tiles.span[index:-1:count]
        by_tile = tiles.cycles[:, index:-1:count, :].sum(axis=1)
        active = by_tile[:, [k.BUSY, k.FILL_DRAIN, k.BANK_CONFLICT]].sum(axis=1)
        bottleneck = by_tile[int(np.argmax(active))]
        cycles = int((spans[:, 1] - spans[:, 0]).sum())
        states = {name: int(bottleneck[number]) for number, name in enumerate(STATE_NAMES)}
        states["idle"] = cycles - sum(value for name, value in states.items() if name != "idle")
        flits = run.fabric.network.layer_flits[index:-1:count].sum(axis=0)
        found.append(
            LayerCounters(
                layer=layer,
                start_cycle=int(spans[:, 0].min()),
                end_cycle=int(spans[:, 1].max()),
                cycles=cycles,
                states=states,
                events=tiles.events[index:-1:count].sum(axis=0),
                flits=int(flits[n.FLITS_SENT]),
                flits_received=int(flits[n.FLITS_RECEIVED]),
                flit_hops=int(flits[n.FLIT_HOPS_DONE]),
                payload=tiles.payload[index:-1:count].sum(axis=0),
            )
        )
    return found


def priced_events(run: Run, counters: LayerCounters) -> dict[str, int]:
    """Counters under the price list's names (see `accelsim.cost.energy.EVENTS`)."""
    settings = run.arch.settings
    array = settings.pe_array
    events = counters.events
    layer = counters.layer
    flit_bits = run.arch.flit_bits
    capacity = run.arch.capacity
    # Every scan of the array reads one slice of the words, the last slice being narrower; other operators read words.
    scans = capacity.scans(layer.word_bits) if layer.op in ARRAY_OPS else 1
    # Spike buffers hold words: what arrives encoded is decoded before it is written.
    sent = ENCODINGS.index(settings.network_interface.payload)
    decoded_bits = int(counters.payload[DENSE, k.Q_BITS] - counters.payload[sent, k.Q_BITS])
    return {
        "mac_words": int(events[k.E_MACS]),
        "accumulates": int(events[k.E_SUMS]),
        "spike_buffer_read_bits": int(events[k.E_LINE_WORDS]) * capacity.stored_bits(layer.word_bits) // scans,
        "spike_buffer_write_bits": int(events[k.E_SPIKE_WRITE_FLITS]) * flit_bits + decoded_bits,
        "weight_buffer_read_bits": int(events[k.E_WEIGHT_READS]) * layer.weight_bits,
        "weight_buffer_write_bits": int(events[k.E_WEIGHT_WRITE_FLITS]) * flit_bits,
        "accumulator_read_bits": int(events[k.E_ACCUMULATOR_READS]) * array.accumulator_bits,
        "accumulator_write_bits": int(events[k.E_ACCUMULATOR_WRITES]) * array.accumulator_bits,
        "fifo_words": int(events[k.E_WORDS]) if array.queued_words else 0,
        "neuron_ops": int(events[k.E_NEURON_OPS]),
        "vector_ops": int(events[k.E_VECTOR_OPS]),
        "flit_hops": counters.flit_hops,
        "link_flits": counters.flit_hops - counters.flits_received,
        "dram_read_bytes": int(events[k.E_BUS_READ]),
        "dram_write_bytes": int(events[k.E_BUS_WRITE]),
    }


def link_lengths(shape: NetworkShape) -> float:
    """Length of a link between routers in sides of a tile: those of a torus are folded, so that none is longer."""
    return math.sqrt(shape.concentration) * (2 if shape.topology == "torus" else 1)


def node_lengths(shape: NetworkShape) -> float:
    """Length of the wires of a flit to the one router of a crossbar, in its middle, and from there to its node.

    In sides of a tile, on average: a quarter of the columns and of the rows each way. Other routers are at their nodes.
    """
    if shape.topology != "crossbar":
        return 0.0
    return (shape.columns + shape.rows) * math.sqrt(shape.concentration) / 2


def describe_chip(run: Run) -> ChipDescription:
    """The physical facts of the chip that energy and area depend on."""
    settings = run.arch.settings
    array = settings.pe_array
    dram = settings.dram
    weight_bits = max((layer.weight_bits for layer in run.layers), default=8) or 8
    return ChipDescription(
        node_nm=settings.technology.node_nm,
        clock_mhz=settings.clock_mhz,
        tiles=settings.tiles.count,
        pe_rows=array.pe_shape[0],
        pe_columns=array.pe_shape[1],
        weight_bits=weight_bits,
        lane_bits=array.operand_bits,
        accumulator_bits=array.accumulator_bits,
        spike_buffer_bytes=settings.spike_buffer.bytes,
        weight_buffer_bytes=settings.weight_buffer.bytes,
        accumulator_buffer_bytes=settings.accumulator_buffer.bytes,
        line_bits=array.line_bits,
        fifo_words=array.queued_words,
        neuron_lanes=settings.neurons.lanes,
        noc_routers=run.arch.network.routers,
        noc_ports=run.arch.network.ports,
        flit_bits=run.arch.flit_bits,
        virtual_channels=run.arch.network.virtual_channels,
        buffer_flits=run.arch.network.buffer_flits,
        dram_pj_per_bit=None if isinstance(dram, str) else dram_pj_per_bit(dram.energy),
        leakage_factor=settings.technology.leakage_factor,
        link_lengths=link_lengths(run.arch.network),
        node_lengths=node_lengths(run.arch.network),
        spike_buffer_banks=settings.spike_buffer.banks,
        weight_buffer_banks=settings.weight_buffer.banks,
    )
