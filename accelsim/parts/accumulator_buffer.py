"""`accumulator_buffer`: SRAM for partial sums between passes, and for the membranes of a serial machine."""

from pydantic import Field

from accelsim.parts.sram import Ports, SramSettings
from accelsim.units import ceil_div


class AccumulatorBufferSettings(SramSettings):
    """One accumulator buffer a tile, read and written by the neuron unit alone. A word holds the sums of one pixel.

    Words lie in the banks in turn, so that a pixel is written back while the next is read where banks or ports allow.
    """

    ports: Ports = Field("1r1w", description="1rw, one bank: reading and writing a pixel back takes two cycles")

    def access_cycles(self, pixel_bits: int, reads: int, writes: int, *, alternate: bool) -> int:
        """Cycles for the accesses of one pixel of `pixel_bits` bits, read and written so often, among many pixels.

        `alternate`: the same pixel is read and written step after step, as a serial unit does with its membrane; else
        a pixel is written back while the next, whose words follow, is read. Exact: the bank with most accesses binds.
        """
        if self.ports == "ideal":
            return max(reads, writes)
        words = ceil_div(pixel_bits, self.width(pixel_bits))
        most = ceil_div(words, self.banks)
        if self.ports == "1r1w":
            return max(reads, writes) * most
        both = min(reads, writes)
        load = (reads + writes) * most
        if not alternate:
            load = both * ceil_div(2 * words, self.banks) + abs(reads - writes) * most
        return ceil_div(load, 2) if self.ports == "2rw" else load
