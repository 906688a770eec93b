"""`weight_buffer`: SRAM for the weights of the passes under way."""

from typing import Literal

from pydantic import Field

from accelsim.config import Count, Cycles
from accelsim.parts.sram import SharedSramSettings


class WeightBufferSettings(SharedSramSettings):
    """One weight buffer a tile, filled in turn. A word holds the weights of one weight row, 8 bits a column."""

    banks: Count = Field(16, le=256, description="a bank gives the weights of one word a cycle, of two where 2rw")
    interleaving: Literal["diagonal", "low_order"] = Field(
        "diagonal", description="weight row i lies in bank (i + i div banks) mod banks, or in bank i mod banks"
    )
    read_latency_cycles: Cycles = Field(0, le=64, description="of it, what pe_array.pipeline_cycles leaves out")
    double: bool = Field(True, description="the next blocks are loaded, as far as they fit, while the array works")
