"""Detector lanes: a spike detector with a queue, and an array whose lanes share the banks of the weight buffer.

The words of a receptive field are read in lines; a detector passes those that count to a FIFO, at most `rows` a
cycle; the array takes up to `rows` of them, at most one from each bank of the weight buffer, and multiplies each by
the weights of `columns` output channels. What the queues and banks hold carries over from cycle to cycle, so the
fabric steps it (`accelsim.kernels.detector`, `accelsim.kernels.array`); docs/timing.md has its cycles.
"""

from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import Field, model_validator

from accelsim.config import Count, Cycles, broken
from accelsim.dataflows.dataflow import ArrayKind, ArraySettings, Skip, SpikeMode


class DetectorLanesSettings(ArraySettings):
    """Size of the array of one tile, and of its queues."""

    rows: Count = Field(le=1024, description="words taken a cycle")
    columns: Count = Field(le=1024, description="output channels computed at once")
    dataflow: Literal["detector_lanes"] = "detector_lanes"
    skip: Skip = Field("silent_words", description="which words cost no array cycle")
    lane_bits: Count = Field(4, le=8, description="bits of a word that one scan takes; wider words are scanned again")
    line_words: Count = Field(64, le=1024, description="words that the detector reads at once")
    fifo_words: Count = Field(128, le=4096, description="words between detector and array")
    pixels_in_flight: Count = Field(8, le=64, description="output pixels whose words may be in the FIFO at once")
    pipeline_cycles: Cycles = Field(2, le=256, description="from a pixel's last word to its sums at the neuron unit")

    @property
    def pe_shape(self) -> tuple[int, int]:
        return self.rows, self.columns

    @property
    def operand_bits(self) -> int:
        return self.lane_bits

    @property
    def line_bits(self) -> int:
        return self.line_words * self.lane_bits

    @property
    def queued_words(self) -> int:
        return self.fifo_words

    @model_validator(mode="after")
    def _check(self) -> "DetectorLanesSettings":
        if self.spike_mode == "bit_serial" and self.lane_bits != 1:
            raise broken("lane_bits", "a bit-serial array takes one bit of a word a scan", self.lane_bits, "1")
        if self.fifo_words < self.rows:
            raise broken("fifo_words", "the FIFO must hold the words of one cycle", self.fifo_words, f">= {self.rows}")
        return self


class DetectorLanes(ArrayKind):
    """Stepped by the fabric."""

    settings_class = DetectorLanesSettings
    compared_with = (
        "pixel by pixel; a layer worked by hand; words of the untimed SpikePack model; RTL of our own, cycle by cycle"
    )
    modes: ClassVar[Mapping[tuple[SpikeMode, Skip], str]] = {
        ("packed", "nothing"): "",
        ("packed", "silent_words"): "",
        ("packed", "zero_bits"): "a lane multiplies all bits of a word at once",
        ("bit_serial", "nothing"): "a bit-serial array skips zero bits: a zero plane adds nothing",
        ("bit_serial", "silent_words"): "",
        ("bit_serial", "zero_bits"): "the words of a plane are bits: silent_words skips those that are zero",
    }


DATAFLOW = DetectorLanes()
