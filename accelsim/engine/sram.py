"""The rules of an SRAM of a tile, as the kernels read them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from accelsim.engine.topology import Words
from accelsim.kernels import state


@dataclass(frozen=True, slots=True)
class SramShape:
    """Rules of an SRAM of a tile; ports, interleaving and arbitration are numbers of `accelsim.kernels.state`."""

    width_bits: int
    depth_words: int
    """Words of a bank."""
    ports: int = state.ONE_RW
    interleaving: int = state.LOW_ORDER
    arbitration: int = state.WRITES_FIRST

    @property
    def reads(self) -> int:
        """Reads that a bank takes in a cycle without writes."""
        return 2 if self.ports == state.TWO_RW else 1

    def rules(self, banks: int, flit_bits: int) -> Words:
        """The rules as the kernels read them."""
        rules = np.zeros(state.SRAM_COLUMNS, np.int64)
        rules[state.B_BANKS] = banks
        rules[state.B_WIDTH] = self.width_bits
        rules[state.B_DEPTH] = self.depth_words
        rules[state.B_PORTS] = self.ports
        rules[state.B_INTERLEAVING] = self.interleaving
        rules[state.B_ARBITRATION] = self.arbitration
        rules[state.B_FLIT] = -(-flit_bits // self.width_bits)
        # Words one behind the other lie in different banks as many times as a bank can be read in a cycle, but for
        # the first and the last of a range.
        apart = banks if self.interleaving == state.LOW_ORDER else 1
        rules[state.B_FREE] = (apart * self.reads - 1) * self.width_bits + 1
        # On a diagonal so do fewer words than banks: where a round ends the next begins two banks further on.
        turn = max(1, banks - 1) if self.interleaving == state.DIAGONAL else apart
        rules[state.B_FLIT_FREE] = rules[state.B_FLIT] <= turn
        if self.ports == state.UNLIMITED:
            rules[state.B_FREE] = state.FOREVER
            rules[state.B_FLIT_FREE] = 1
        return rules
