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
from accelsim.engine.topology import NetworkShape, direct
from accelsim.errors import InputError
from accelsim.kernels import state as k
from accelsim.mapping.plan import ALL_OUTPUTS, TileCapacity
from accelsim.parts.accumulator_buffer import AccumulatorBufferSettings
from accelsim.parts.dram import AnyDram, DramSettings, PipeDramSettings, PortsDramSettings
from accelsim.parts.mapping import MappingSettings
from accelsim.parts.memory_controller import MemoryControllerSettings
from accelsim.parts.network_interface import NetworkInterfaceSettings
from accelsim.parts.neuron_unit import MOST_LANES, AnyNeuronUnit, NeuronUnitSettings
from accelsim.parts.noc import AnyNoc, NocSettings
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
PORT_OF = {k.WEIGHTS: k.WEIGHT_PORT, k.SPIKES: k.SPIKE_PORT, k.STORE: k.STORE_PORT}

RESULTS_AT_ONCE = 16
"""Results that may wait for a neuron unit that takes no time: those under way in an array's pipeline, an estimate."""

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
    neuron_unit: AnyNeuronUnit = NeuronUnitSettings()
    network_interface: NetworkInterfaceSettings = NetworkInterfaceSettings()
    noc: AnyNoc
    memory_controller: MemoryControllerSettings = MemoryControllerSettings()
    mapping: MappingSettings = MappingSettings()
    dram: AnyDram

    @property
    def neurons(self) -> NeuronUnitSettings:
        """The neuron unit; of one that takes no time what does not depend on time: a lane a column."""
        if isinstance(self.neuron_unit, NeuronUnitSettings):
            return self.neuron_unit
        return NeuronUnitSettings(lanes=min(MOST_LANES, self.pe_array.pe_shape[1]), results=RESULTS_AT_ONCE)

    @model_validator(mode="after")
    def _check(self) -> ArchSettings:
        if isinstance(self.noc, NocSettings):
            self._check_network(self.noc)
        elif self.tiles.count > 1:
            rule = f"wires one tile to memory, and there are {self.tiles.count}"
            raise broken("noc", rule, "none", "a network, or tiles: {columns: 1, rows: 1}")
        self._check_mode()
        self._check_ports()
        self._check_stream()
        self._check_dram()
        return self

    def _check_network(self, noc: NocSettings) -> None:
        """Every tile and every controller has a node, and what they send fits."""
        nodes = noc.nodes
        controllers = self.memory_controller.nodes
        if controllers is None:
            raise broken("memory_controller.nodes", "is missing")
        if isinstance(self.dram, PortsDramSettings):
            rule = "is the ports of a tile that is wired to memory, and here is a network between"
            raise broken("dram", rule, None, "noc: none, or memory behind controllers")
        outside = [node for node in controllers if not 0 <= node < nodes]
        if outside:
            raise broken("memory_controller.nodes", "must be nodes of the noc", list(controllers), f"0 to {nodes - 1}")
        if len(set(controllers)) < len(controllers):
            raise broken("memory_controller.nodes", "names a node twice", list(controllers))
        if self.tiles.count + len(controllers) > nodes:
            rule = f"{nodes} nodes do not cover {self.tiles.count} tiles and {len(controllers)} memory controllers"
            raise broken("noc.columns", rule, noc.columns)
        if isinstance(self.dram, DramSettings) and (self.dram.channels or 0) % len(controllers):
            rule = f"{len(controllers)} memory controllers must share the channels evenly"
            raise broken("dram.channels", rule, self.dram.channels, f"a multiple of {len(controllers)}")
        pixel_bits = self.pixel_bits
        if self.network_interface.packet_payload_bits < pixel_bits:
            raise broken(
                "network_interface.packet_payload_bits",
                "must hold one pixel of all columns, 32 bits an accumulator",
                self.network_interface.packet_payload_bits,
                f">= {pixel_bits}",
            )
        if noc.multicast == "tree":
            self._check_multicast(noc)

    @property
    def pixel_bits(self) -> int:
        """Bits of the accumulators of a pixel: the longest that all columns send of one."""
        return self.pe_array.pe_shape[1] * self.word_bits_stored(32)

    def _check_dram(self) -> None:
        """Rates are fractions of few digits."""
        if isinstance(self.dram, DramSettings):
            rate = self.dram.clock_mhz / exact(self.clock_mhz)
            key = "data_rate_mt_per_s" if self.dram.bandwidth_gb_per_s is None else "bandwidth_gb_per_s"
            self._check_rate(key, rate, getattr(self.dram, key))
        elif isinstance(self.dram, PipeDramSettings):
            rate = self.dram.bytes_per_cycle(len(self.memory_controller.nodes or (0,)), self.clock_mhz)
            self._check_rate("bandwidth_gb_per_s", rate, self.dram.bandwidth_gb_per_s)
        elif isinstance(self.dram, PortsDramSettings):
            for kind, port in zip(("weight", "spike", "store"), self.dram.rates, strict=True):
                if port is not None:
                    self._check_rate(f"{kind}_bytes_per_cycle", port, float(port))

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

    def _check_stream(self) -> None:
        """What streams its input reads it from memory in order, past all buffers."""
        flow = find_dataflow(self.pe_array.dataflow)
        if not isinstance(flow, Dataflow) or not flow.streams(self.pe_array):
            return
        rule = f"{self.pe_array.dataflow} streams its input from memory, "
        if self.noc != "none":
            raise broken("noc", rule + "and here is a network between", None, "none")
        if isinstance(self.dram, DramSettings):
            allowed = "ideal, bandwidth_gb_per_s alone, or ports"
            raise broken("dram", rule + "of which banks are not modelled", None, allowed)

    def _check_rate(self, key: str, rate: Fraction, value: float | None) -> None:
        """Times are kept as whole numbers of the parts of a cycle that the rate has."""
        if max(rate.numerator, rate.denominator) > LARGEST_RATE:
            rule = f"over clock_mhz = {self.clock_mhz} is a fraction of more digits than time is counted with"
            raise broken(f"dram.{key}", rule, value, "fewer decimals of either")

    def _check_multicast(self, noc: NocSettings) -> None:
        """A packet that branches in routers must fit a virtual channel, or its branches could wait for each other."""
        payload = max(self.network_interface.packet_payload_bits, 8 * self.memory_controller.packet_bytes)
        flits = ceil_div(payload + self.network_interface.header_bits, noc.flit_bits)
        if flits > noc.buffer_flits:
            rule = "could deadlock: packets that branch must fit a virtual channel whole, and the longest has "
            rule += f"{flits} flits"
            raise broken("noc.buffer_flits", rule, noc.buffer_flits, f">= {flits}, or noc.multicast: none")

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
            flit_bytes=max(1, self.flit_bits // 8) if self.noc is not None else LARGEST_RATE,
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
