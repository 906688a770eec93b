"""`spike_buffer`: SRAM for the words that a tile's layers consume."""

from pydantic import Field

from accelsim.config import Bytes, Count, Cycles, Settings


class SpikeBufferSettings(Settings):
    """One spike buffer a tile. A bank serves one access a cycle; the network interface's writes go first."""

    bytes: Bytes = Field(gt=0, description="capacity")
    banks: Count = Field(4, le=64, description="lines lie in the banks in turn")
    read_latency_cycles: Cycles = Field(2, le=64, description="from address to line, paid at the start of a pass")
