"""The architecture file: the parts' settings put together, and the rules that span several parts."""

from __future__ import annotations

from fractions import Fraction
from functools import cache
from typing import Any

from pydantic import Field, create_model, model_validator

from accelsim.config import Positive, Settings, broken
from accelsim.dataflows import ArraySettings, Dataflow, find_dataflow
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
from accelsim.units import ceil_div, exact

DEFAULT_DATAFLOW = "detector_lanes"

FREE_PORTS = ("1r1w", "2rw", "ideal")
"""Ports of an SRAM that is read in every cycle while it is written."""

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
    def dataflow(self) -> Dataflow | None:
        """What schedules the work of the arrays; None: an array that the fabric steps."""
        found = find_dataflow(self.pe_array.dataflow)
        return found if isinstance(found, Dataflow) else None

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
        if self.dataflow is None:
            return
        for name in ("spike_buffer", "weight_buffer"):
            ports = getattr(self, name).ports
            if ports not in FREE_PORTS:
                rule = f"{self.pe_array.dataflow} reads in lock step: what arrives must not take the port of a bank"
                raise broken(f"{name}.ports", rule, ports, " or ".join(FREE_PORTS))

    def _check_stream(self) -> None:
        """What streams its input reads it from memory in order, past all buffers."""
        if self.dataflow is None or not self.dataflow.streams(self.pe_array):
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
        scans_all = self.dataflow is None and self.pe_array.skip == "nothing"
        return -(-bits // lane) * lane if scans_all else bits


@cache
def settings_of(dataflow: str) -> type[ArchSettings]:
    """The settings of a chip whose arrays have a certain dataflow: `pe_array` has its keys."""
    array: Any = find_dataflow(dataflow).settings_class
    return create_model("ArchSettings", __base__=ArchSettings, pe_array=(array, ...))
