"""The architecture file: the parts' settings put together, and the rules that span several parts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache, lru_cache, partial
from math import ceil, prod
from pathlib import Path
from typing import Any

from pydantic import Field, create_model, model_validator

from accelsim.build.network import NetworkOnly, is_network_only
from accelsim.build.shares import estimate_cycles, parameter_bytes
from accelsim.config import Document, Positive, Settings, broken, load_yaml, override, validate
from accelsim.dataflows import ArraySettings, Dataflow, dataflow_names, find_dataflow
from accelsim.engine.dram import DramShape
from accelsim.engine.sram import SramShape
from accelsim.engine.topology import NetworkShape
from accelsim.errors import InputError
from accelsim.mapping.plan import ALL_OUTPUTS, TileCapacity
from accelsim.parts.accumulator_buffer import AccumulatorBufferSettings
from accelsim.parts.dram import AnyDram, DramSettings, PipeDramSettings
from accelsim.parts.mapping import MappingSettings
from accelsim.parts.memory_controller import MemoryControllerSettings
from accelsim.parts.network_interface import NetworkInterfaceSettings
from accelsim.parts.neuron_unit import NeuronUnitSettings
from accelsim.parts.noc import NocSettings
from accelsim.parts.spike_buffer import SpikeBufferSettings
from accelsim.parts.technology import TechnologySettings
from accelsim.parts.tiles import TilesSettings
from accelsim.parts.weight_buffer import WeightBufferSettings
from accelsim.units import ceil_div, cycles_from_ns, exact

DEFAULT_DATAFLOW = "detector_lanes"

WIDEST_WORD_BITS = 64
"""No word is wider: what an array takes whole, however wide it is, it takes in one scan."""

FREE_PORTS = ("1r1w", "2rw", "ideal")
"""Ports of an SRAM that is read in every cycle while it is written."""

LARGEST_RATE = 1 << 31
"""Numerator and denominator of bytes a cycle: times 2^32 cycles they fit into 64 bits."""


class ArchSettings(Settings):
    """A chip: every key of an architecture file."""

    name: str = Field(min_length=1, max_length=100)
    clock_mhz: Positive = Field(ge=0.001, le=1e6)
    technology: TechnologySettings = TechnologySettings()
    tiles: TilesSettings
    pe_array: ArraySettings
    spike_buffer: SpikeBufferSettings
    weight_buffer: WeightBufferSettings
    accumulator_buffer: AccumulatorBufferSettings
    neuron_unit: NeuronUnitSettings = NeuronUnitSettings()
    network_interface: NetworkInterfaceSettings = NetworkInterfaceSettings()
    noc: NocSettings
    memory_controller: MemoryControllerSettings
    mapping: MappingSettings = MappingSettings()
    dram: AnyDram

    @model_validator(mode="after")
    def _check(self) -> ArchSettings:
        nodes = self.noc.nodes
        controllers = self.memory_controller.nodes
        outside = [node for node in controllers if not 0 <= node < nodes]
        if outside:
            raise broken("memory_controller.nodes", "must be nodes of the noc", list(controllers), f"0 to {nodes - 1}")
        if len(set(controllers)) < len(controllers):
            raise broken("memory_controller.nodes", "names a node twice", list(controllers))
        if self.tiles.count + len(controllers) > nodes:
            rule = f"{nodes} nodes do not cover {self.tiles.count} tiles and {len(controllers)} memory controllers"
            raise broken("noc.columns", rule, self.noc.columns)
        self._check_mode()
        self._check_ports()
        if isinstance(self.dram, DramSettings) and (self.dram.channels or 0) % len(controllers):
            rule = f"{len(controllers)} memory controllers must share the channels evenly"
            raise broken("dram.channels", rule, self.dram.channels, f"a multiple of {len(controllers)}")
        if isinstance(self.dram, DramSettings):
            rate = self.dram.clock_mhz / exact(self.clock_mhz)
            key = "data_rate_mt_per_s" if self.dram.bandwidth_gb_per_s is None else "bandwidth_gb_per_s"
            self._check_rate(key, rate, getattr(self.dram, key))
        elif isinstance(self.dram, PipeDramSettings):
            rate = self.dram.bytes_per_cycle(len(controllers), self.clock_mhz)
            self._check_rate("bandwidth_gb_per_s", rate, self.dram.bandwidth_gb_per_s)
        pixel_bits = self.pe_array.pe_shape[1] * self.word_bits_stored(32)
        if self.network_interface.packet_payload_bits < pixel_bits:
            raise broken(
                "network_interface.packet_payload_bits",
                "must hold one pixel of all columns, 32 bits an accumulator",
                self.network_interface.packet_payload_bits,
                f">= {pixel_bits}",
            )
        if self.noc.multicast == "tree":
            self._check_multicast()
        return self

    def _check_mode(self) -> None:
        """Spike mode and skipping must be a pair that the array can combine."""
        array = self.pe_array
        modes = find_dataflow(array.dataflow).modes
        unknown = f"is nothing that {array.dataflow} does in spike mode {array.spike_mode}"
        reason = modes.get((array.spike_mode, array.skip), unknown)
        if reason:
            skips = [skip for (mode, skip), why in modes.items() if mode == array.spike_mode and not why]
            allowed = " or ".join(skips)
            if not skips:
                allowed = "; ".join(f"{mode} with {skip}" for (mode, skip), why in modes.items() if not why)
            key = "pe_array.skip" if skips else "pe_array.spike_mode"
            raise broken(key, reason, None if skips else array.spike_mode, allowed)

    def _check_ports(self) -> None:
        """A schedule knows of no bank conflicts: what arrives must not take a port from what is read."""
        if self.pe_array.dataflow == DEFAULT_DATAFLOW:
            return
        for name in ("spike_buffer", "weight_buffer"):
            ports = getattr(self, name).ports
            if ports not in FREE_PORTS:
                rule = f"{self.pe_array.dataflow} reads in lock step: what arrives must not take the port of a bank"
                raise broken(f"{name}.ports", rule, ports, " or ".join(FREE_PORTS))

    def _check_rate(self, key: str, rate: Fraction, value: float | None) -> None:
        """Times are kept as whole numbers of the parts of a cycle that the rate has."""
        if max(rate.numerator, rate.denominator) > LARGEST_RATE:
            rule = f"over clock_mhz = {self.clock_mhz} is a fraction of more digits than time is counted with"
            raise broken(f"dram.{key}", rule, value, "fewer decimals of either")

    def _check_multicast(self) -> None:
        """A packet that branches in routers must fit a virtual channel, or its branches could wait for each other."""
        payload = max(self.network_interface.packet_payload_bits, 8 * self.memory_controller.packet_bytes)
        flits = ceil_div(payload + self.network_interface.header_bits, self.noc.flit_bits)
        if flits > self.noc.buffer_flits:
            rule = "could deadlock: packets that branch must fit a virtual channel whole, and the longest has "
            rule += f"{flits} flits"
            raise broken("noc.buffer_flits", rule, self.noc.buffer_flits, f">= {flits}, or noc.multicast: none")

    def word_bits_stored(self, bits: int) -> int:
        """Bits that a word of `bits` bits takes in buffers: whole lanes where all of them are scanned."""
        lane = self.pe_array.operand_bits
        scans_all = self.pe_array.dataflow == DEFAULT_DATAFLOW and self.pe_array.skip == "nothing"
        return -(-bits // lane) * lane if scans_all else bits


@lru_cache
def _first_free(nodes: int, taken: tuple[int, ...], count: int) -> tuple[int, ...]:
    """The first nodes that are not taken."""
    return tuple([node for node in range(nodes) if node not in taken][:count])


@cache
def settings_of(dataflow: str) -> type[ArchSettings]:
    """The settings of a chip whose arrays have a certain dataflow: `pe_array` has its keys."""
    array: Any = find_dataflow(dataflow).settings_class
    return create_model("ArchSettings", __base__=ArchSettings, pe_array=(array, ...))


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
        found = find_dataflow(self.settings.pe_array.dataflow)
        return found if isinstance(found, Dataflow) else None

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
    def controller_nodes(self) -> tuple[int, ...]:
        return self.settings.memory_controller.nodes

    @property
    def tile_nodes(self) -> tuple[int, ...]:
        """The node of each tile: row by row, nodes of memory controllers left out."""
        return _first_free(self.settings.noc.nodes, self.controller_nodes, self.settings.tiles.count)

    @property
    def network(self) -> NetworkShape:
        """The network on chip as the engine makes it."""
        return self.settings.noc.shape(self.settings.network_interface.queue_flits)

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
        return dram.shape(len(self.controller_nodes), self.settings.clock_mhz)

    @property
    def bytes_per_cycle(self) -> Fraction | None:
        """DRAM bandwidth behind one controller; None: ideal."""
        dram = self.settings.dram
        if isinstance(dram, str):
            return None
        if isinstance(dram, PipeDramSettings):
            return dram.bytes_per_cycle(len(self.controller_nodes), self.settings.clock_mhz)
        return dram.shape(len(self.controller_nodes), self.settings.clock_mhz).bytes_per_cycle

    @property
    def latency_cycles(self) -> int:
        """DRAM latency in core-clock cycles, after what banks take."""
        dram = self.settings.dram
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
    def capacity(self) -> TileCapacity:
        """What the mapping has to know of the chip."""
        settings = self.settings
        array = settings.pe_array
        flow = self.dataflow
        rate = self.bytes_per_cycle
        pixel_bits = array.pe_shape[1] * array.accumulator_bits
        # One pixel of a pass has to fit a packet.
        packet_words = settings.network_interface.packet_payload_bits // settings.word_bits_stored(32)
        return TileCapacity(
            tiles=settings.tiles.count,
            rows=array.pe_shape[0],
            columns=array.pe_shape[1] if flow is None else min(flow.outputs(array) or ALL_OUTPUTS, packet_words),
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
            flit_bytes=max(1, settings.noc.flit_bits // 8),
            packet_bits=settings.network_interface.packet_payload_bits,
            header_bits=settings.network_interface.header_bits,
            multicast=settings.noc.multicast == "tree",
            controllers=len(self.controller_nodes),
            memory_bytes_per_cycle=float("inf") if rate is None else float(rate) * len(self.controller_nodes),
            memory_latency_cycles=self.access_cycles,
            transfer_bytes=settings.memory_controller.packet_bytes,
            weight_banks=settings.weight_buffer.banks,
            read_latency_cycles=settings.spike_buffer.read_latency_cycles,
            pipeline_cycles=array.pipeline_cycles,
            results=settings.neuron_unit.results,
            neuron_lanes=settings.neuron_unit.lanes,
            decoding_cycles=(
                settings.accumulator_buffer.access_cycles(pixel_bits, 1, 1, alternate=True)
                if settings.neuron_unit.decoding == "serial"
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
