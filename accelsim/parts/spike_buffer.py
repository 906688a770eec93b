"""`spike_buffer`: SRAM for the words that a tile's layers consume."""

from typing import Literal

from pydantic import Field

from accelsim.config import Count, Cycles
from accelsim.parts.sram import SharedSramSettings


class SpikeBufferSettings(SharedSramSettings):
    """One spike buffer a tile: the network interface writes, spike detector or neuron unit read. A word is a line."""

    banks: Count = Field(4, le=64, description="words lie in them as `interleaving` says")
    interleaving: Literal["low_order", "block"] = Field(
        "low_order", description="low_order: words in turn; block: a bank is a range of consecutive words"
    )
    read_latency_cycles: Cycles = Field(2, le=64, description="from address to line, paid at the start of a pass")
