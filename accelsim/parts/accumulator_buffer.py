"""`accumulator_buffer`: SRAM for partial sums between passes, and for the membranes of a serial machine."""

from typing import Literal

from pydantic import Field

from accelsim.config import Bytes, Settings


class AccumulatorBufferSettings(Settings):
    """One accumulator buffer a tile, wide enough for all columns of the array."""

    bytes: Bytes = Field(gt=0, description="capacity")
    ports: Literal["1rw", "1r1w"] = Field("1r1w", description="1rw: reading and writing a pixel back takes two cycles")

    @property
    def update_cycles(self) -> int:
        """Cycles to read, change and write one pixel's accumulators, pipelined where there are two ports."""
        return 1 if self.ports == "1r1w" else 2
