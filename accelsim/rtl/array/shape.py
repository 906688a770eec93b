"""What a packed array of the RTL is made for."""

from __future__ import annotations

from dataclasses import dataclass, fields

from accelsim.build.schema import ArchSettings
from accelsim.dataflows.detector_lanes import DetectorLanesSettings
from accelsim.errors import InputError, Problem
from accelsim.units import ceil_div

IMPLEMENTED = {
    ("pe_array", "dataflow"): "detector_lanes",
    ("pe_array", "spike_mode"): "packed",
    ("weight_buffer", "interleaving"): "diagonal",
    ("neuron_unit", "decoding"): "packed",
}
"""The one kind of array that the RTL has: part, key, and its value."""


@dataclass(frozen=True, slots=True)
class ArrayShape:
    """Sizes of a packed array, named as in an architecture file, and the widths of its numbers."""

    rows: int
    """Words taken a cycle."""
    columns: int
    """Output channels computed at once."""
    line_words: int
    fifo_words: int
    weight_banks: int
    pixels: int
    """Output pixels between detector and neuron unit."""
    results: int
    """Pixels between array and the end of their service."""
    read_latency_cycles: int
    pipeline_cycles: int
    """From a pixel's last word to its sums at the neuron unit, the reading of weights included."""
    neuron_lanes: int
    """Neurons encoded a cycle."""
    skips: bool
    """Whether silent words cost nothing."""
    lane_bits: int
    """Bits of a word that one scan takes."""
    slices: int = 2
    """Scans of the widest words."""
    weight_bits: int = 8
    accumulator_bits: int = 24
    out_bits: int = 4
    """Bits of an output word: time steps of the layer."""
    spike_words: int = 1 << 17
    """Words that the spike buffer holds."""
    bank_rows: int = 512
    """Weight rows that a bank of the weight buffer holds."""
    largest_side: int = 512
    """Rows, columns of a map."""
    largest_kernel: int = 11
    """Rows, columns of a kernel; also the largest stride, padding and dilation."""
    largest_fan_in: int = 1 << 14
    """Weight rows of a layer, channels of a map."""
    parameter_rows: int = 64
    """Groups of output channels whose thresholds are held."""

    def __post_init__(self) -> None:
        problems = [
            Problem(rule="must be at least 1", key=field.name, value=value)
            for field in fields(self)
            if (value := getattr(self, field.name)) < 1 and field.name != "skips"
        ]
        if problems:
            raise InputError(problems)

    @classmethod
    def from_settings(
        cls, settings: ArchSettings, word_bits: int = 8, weight_bits: int = 8, out_bits: int = 4
    ) -> ArrayShape:
        """The array of a tile of an architecture; `word_bits` are those of the widest words that it scans.

        Raises InputError for every setting that the RTL does not have.
        """
        problems = [
            Problem(rule="the RTL has no other array", key=f"{part}.{key}", value=value, allowed=str(allowed))
            for (part, key), allowed in IMPLEMENTED.items()
            if (value := getattr(getattr(settings, part), key, allowed)) != allowed
        ]
        if settings.neuron_unit == "ideal":
            rule = "the RTL has no neuron unit that takes no time"
            problems.append(Problem(rule, key="neuron_unit", value="ideal", allowed="lanes"))
        pipeline = settings.pe_array.pipeline_cycles + settings.weight_buffer.read_latency_cycles
        ports = settings.weight_buffer.ports
        if ports in ("2rw", "ideal"):
            rule = "a bank of the RTL gives one word a cycle"
            problems.append(Problem(rule, key="weight_buffer.ports", value=ports, allowed="1rw, 1r1w"))
        latencies = {
            "spike_buffer.read_latency_cycles": settings.spike_buffer.read_latency_cycles,
            "pe_array.pipeline_cycles": pipeline,
        }
        problems += [
            Problem(rule="the RTL has a register there", key=key, value=cycles, allowed=">= 1")
            for key, cycles in latencies.items()
            if cycles < 1
        ]
        if problems:
            raise InputError(problems)
        array, banks = settings.pe_array, settings.weight_buffer.banks
        assert isinstance(array, DetectorLanesSettings)
        return cls(
            rows=array.rows,
            columns=array.columns,
            line_words=array.line_words,
            fifo_words=array.fifo_words,
            weight_banks=banks,
            pixels=array.pixels_in_flight,
            results=settings.neurons.results,
            read_latency_cycles=settings.spike_buffer.read_latency_cycles,
            pipeline_cycles=pipeline,
            neuron_lanes=settings.neurons.lanes,
            skips=array.skip == "silent_words",
            lane_bits=array.lane_bits,
            slices=ceil_div(word_bits, array.lane_bits),
            weight_bits=weight_bits,
            accumulator_bits=array.accumulator_bits,
            out_bits=out_bits,
            spike_words=settings.spike_buffer.bytes * 8 // array.lane_bits,
            bank_rows=max(1, settings.weight_buffer.bytes * 8 // (banks * array.columns * weight_bits)),
        )

    @property
    def largest_words(self) -> int:
        """Words of a receptive field, all scans together."""
        return self.largest_fan_in * self.slices
