"""A checked architecture: what a chip is to the planner, to the engine and to those who report on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache, partial
from math import ceil, prod
from pathlib import Path

from accelsim.build.network import NetworkOnly, is_network_only
from accelsim.build.schema import DEFAULT_DATAFLOW, ArchSettings, settings_of
from accelsim.build.shares import estimate_cycles, parameter_bytes
from accelsim.config import Document, load_yaml, override, validate
from accelsim.dataflows import Dataflow, dataflow_names
from accelsim.engine.dram import DramShape
from accelsim.engine.sram import SramShape
from accelsim.engine.topology import NetworkShape, direct
from accelsim.errors import InputError
from accelsim.kernels import state as k
from accelsim.mapping.plan import ALL_OUTPUTS, TileCapacity
from accelsim.parts.dram import DramSettings, PipeDramSettings, PortsDramSettings
from accelsim.parts.noc import NocSettings
from accelsim.units import cycles_from_ns

WIDEST_WORD_BITS = 64
"""No word is wider: what an array takes whole, however wide it is, it takes in one scan."""

PORT_OF = {k.WEIGHTS: k.WEIGHT_PORT, k.SPIKES: k.SPIKE_PORT, k.STORE: k.STORE_PORT}
"""Channel of a memory of ports that moves a kind of data."""

WIDEST_WIRES_BYTES = 1 << 31
"""What travels at once where a tile is wired to memory: whatever there is."""


@lru_cache
def _first_free(nodes: int, taken: tuple[int, ...], count: int) -> tuple[int, ...]:
    """The first nodes that are not taken."""
    return tuple([node for node in range(nodes) if node not in taken][:count])


@dataclass(frozen=True, slots=True)
class Arch:
    """A checked architecture, and the document that it came from."""

    settings: ArchSettings
    document: Document

    @property
    def name(self) -> str:
        return self.settings.name

    @property
    def dataflow(self) -> Dataflow | None:
        """What schedules the work of the arrays; None: detector lanes, which the fabric steps."""
        return self.settings.dataflow

    @property
    def streams(self) -> bool:
        """Whether the arrays read input maps from memory as they go, not from the spike buffer."""
        return self.dataflow is not None and self.dataflow.streams(self.settings.pe_array)

    @property
    def line_words(self) -> int:
        """Words that the detector, or the neuron unit where it pools or adds, reads at once."""
        array = self.settings.pe_array
        return max(1, array.line_bits // array.operand_bits) if self.dataflow is None else array.pe_shape[1]

    @property
    def pes(self) -> int:
        """Processing elements of all tiles."""
        return prod(self.settings.pe_array.pe_shape) * self.settings.tiles.count

    @property
    def noc(self) -> NocSettings | None:
        """The network on chip; None where a tile and memory are wired to each other."""
        noc = self.settings.noc
        return noc if isinstance(noc, NocSettings) else None

    @property
    def multicast(self) -> str:
        """How a packet goes to several tiles."""
        return "none" if self.noc is None else self.noc.multicast

    @property
    def flit_bits(self) -> int:
        """What travels at once; without a network data are counted in bytes."""
        return 8 if self.noc is None else self.noc.flit_bits

    @property
    def controllers(self) -> int:
        """Memories with addresses of their own: one a memory controller."""
        return len(self.controller_nodes) if self.noc is not None else 1

    @property
    def ports(self) -> tuple[Fraction | None, ...]:
        """Bytes a cycle (None: no limit) of the ports for weights, words read and words written, where there are ports.

        Ideal memory without a network has them too, all without a limit.
        """
        dram = self.settings.dram
        if isinstance(dram, PortsDramSettings):
            return dram.rates
        return (None, None, None) if self.noc is None and isinstance(dram, str) else ()

    def channel(self, kind: int, controller: int) -> int:
        """Which of `controller_nodes` moves a kind of data, of `accelsim.kernels.state`, to or from a memory."""
        return PORT_OF[kind] if self.ports else controller

    @property
    def controller_nodes(self) -> tuple[int, ...]:
        """The node of each memory controller, or of each port, after that of the tile."""
        if self.noc is None:
            return tuple(range(1, 1 + max(1, len(self.ports))))
        return self.settings.memory_controller.nodes or ()

    @property
    def tile_nodes(self) -> tuple[int, ...]:
        """The node of each tile: row by row, nodes of memory controllers left out."""
        if self.noc is None:
            return (0,)
        return _first_free(self.noc.nodes, self.controller_nodes, self.settings.tiles.count)

    @property
    def network(self) -> NetworkShape:
        """The network on chip as the engine makes it."""
        if self.noc is None:
            return direct(1 + len(self.controller_nodes))
        return self.noc.shape(self.settings.network_interface.queue_flits)

    @property
    def packet_bits(self) -> int:
        """Payload of the largest packet; without a network of what is stored at once, a pixel at least."""
        bits = self.settings.network_interface.packet_payload_bits
        return bits if self.noc is not None else max(bits, self.settings.pixel_bits)

    @property
    def spike_sram(self) -> SramShape:
        """The spike buffer as the engine makes it; a word is as wide as a line."""
        return self.settings.spike_buffer.shape(self.settings.pe_array.line_bits)

    @property
    def weight_sram(self) -> SramShape:
        """The weight buffer as the engine makes it; a word is as wide as the 8-bit weights of a word of spikes."""
        return self.settings.weight_buffer.shape(self.settings.pe_array.pe_shape[1] * 8)

    @property
    def dram(self) -> DramShape | None:
        """The channels of banks behind each controller; None: a pipe, or ideal memory."""
        dram = self.settings.dram
        if not isinstance(dram, DramSettings):
            return None
        return dram.shape(self.controllers, self.settings.clock_mhz)

    @property
    def bytes_per_cycle(self) -> Fraction | None:
        """DRAM bandwidth behind one controller, or of all ports together; None: ideal."""
        dram = self.settings.dram
        if isinstance(dram, str):
            return None
        if isinstance(dram, PortsDramSettings):
            limited = [rate for rate in dram.rates if rate is not None]
            return sum(limited, Fraction(0)) if len(limited) == len(dram.rates) else None
        if isinstance(dram, PipeDramSettings):
            return dram.bytes_per_cycle(self.controllers, self.settings.clock_mhz)
        return dram.shape(self.controllers, self.settings.clock_mhz).bytes_per_cycle

    @property
    def latency_cycles(self) -> int:
        """DRAM latency in core-clock cycles, after what banks take; of ports that of a request."""
        dram = self.settings.dram
        if isinstance(dram, PortsDramSettings):
            return dram.request_cycles(self.settings.clock_mhz)
        return 0 if isinstance(dram, str) else cycles_from_ns(dram.latency_ns, self.settings.clock_mhz)

    @property
    def access_cycles(self) -> int:
        """From a request at an idle controller to the first of its data: that of a closed row, where there are rows."""
        dram = self.dram
        if dram is None:
            return self.latency_cycles
        clocks = dram.timing.rcd + dram.timing.cl + dram.burst_clocks
        return self.latency_cycles + ceil(clocks / dram.clocks_per_cycle)

    @property
    def _pass_outputs(self) -> int:
        """Output channels of a pass; where there is a network, one pixel has to fit a packet."""
        array = self.settings.pe_array
        if self.dataflow is None:
            return array.pe_shape[1]
        most = self.dataflow.outputs(array) or ALL_OUTPUTS
        return most if self.noc is None else min(most, self.packet_bits // self.settings.word_bits_stored(32))

    @property
    def capacity(self) -> TileCapacity:
        """What the mapping has to know of the chip."""
        settings = self.settings
        array = settings.pe_array
        flow = self.dataflow
        rate = self.ports[k.WEIGHT_PORT] if self.ports else self.bytes_per_cycle
        others: list[float | None] = [None, None]
        others = [float("inf") if port is None else float(port) for port in self.ports[1:]] or others
        pixel_bits = array.pe_shape[1] * array.accumulator_bits
        return TileCapacity(
            tiles=settings.tiles.count,
            rows=array.pe_shape[0],
            columns=self._pass_outputs,
            line_words=self.line_words,
            lane_bits=array.operand_bits if flow is None else WIDEST_WORD_BITS,
            bit_serial=flow is None and array.spike_mode == "bit_serial",
            skips=array.skip == "silent_words",
            pads_words=flow is None and array.skip == "nothing",
            whole_map=flow is not None and flow.whole_map(array),
            streams=self.streams,
            array_cycles=None if flow is None else partial(estimate_cycles, flow, array),
            parameter_bytes=None if flow is None else partial(parameter_bytes, flow, array),
            spike_buffer_bytes=settings.spike_buffer.bytes,
            weight_buffer_bytes=settings.weight_buffer.bytes,
            prefetches=settings.weight_buffer.double,
            accumulator_words=settings.accumulator_buffer.bytes * 8 // array.accumulator_bits,
            accumulator_bits=array.accumulator_bits,
            # Without a network whatever is sent travels as one.
            flit_bytes=max(1, self.flit_bits // 8) if self.noc is not None else WIDEST_WIRES_BYTES,
            packet_bits=self.packet_bits,
            header_bits=settings.network_interface.header_bits,
            multicast=self.multicast == "tree",
            controllers=self.controllers,
            memory_bytes_per_cycle=float("inf") if rate is None else float(rate) * self.controllers,
            spike_bytes_per_cycle=others[0],
            store_bytes_per_cycle=others[1],
            write_buffer_bytes=settings.memory_controller.write_buffer_bytes,
            memory_latency_cycles=self.access_cycles,
            transfer_bytes=settings.memory_controller.packet_bytes,
            weight_banks=settings.weight_buffer.banks,
            read_latency_cycles=settings.spike_buffer.read_latency_cycles,
            pipeline_cycles=array.pipeline_cycles,
            results=settings.neurons.results,
            neuron_lanes=0 if settings.neuron_unit == "ideal" else settings.neurons.lanes,
            decoding_cycles=(
                settings.accumulator_buffer.access_cycles(pixel_bits, 1, 1, alternate=True)
                if settings.neurons.decoding == "serial"
                else 0
            ),
        )


def load_arch(path: str | Path, overrides: Sequence[str] = ()) -> Arch:
    """Read and check an architecture file, with `KEY=VALUE` overrides.

    Raises InputError with every problem; NetworkOnly where the file holds a network without a chip.
    """
    document = load_yaml(Path(path))
    if overrides:
        document = override(document, overrides)
    if is_network_only(document):
        raise NetworkOnly(document.file)
    return arch_of(document)


def arch_of(document: Document) -> Arch:
    """The checked architecture of a document. Raises InputError with every problem."""
    array = document.data.get("pe_array")
    name = array.get("dataflow", DEFAULT_DATAFLOW) if isinstance(array, dict) else DEFAULT_DATAFLOW
    if not isinstance(name, str) or name not in dataflow_names():
        allowed = ", ".join(dataflow_names())
        raise InputError(document.problem(("pe_array", "dataflow"), "names no dataflow", name, allowed))
    return Arch(validate(settings_of(name), document), document)
