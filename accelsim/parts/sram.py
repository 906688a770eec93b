"""SRAM of a tile: banks, ports, and who goes first; the buffers' settings are made of these."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from accelsim.config import Bytes, Count, Settings
from accelsim.engine.sram import SramShape
from accelsim.kernels import state as k
from accelsim.units import ceil_div

PORTS = {"1rw": k.ONE_RW, "1r1w": k.ONE_R_ONE_W, "2rw": k.TWO_RW, "ideal": k.UNLIMITED}
INTERLEAVINGS = {"low_order": k.LOW_ORDER, "block": k.BLOCK, "diagonal": k.DIAGONAL}
ARBITRATIONS = {"writes_first": k.WRITES_FIRST, "reads_first": k.READS_FIRST, "round_robin": k.ROUND_ROBIN}

Ports = Literal["1rw", "1r1w", "2rw", "ideal"]


class SramSettings(Settings):
    """Banks of one SRAM. A bank serves, in a cycle, one access (1rw), a read and a write (1r1w) or any two (2rw).

    With `ideal` ports every access of a cycle is taken; energy and area are those of 1rw.
    """

    bytes: Bytes = Field(gt=0, description="capacity")
    banks: Count = Field(1, le=256, description="words lie in them as `interleaving` says")
    width_bits: Literal["auto"] | Annotated[Count, Field(le=1 << 16)] = Field(
        "auto", description="of a word, what a bank reads or writes at once; auto: as wide as its reader takes"
    )
    ports: Ports = Field("1rw", description="accesses of a bank in a cycle: one; a read and a write; any two; all")

    def width(self, auto_bits: int) -> int:
        """Bits of a word; `auto_bits` where the file leaves it open."""
        return auto_bits if self.width_bits == "auto" else self.width_bits


class SharedSramSettings(SramSettings):
    """An SRAM that the network interface writes while a unit of the tile reads."""

    arbitration: Literal["writes_first", "reads_first", "round_robin"] = Field(
        "writes_first", description="who asks first: the network interface, who reads, or whoever lost last"
    )
    interleaving: str

    def shape(self, auto_bits: int) -> SramShape:
        """The SRAM as the engine makes it."""
        width = self.width(auto_bits)
        return SramShape(
            width_bits=width,
            depth_words=max(1, ceil_div(self.bytes * 8, width * self.banks)),
            ports=PORTS[self.ports],
            interleaving=INTERLEAVINGS[self.interleaving],
            arbitration=ARBITRATIONS[self.arbitration],
        )
