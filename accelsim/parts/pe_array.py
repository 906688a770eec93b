"""`pe_array`: the array of processing elements with its spike detector.

The words of a receptive field are read in lines; a detector passes those that count to a FIFO, at most `rows` a
cycle; the array takes up to `rows` of them, at most one from each bank of the weight buffer, and multiplies each by
the weights of `columns` output channels.
"""

from typing import Literal

from pydantic import Field, model_validator

from accelsim.config import Count, Cycles, Settings, broken


class PeArraySettings(Settings):
    """Size and dataflow of the array of one tile."""

    rows: Count = Field(le=1024, description="words taken a cycle")
    columns: Count = Field(le=1024, description="output channels computed at once")
    dataflow: Literal["detector_lanes"] = "detector_lanes"
    spike_mode: Literal["packed", "bit_serial"] = Field(
        description="packed: a word is one operand; bit_serial: its bit planes are scanned one after another"
    )
    skip: Literal["nothing", "silent_words"] = Field("silent_words", description="which words cost no array cycle")
    lane_bits: Count = Field(4, le=8, description="bits of a word that one scan takes; wider words are scanned again")
    line_words: Count = Field(64, le=1024, description="words that the detector reads at once")
    fifo_words: Count = Field(128, le=4096, description="words between detector and array")
    pixels_in_flight: Count = Field(8, le=64, description="output pixels whose words may be in the FIFO at once")
    pipeline_cycles: Cycles = Field(2, le=256, description="from a pixel's last word to its sums at the neuron unit")
    accumulator_bits: Count = Field(24, le=64, description="width of a partial sum")

    @model_validator(mode="after")
    def _check(self) -> "PeArraySettings":
        if self.spike_mode == "bit_serial" and self.lane_bits != 1:
            raise broken("lane_bits", "a bit-serial array takes one bit of a word a scan", self.lane_bits, "1")
        if self.fifo_words < self.rows:
            raise broken("fifo_words", "the FIFO must hold the words of one cycle", self.fifo_words, f">= {self.rows}")
        return self
