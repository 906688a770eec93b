"""The chip: a fabric and its actors, made from an architecture and a program."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from accelsim.build.arch import Arch
from accelsim.build.program import Program
from accelsim.dataflows.detector_lanes import DetectorLanesSettings
from accelsim.engine.bridge import Bridge
from accelsim.engine.fabric import (
    BINS,
    Fabric,
    MemoryShape,
    TileShape,
    make_clock,
    make_memory,
    make_tiles,
    packets_under_way,
)
from accelsim.engine.network import make_network
from accelsim.kernels.payload import ENCODINGS
from accelsim.parts.dma import dma
from accelsim.parts.host import host
from accelsim.parts.sequencer import Command, sequencer
from accelsim.units import ceil_div


def make_fabric(arch: Arch, program: Program) -> Fabric:
    """The compiled part of the chip, at cycle 0."""
    settings = arch.settings
    array = settings.pe_array
    interface = settings.network_interface
    controller = settings.memory_controller
    network = arch.network
    lanes = array if isinstance(array, DetectorLanesSettings) else None
    tiles = TileShape(
        rows=array.pe_shape[0],
        line_words=arch.line_words,
        fifo_words=max(1, array.queued_words),
        weight_banks=settings.weight_buffer.banks,
        spike_banks=settings.spike_buffer.banks,
        spike_sram=arch.spike_sram,
        weight_sram=arch.weight_sram,
        pixels=lanes.pixels_in_flight if lanes else 1,
        # The pipeline of an array that plays a schedule holds the results that are still in it.
        results=settings.neurons.results + (0 if lanes else array.pipeline_cycles),
        spike_latency_cycles=settings.spike_buffer.read_latency_cycles,
        pipeline_cycles=array.pipeline_cycles + settings.weight_buffer.read_latency_cycles,
        skips=array.skip == "silent_words",
        payload_bits=arch.packet_bits,
        header_bits=interface.header_bits,
        flit_bits=arch.flit_bits,
        payload=ENCODINGS.index(interface.payload),
        scheduled=lanes is None,
        streams=arch.streams,
        at_once=settings.neuron_unit == "ideal",
    )
    memory = MemoryShape(
        nodes=arch.controller_nodes,
        bytes_per_cycle=arch.bytes_per_cycle,
        latency_cycles=arch.latency_cycles,
        chunk_bytes=controller.packet_bytes,
        chunks=controller.read_ahead_packets,
        write_buffer_bytes=controller.write_buffer_bytes,
        dram=arch.dram,
        ports=arch.ports,
        write_packet_bytes=ceil_div(arch.packet_bits, 8),
    )
    contents = program.contents
    return Fabric(
        network,
        make_clock(program.groups),
        make_network(network, packets_under_way(network), trees=contents.trees, bins=BINS, layers=contents.layers),
        make_tiles(tiles, arch.tile_nodes, network, contents),
        make_memory(memory, network, contents),
    )


def add_actors(
    bridge: Bridge,
    arch: Arch,
    program: Program,
    finished: list[int],
    ended: Callable[[Command], None],
    reverse: bool = False,
) -> None:
    """Create every actor. `finished` gets the cycle at which each image was done, `ended` every pass at its end.

    `reverse` creates the actors in the opposite order, which must change nothing.
    """
    actors = [("host", partial(host, bridge, images=program.image_done, finished=finished))]
    for tile, script in enumerate(program.scripts):
        node = arch.tile_nodes[tile]
        feed = partial(sequencer, bridge, tile=tile, node=node, commands=script.commands, ended=ended)
        actors.append((f"sequencer {tile}", feed))
        actors.append((f"input dma {tile}", partial(dma, bridge, node=node, loads=script.word_loads)))
        actors.append((f"weight dma {tile}", partial(dma, bridge, node=node, loads=script.weight_loads)))
    for name, process in reversed(actors) if reverse else actors:
        bridge.add_actor(name, process)
